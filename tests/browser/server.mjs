import { readFile, stat } from "node:fs/promises";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";

const TYPES = {
  ".css": "text/css",
  ".html": "text/html",
  ".js": "text/javascript",
  ".mjs": "text/javascript",
  ".json": "application/json",
  ".svg": "image/svg+xml",
  ".wasm": "application/wasm",
};

/**
 * A request to a server.
 *
 * @typedef {Object} RecordedRequest
 * @property {string} method
 * @property {string} path below the site, without query
 * @property {string} query
 * @property {number} bytes size of the body
 */

/** @typedef {(path: string, content: Buffer) => Buffer | string} Alter returns the content to serve */

/**
 * Serves a folder below `prefix` with additional headers and records the requests.
 *
 * @param {string} folder
 * @param {string} prefix begins and ends with a slash
 * @param {Record<string, string>} headers
 * @param {Alter} [alter]
 * @returns {Promise<{address: string, requests: RecordedRequest[], close: () => void}>}
 */
export async function serve(folder, prefix, headers, alter = (_, content) => content) {
  /** @type {RecordedRequest[]} */
  const requests = [];
  const { origin, close } = await listen(async (request, response) => {
    const { pathname, search } = new URL(request.url ?? "/", "http://localhost");
    const recorded = { method: request.method ?? "", path: pathname.slice(prefix.length), query: search, bytes: 0 };
    requests.push(recorded);
    for await (const part of request) recorded.bytes += part.length;
    const path = normalize(decodeURIComponent(pathname));
    const file = join(folder, path.endsWith("/") ? join(path.slice(prefix.length), "index.html") : path.slice(prefix.length));
    const found = path.startsWith(prefix) ? await stat(file).catch(() => null) : null;
    if (!found?.isFile()) {
      response.writeHead(404).end();
      return;
    }
    const type = TYPES[/** @type {keyof typeof TYPES} */ (extname(file))] ?? "application/octet-stream";
    const content = alter(recorded.path, await readFile(file));
    response.writeHead(200, { ...headers, "content-type": type, "content-length": Buffer.byteLength(content) });
    response.end(content);
  });
  return { address: `${origin}${prefix}`, requests, close };
}

/**
 * Starts a server on another origin that allows all requests and records them.
 *
 * @returns {Promise<{address: string, requests: string[], close: () => void}>}
 */
export async function serveOtherOrigin() {
  /** @type {string[]} */
  const requests = [];
  const { origin, close } = await listen((request, response) => {
    requests.push(request.url ?? "");
    response.writeHead(200, { "access-control-allow-origin": "*" }).end();
  });
  return { address: `${origin}/`, requests, close };
}

/** @param {import("node:http").Server} server */
function stop(server) {
  server.close();
  server.closeAllConnections();
}

/** @param {import("node:http").RequestListener} answer */
async function listen(answer) {
  const server = createServer(answer);
  await new Promise((listening) => server.listen(0, "127.0.0.1", () => listening(undefined)));
  const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
  return { origin: `http://127.0.0.1:${port}`, close: () => stop(server) };
}
