/**
 * The files that were dropped, those in folders too.
 *
 * @param {DataTransfer} transfer
 * @returns {Promise<File[]>}
 */
export function droppedFiles(transfer) {
  const entries = [...transfer.items].map((item) => item.webkitGetAsEntry?.()).filter((entry) => entry != null);
  // Files that a program drops have no entry.
  if (entries.length === 0) return Promise.resolve([...transfer.files]);
  return filesOf(entries);
}

/**
 * @param {FileSystemEntry[]} entries
 * @returns {Promise<File[]>}
 */
async function filesOf(entries) {
  const found = entries.filter(({ name }) => !name.startsWith(".")).map(async (entry) => {
    if (entry instanceof FileSystemFileEntry) return [await new Promise((resolve, reject) => entry.file(resolve, reject))];
    return entry instanceof FileSystemDirectoryEntry ? filesOf(await listed(entry)) : [];
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
