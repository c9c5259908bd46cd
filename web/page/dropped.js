/**
 * The files that were dropped, those in folders too, with their paths: two folders may hold files of the same name.
 *
 * @param {DataTransfer} transfer
 * @returns {Promise<{source: File, name: string}[]>}
 */
export function droppedFiles(transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter((entry) => entry != null);
  // Files that a program drops have no entry.
  if (entries.length === 0) return Promise.resolve([...transfer.files].map((source) => ({ source, name: source.name })));
  return filesOf(entries);
}

/**
 * @param {FileSystemEntry[]} entries
 * @returns {Promise<{source: File, name: string}[]>}
 */
async function filesOf(entries) {
  const found = entries.filter(({ name }) => !name.startsWith(".")).map(async (entry) => {
    // Not every browser has a name for their classes.
    if (entry.isDirectory) return filesOf(await listed(/** @type {FileSystemDirectoryEntry} */ (entry)));
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
async function listed(folder) {
  const reader = folder.createReader();
  const entries = [];
  for (;;) {
    // A browser hands them out in parts; the last is empty.
    const part = await new Promise((/** @type {(part: FileSystemEntry[]) => void} */ resolve, reject) => reader.readEntries(resolve, reject));
    if (part.length === 0) return entries;
    entries.push(...part);
  }
}
