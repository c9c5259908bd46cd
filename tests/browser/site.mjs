import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { serve } from "./server.mjs";

/** Folder of the built page. */
export const DIST = process.env.COIN_DIST ?? fileURLToPath(new URL("../../dist", import.meta.url));

/** The default model, small and for phantoms. */
export const MODEL = "coin-phantom";
/** The model for CT, which the CT sample recommends. */
export const PATIENT_MODEL = "coin-kidney-anomaly";

const BROWSERS = [
  {
    name: "WebGPU in software",
    device: "webgpu",
    tolerance: 1e-3,
    flags: ["--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader"],
    reason: /software/,
  },
  { name: "WebGPU off", device: "cpu", tolerance: 1e-4, flags: ["--disable-gpu"], reason: /WebGPU is not available/ },
];

/** Browser configurations; `skip` is the reason to skip one. */
export const SETUPS = BROWSERS.map((browser) => {
  const built = existsSync(join(DIST, "engine", browser.device));
  return { ...browser, skip: built ? false : `SKIPPED: ${DIST} has no ${browser.device} engine` };
});

export const html = await readFile(join(DIST, "index.html"), "utf8").catch(() => {
  throw new Error(`${DIST} contains no built page. Run \`cargo xtask demo\` or trunk first.`);
});
export const policy = html.match(/Content-Security-Policy" content="([^"]+)"/)?.[1] ?? "";

/**
 * Serves the page with its policy as HTTP header.
 *
 * @param {import("./server.mjs").Alter} [alter]
 */
export function openSite(alter) {
  return serve(DIST, "/some/where/", { "content-security-policy": policy }, alter);
}
