import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { serve } from "./server.mjs";

/** The built page. */
export const DIST = process.env.COIN_DIST ?? fileURLToPath(new URL("../../dist", import.meta.url));

/** The small model for phantoms, which is what the page shows by itself. */
export const MODEL = "coin-phantom";
/** The model for patients, which their sample asks for. */
export const PATIENT_MODEL = "coin-kidney-anomaly";

const BROWSERS = [
  {
    name: "WebGPU in software",
    device: "webgpu",
    tolerance: 1e-3,
    flags: ["--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader"],
    reason: /software/,
  },
  { name: "WebGPU off", device: "cpu", tolerance: 1e-4, flags: ["--disable-gpu"], reason: /no WebGPU/ },
];

/** Browsers to visit the page with; `skip` says why one cannot. */
export const SETUPS = BROWSERS.map((browser) => {
  const built = existsSync(join(DIST, "engine", browser.device));
  return { ...browser, skip: built ? false : `SKIPPED: ${DIST} has no ${browser.device} engine` };
});

export const html = await readFile(join(DIST, "index.html"), "utf8").catch(() => {
  throw new Error(`${DIST} holds no build: run \`cargo xtask demo\` or trunk first.`);
});
export const policy = html.match(/Content-Security-Policy" content="([^"]+)"/)?.[1] ?? "";

/**
 * Serves the page as it should be served.
 *
 * @param {import("./server.mjs").Alter} [alter]
 */
export function openSite(alter) {
  return serve(DIST, "/some/where/", { "content-security-policy": policy }, alter);
}
