/** Keeps a batch in the browser's database (IndexedDB), so that it continues after a reload. Nothing is sent anywhere. */

const DATABASE = "coin-batch";
const STORE = "cases";

/** @typedef {import("./batch.js").BatchCase} BatchCase */

/** The kept cases, in their order. @returns {Promise<BatchCase[]>} */
export async function keptCases() {
  const names = await indexedDB.databases?.().catch(() => []);
  // Opening would create it.
  if (names && !names.some(({ name }) => name === DATABASE)) return [];
  return run("readonly", (store) => store.getAll());
}

/** Adds or replaces a case, with its files. @param {BatchCase} kept */
export async function keepCase(kept) {
  await run("readwrite", (store) => store.put(kept));
}

/** Removes a case. @param {number} id */
export async function forgetCase(id) {
  await run("readwrite", (store) => store.delete(id));
}

/** Removes everything that was kept. */
export async function forgetAll() {
  await settled(indexedDB.deleteDatabase(DATABASE));
}

/**
 * Runs a request in a transaction of its own.
 *
 * @template T
 * @param {IDBTransactionMode} mode
 * @param {(store: IDBObjectStore) => IDBRequest<T>} request
 * @returns {Promise<T>}
 */
async function run(mode, request) {
  const opening = indexedDB.open(DATABASE, 1);
  opening.addEventListener("upgradeneeded", () => opening.result.createObjectStore(STORE, { keyPath: "id" }));
  const database = await settled(opening);
  try {
    const transaction = database.transaction(STORE, mode);
    const result = request(transaction.objectStore(STORE));
    // A full disk fails the transaction, not the request.
    await new Promise((resolve, reject) => {
      transaction.addEventListener("complete", resolve);
      transaction.addEventListener("abort", () => reject(transaction.error));
    });
    return result.result;
  } finally {
    database.close();
  }
}

/**
 * @template T
 * @param {IDBRequest<T>} request
 * @returns {Promise<T>}
 */
function settled(request) {
  return new Promise((resolve, reject) => {
    request.addEventListener("success", () => resolve(request.result));
    request.addEventListener("error", () => reject(request.error));
  });
}
