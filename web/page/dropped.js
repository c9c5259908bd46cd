/**
 * Lists dropped files and the files in dropped folders. Names include the path, since folders may contain equal file names.
 *
 * @param {DataTransfer} transfer
 * @returns {Promise<{source: File, name: string}[]>}
 */
export function droppedFiles(transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter((entry) => entry != null);
  // Synthetic drops have no entries.
  if (entries.length === 0) return Promise.resolve([...transfer.files].map((source) => ({ source, name: source.name })));
  return filesOf(entries);
}

/**
 * @param {FileSystemEntry[]} entries
 * @returns {Promise<{source: File, name: string}[]>}
 */
async function filesOf(entries) {
  const found = entries.filter(({ name }) => !name.startsWith(".")).map(async (entry) => {
    // `instanceof` does not work: not every browser exposes the classes.
    if (entry.isDirectory) return filesOf(await readDirectory(/** @type {FileSystemDirectoryEntry} */ (entry)));
    const file = /** @type {FileSystemFileEntry} */ (entry);
    const source = await new Promise((/** @type {(file: File) => void} */ resolve, reject) => file.file(resolve, reject));
    return [{ source, name: entry.fullPath.replace(/^\//, "") }];
  });
  return (await Promise.all(found)).flat();
}

/**
 * @param {FileSystemDirectoryEntry} folder
 * @returns {Promise<FileSystemEntry[]>}
 */
async function readDirectory(folder) {
  const reader = folder.createReader();
  const entries = [];
  for (;;) {
    // Browsers return entries in batches; an empty batch is the last.
    const batch = await new Promise((/** @type {(batch: FileSystemEntry[]) => void} */ resolve, reject) => reader.readEntries(resolve, reject));
    if (batch.length === 0) return entries;
    entries.push(...batch);
  }
}
