/** Writes the results of a batch into a folder that the user chooses, in browsers that can (File System Access). */

/** @typedef {{name: string, content: Uint8Array<ArrayBuffer>}} ResultFile */

/** Whether the browser can write into folders. */
export const writesFolders = "showDirectoryPicker" in window;

/** Asks for a folder; null if the user chooses none. @returns {Promise<FileSystemDirectoryHandle | null>} */
export async function chooseFolder() {
  try {
    // TypeScript does not know the function.
    return await /** @type {any} */ (window).showDirectoryPicker({ mode: "readwrite" });
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") return null;
    throw error;
  }
}

/**
 * Writes files into a folder, each as a whole; files of the same name are replaced.
 *
 * @param {FileSystemDirectoryHandle} folder
 * @param {ResultFile[]} files with names like `case/mask.nii.gz`
 */
export async function writeFiles(folder, files) {
  for (const { name, content } of files) {
    const path = name.split("/");
    const file = path.pop() ?? name;
    let place = folder;
    for (const part of path) place = await place.getDirectoryHandle(part, { create: true });
    const handle = await place.getFileHandle(file, { create: true });
    // The file is replaced when it is closed.
    const writable = await handle.createWritable();
    await writable.write(content);
    await writable.close();
  }
}
