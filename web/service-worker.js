/**
 * Keeps the page for when there is no network, and watches what it asks for: nothing but files of its own site, and with
 * no data in the request. Whatever else is asked for gets no answer and does not leave.
 *
 * `files.js` is made with the page: it lists every file with the SHA-256 of its content, so that a new build is noticed,
 * fetched as far as it changed, and never mixed with the one before.
 */

importScripts("files.js");

/** @typedef {Record<string, string>} Files hashes by path */

const worker = /** @type {ServiceWorkerGlobalScope & {COIN_FILES: {version: string, files: Files}}} */ (/** @type {unknown} */ (self));
const { version, files } = worker.COIN_FILES;
const { scope } = worker.registration;
/** Other pages of the same origin have caches, too. */
const prefix = `coin ${scope} `;
const current = `${prefix}${version}`;
/** Where a cache remembers what it holds. */
const LIST = new URL("files.json", scope).href;

worker.addEventListener("install", (event) => event.waitUntil(keep()));
worker.addEventListener("activate", (event) => event.waitUntil(takeOver()));
worker.addEventListener("fetch", (event) => event.respondWith(answer(event.request)));
worker.addEventListener("message", ({ data }) => {
  if (data === "activate") worker.skipWaiting();
});

/** Fetches every file, but for those that an earlier build had as well. */
async function keep() {
  for (const script of [worker.location.href, new URL("files.js", scope).href]) tell({ made: { address: script, bytes: 0 } });
  const earlier = await Promise.all((await keptBefore()).map(async (cache) => ({ cache, files: await listOf(cache) })));
  const cache = await caches.open(current);
  for (const [path, hash] of Object.entries(files)) {
    const same = earlier.find(({ files }) => files[path] === hash);
    const response = (await same?.cache.match(addressOf(path))) ?? (await fetched(path, hash));
    await cache.put(addressOf(path), response);
  }
  await cache.put(LIST, Response.json(files));
}

/**
 * @param {string} path
 * @param {string} hash
 */
async function fetched(path, hash) {
  const response = await fetch(addressOf(path), { cache: "no-cache" });
  const content = response.ok ? await response.clone().arrayBuffer() : null;
  tell({ made: { address: addressOf(path), bytes: content?.byteLength ?? 0 } });
  if (!content || (await sha256(content)) !== hash) throw new Error(`${path} is not what was built`);
  return response;
}

async function takeOver() {
  for (const other of await caches.keys()) {
    if (other.startsWith(prefix) && other !== current) await caches.delete(other);
  }
  await worker.clients.claim();
}

/** @param {Request} request */
async function answer(request) {
  const url = new URL(request.url);
  const body = (await request.clone().arrayBuffer()).byteLength;
  // A page may be opened with a model and a device in its address.
  const sent = body + (request.mode === "navigate" ? 0 : url.search.length);
  const refused = sent > 0 || url.origin !== worker.location.origin || request.method !== "GET";
  tell({ watched: { refused } });
  if (refused) return Response.error();
  const cache = await caches.open(current);
  return (await cache.match(request, { ignoreSearch: request.mode === "navigate" })) ?? fetch(request);
}

/** The caches of other builds. */
async function keptBefore() {
  const names = (await caches.keys()).filter((other) => other.startsWith(prefix) && other !== current);
  return Promise.all(names.map((other) => caches.open(other)));
}

/**
 * @param {Cache} cache
 * @returns {Promise<Files>}
 */
async function listOf(cache) {
  return (await (await cache.match(LIST))?.json()) ?? {};
}

/**
 * Some servers answer `index.html` with a redirection, which no page may be opened with.
 *
 * @param {string} path
 */
function addressOf(path) {
  return new URL(path === "index.html" ? "./" : path, scope).href;
}

/** @param {ArrayBuffer} content */
async function sha256(content) {
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", content));
  return [...hash].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/**
 * Says it to every open page.
 *
 * @param {{made: {address: string, bytes: number}} | {watched: {refused: boolean}}} what
 */
async function tell(what) {
  const pages = await worker.clients.matchAll({ type: "window", includeUncontrolled: true });
  for (const page of pages) page.postMessage(what);
}
