/**
 * Keeps the page for when there is no network, and watches what it asks for: nothing but files of its own build, and with
 * no data in the request. Whatever else the page or its engines ask for gets no answer and does not leave.
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
/** What may ask: below the same address there may be pages that are not ours. */
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

/** Fetches every file, but for those that an earlier build had as well. */
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
    // Workers obey the policy of their own answer alone, which not every server sends.
    headers.set("content-security-policy", policy);
    await cache.put(addressOf(path), new Response(response.body, { headers }));
  }
  await cache.put(LIST, Response.json(files));
}

/**
 * A file as it was built, whatever its server makes of it on the way.
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

async function takeOver() {
  for (const other of await caches.keys()) {
    if (other.startsWith(prefix) && other !== current) await caches.delete(other);
  }
  await worker.clients.claim();
}

/**
 * Takes over from the earlier build, unless another tab still needs that.
 *
 * @param {Client | MessagePort | ServiceWorker | null} source the page that asks
 */
async function activateFor(source) {
  if ((await ownPages()).length > 1) source?.postMessage({ crowded: true });
  else await worker.skipWaiting();
}

/**
 * @param {Request} request
 * @param {string} clientId of who asks, empty for a page that is opened
 */
async function answer(request, clientId) {
  const client = await worker.clients.get(clientId);
  if (client && ![...PAGES, ...ENGINES].includes(pathOf(client.url) ?? "")) return fetch(request);
  const path = pathOf(request.url);
  const body = (await request.clone().arrayBuffer()).byteLength;
  // A link to the page may carry what its author put there.
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
 * @param {Cache} cache
 * @returns {Promise<Files>}
 */
async function listOf(cache) {
  return (await (await cache.match(LIST))?.json()) ?? {};
}

/**
 * The file that an address means, without its query; null elsewhere.
 *
 * @param {string} address
 */
function pathOf(address) {
  const plain = address.replace(/[?#].*/, "");
  return plain.startsWith(scope) ? plain.slice(scope.length) || "index.html" : null;
}

/**
 * Some servers answer `index.html` with a redirection.
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

/** The open pages of this site. */
async function ownPages() {
  const pages = await worker.clients.matchAll({ type: "window", includeUncontrolled: true });
  return pages.filter(({ url }) => PAGES.includes(pathOf(url) ?? ""));
}

/**
 * Says it to every open page.
 *
 * @param {{made: {address: string, bytes: number}} | {watched: {refused: boolean}}} what
 */
async function tell(what) {
  for (const page of await ownPages()) page.postMessage(what);
}
