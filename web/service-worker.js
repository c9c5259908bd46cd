/**
 * Precaches the page for offline use and monitors its requests: it allows only files of its own build and requests without data,
 * and blocks all other requests of the page and its engines.
 *
 * The build writes `files.js`, the precache manifest: all files with the SHA-256 of their contents. With it, an update downloads
 * only changed files and never mixes builds.
 */

importScripts("files.js");

/** @typedef {Record<string, string>} Files SHA-256 by path */

const worker = /** @type {ServiceWorkerGlobalScope & {COIN_FILES: {version: string, files: Files}}} */ (/** @type {unknown} */ (self));
const { version, files } = worker.COIN_FILES;
const { scope } = worker.registration;
/** Distinguishes these caches from those of other pages on the same origin. */
const prefix = `coin ${scope} `;
const current = `${prefix}${version}`;
/** Key of the manifest within a cache. */
const LIST = new URL("files.json", scope).href;
/** Clients to monitor: the scope may contain other pages. */
const PAGES = ["index.html", "licences.html"];
const ENGINES = ["worker.js"];

worker.addEventListener("install", (event) => event.waitUntil(keep()));
worker.addEventListener("activate", (event) => event.waitUntil(takeOver()));
worker.addEventListener("fetch", (event) => {
  const { request } = event;
  if (request.mode !== "navigate" || PAGES.includes(pathOf(request.url) ?? "")) event.respondWith(answer(request, event.clientId));
});
worker.addEventListener("message", ({ data, source }) => {
  if (data === "activate") activateFor(source);
});

/** Caches all files; unchanged files are copied from the cache of an earlier build. */
async function keep() {
  for (const script of [worker.location.href, new URL("files.js", scope).href]) tell({ made: { address: script, bytes: 0 } });
  const earlier = await Promise.all((await keptBefore()).map(async (cache) => ({ cache, files: await listOf(cache) })));
  const page = await fetched("index.html");
  const policy = (await page.clone().text()).match(/Content-Security-Policy" content="([^"]+)"/)?.[1] ?? "";
  const cache = await caches.open(current);
  for (const [path, hash] of Object.entries(files)) {
    const same = earlier.find(({ files }) => files[path] === hash);
    const response = path === "index.html" ? page : ((await same?.cache.match(addressOf(path))) ?? (await fetched(path)));
    const headers = new Headers(response.headers);
    // Workers obey only the policy in their own response header, which not every server sends.
    headers.set("content-security-policy", policy);
    await cache.put(addressOf(path), new Response(response.body, { headers }));
  }
  await cache.put(LIST, Response.json(files));
}

/**
 * Fetches a file and verifies its hash.
 *
 * @param {string} path
 */
async function fetched(path) {
  const response = await fetch(addressOf(path), { cache: "no-cache" });
  const content = response.ok ? await response.arrayBuffer() : null;
  tell({ made: { address: addressOf(path), bytes: content?.byteLength ?? 0 } });
  if (!content || (await sha256(content)) !== files[path]) throw new Error(`${path} is not what was built`);
  const headers = new Headers({ "content-length": `${content.byteLength}` });
  const type = response.headers.get("content-type");
  if (type) headers.set("content-type", type);
  return new Response(content, { headers });
}

/** Deletes the caches of other builds and takes control of open pages. */
async function takeOver() {
  for (const other of await caches.keys()) {
    if (other.startsWith(prefix) && other !== current) await caches.delete(other);
  }
  await worker.clients.claim();
}

/**
 * Activates this build, unless another tab still uses the earlier one.
 *
 * @param {Client | MessagePort | ServiceWorker | null} source the requesting page
 */
async function activateFor(source) {
  if ((await ownPages()).length > 1) source?.postMessage({ crowded: true });
  else await worker.skipWaiting();
}

/**
 * Answers a request from the cache, or blocks it.
 *
 * @param {Request} request
 * @param {string} clientId of the requesting page or worker; empty for navigation
 */
async function answer(request, clientId) {
  // A worker that still loads its imports is not a client yet: Firefox would wait for it, and it for them.
  const path = pathOf(request.url);
  const isImport = request.destination === "worker" && path !== null && path in files;
  const client = isImport ? null : await worker.clients.get(clientId);
  if (client && ![...PAGES, ...ENGINES].includes(pathOf(client.url) ?? "")) return fetch(request);
  const body = (await request.clone().arrayBuffer()).byteLength;
  // The query of a navigation comes from the link, not from the page.
  const sent = body + (request.mode === "navigate" ? 0 : new URL(request.url).search.length);
  const refused = sent > 0 || request.method !== "GET" || path === null || !(path in files);
  tell({ watched: { refused } });
  if (refused) return Response.error();
  const cache = await caches.open(current);
  return (await cache.match(addressOf(path))) ?? fetched(path);
}

/** The caches of other builds. */
async function keptBefore() {
  const names = (await caches.keys()).filter((other) => other.startsWith(prefix) && other !== current);
  return Promise.all(names.map((other) => caches.open(other)));
}

/**
 * Manifest of a cache.
 *
 * @param {Cache} cache
 * @returns {Promise<Files>}
 */
async function listOf(cache) {
  return (await (await cache.match(LIST))?.json()) ?? {};
}

/**
 * Path of an address within the scope, without query; null outside the scope.
 *
 * @param {string} address
 */
function pathOf(address) {
  const plain = address.replace(/[?#].*/, "");
  return plain.startsWith(scope) ? plain.slice(scope.length) || "index.html" : null;
}

/**
 * Address of a file. `index.html` becomes the folder, because some servers redirect it.
 *
 * @param {string} path
 */
function addressOf(path) {
  return new URL(path === "index.html" ? "./" : path, scope).href;
}

/** SHA-256 in hexadecimal. @param {ArrayBuffer} content */
async function sha256(content) {
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", content));
  return [...hash].map((byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** The open pages of this site. */
async function ownPages() {
  const pages = await worker.clients.matchAll({ type: "window", includeUncontrolled: true });
  return pages.filter(({ url }) => PAGES.includes(pathOf(url) ?? ""));
}

/**
 * Posts a message to all open pages.
 *
 * @param {{made: {address: string, bytes: number}} | {watched: {refused: boolean}}} what
 */
async function tell(what) {
  for (const page of await ownPages()) page.postMessage(what);
}
