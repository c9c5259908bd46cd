import { createReadStream } from "node:fs";
import { stat } from "node:fs/promises";
import { createServer } from "node:http";
import { extname, join, normalize } from "node:path";

const TYPES = {
  ".css": "text/css",
  ".html": "text/html",
  ".js": "text/javascript",
  ".json": "application/json",
  ".svg": "image/svg+xml",
  ".wasm": "application/wasm",
};

/**
 * Serves a folder below `prefix`, every file with the headers given.
 *
 * @param {string} folder
 * @param {string} prefix begins and ends with a slash
 * @param {Record<string, string>} headers
 * @returns {Promise<{address: string, close: () => void}>}
 */
export async function serve(folder, prefix, headers) {
  const { origin, close } = await listen(async (request, response) => {
    const { pathname } = new URL(request.url ?? "/", "http://localhost");
    const path = normalize(decodeURIComponent(pathname));
    const file = join(folder, path.endsWith("/") ? join(path.slice(prefix.length), "index.html") : path.slice(prefix.length));
    const found = path.startsWith(prefix) ? await stat(file).catch(() => null) : null;
    if (!found?.isFile()) {
      response.writeHead(404).end();
      return;
    }
    const type = TYPES[/** @type {keyof typeof TYPES} */ (extname(file))] ?? "application/octet-stream";
    response.writeHead(200, { ...headers, "content-type": type, "content-length": found.size });
    createReadStream(file).pipe(response);
  });
  return { address: `${origin}${prefix}`, close };
}

/**
 * A stranger that answers everyone and remembers what it was asked for.
 *
 * @returns {Promise<{address: string, requests: string[], close: () => void}>}
 */
export async function serveStranger() {
  /** @type {string[]} */
  const requests = [];
  const { origin, close } = await listen((request, response) => {
    requests.push(request.url ?? "");
    response.writeHead(200, { "access-control-allow-origin": "*" }).end();
  });
  return { address: `${origin}/`, requests, close };
}

/** @param {import("node:http").RequestListener} answer */
async function listen(answer) {
  const server = createServer(answer);
  await new Promise((listening) => server.listen(0, "127.0.0.1", () => listening(undefined)));
  const { port } = /** @type {import("node:net").AddressInfo} */ (server.address());
  return { origin: `http://127.0.0.1:${port}`, close: () => server.close() };
}
