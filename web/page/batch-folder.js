/** Writes the results of a batch into a folder that the user chooses, in browsers that can (File System Access). */

/** @typedef {{name: string, content: Uint8Array<ArrayBuffer>}} ResultFile */

/** Name of the new folder with the results; numbered if there is one already. */
const RESULTS = "coin-results";

/** Whether the browser can write into folders. */
export const writesFolders = "showDirectoryPicker" in window;

/**
 * Asks for a folder and makes a new one for the results in it, so that nothing is replaced that was there.
 *
 * @returns {Promise<{handle: FileSystemDirectoryHandle, path: string} | null>} null if the user chooses none
 */
export async function newResultsFolder() {
  try {
    // TypeScript does not know the function.
    const chosen = await /** @type {any} */ (window).showDirectoryPicker({ mode: "readwrite" });
    for (let i = 1; ; i++) {
      const name = i === 1 ? RESULTS : `${RESULTS}-${i}`;
      if (await isThere(chosen, name)) continue;
      return { handle: await chosen.getDirectoryHandle(name, { create: true }), path: `${chosen.name}/${name}` };
    }
  } catch (error) {
    if (error instanceof DOMException && error.name === "AbortError") return null;
    throw error;
  }
}

/**
 * Writes files into a folder; files of the same name are replaced, once the new ones are complete.
 *
 * @param {FileSystemDirectoryHandle} folder
 * @param {ResultFile[]} files with names like `case/mask.nii.gz`
 */
export async function writeFiles(folder, files) {
  for (const { name, content } of files) {
    try {
      await writeFile(folder, name.split("/"), content);
    } catch (error) {
      throw new Error(`${name}: ${error instanceof Error ? error.message : error}`);
    }
  }
}

/**
 * @param {FileSystemDirectoryHandle} folder
 * @param {string[]} path
 * @param {Uint8Array<ArrayBuffer>} content
 */
async function writeFile(folder, [name, ...below], content) {
  if (below.length > 0) {
    await writeFile(await folder.getDirectoryHandle(name, { create: true }), below, content);
    return;
  }
  const writable = await (await folder.getFileHandle(name, { create: true })).createWritable();
  try {
    await writable.write(content);
  } catch (error) {
    await writable.abort().catch(() => {});
    throw error;
  }
  await writable.close();
}

/**
 * @param {FileSystemDirectoryHandle} folder
 * @param {string} name of a folder in it
 */
async function isThere(folder, name) {
  try {
    await folder.getDirectoryHandle(name);
    return true;
  } catch (error) {
    if (error instanceof DOMException && error.name === "NotFoundError") return false;
    // A file has the name.
    if (error instanceof DOMException && error.name === "TypeMismatchError") return true;
    throw error;
  }
}
