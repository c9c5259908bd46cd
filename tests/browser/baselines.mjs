// One explanation by this page's engines and by onnxruntime-web, on the same weights, slice and adapter, in one page:
// `npm run baselines`. Prints ratios and asserts nothing but that the two agree; run it alone on the machine. The baseline is
// optional: `npm install --no-save onnxruntime-web@1.30.0`.
import { execFileSync } from "node:child_process";
import { mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { median } from "./median.mjs";
import { serve } from "./server.mjs";
import { DIST } from "./site.mjs";
import { launch } from "./visitor.mjs";

const MODELS = ["coin-phantom", "coin-kidney-anomaly"];
/** Turns that each side has. */
const TURNS = 5;
/** What is timed of a turn, after a run that is not. */
const RUNS = 12;
/** On an adapter that is emulated. */
const SLOW_RUNS = 2;
/** How far the two may differ in a pixel of the counterfactual. */
const TOLERANCE = 1e-3;

const root = fileURLToPath(new URL("../..", import.meta.url));
const baseline = await (async () => dirname(fileURLToPath(import.meta.resolve("onnxruntime-web"))))().catch(() => {
  console.error("onnxruntime-web is missing: npm install --no-save onnxruntime-web@1.30.0");
  process.exit(1);
});

const folder = await mkdtemp(join(tmpdir(), "coin-baselines-"));
await writeFile(join(folder, "index.html"), "<!doctype html><title>Baselines</title>");
await symlink(DIST, join(folder, "coin"));
await symlink(baseline, join(folder, "baseline"));
for (const name of MODELS) {
  const convert = ["run", "--quiet", "--release", "--bin", "convert", "--", "onnx", `models/${name}/${name}.safetensors`];
  execFileSync("cargo", [...convert, "--out", join(folder, `${name}.onnx`)], { cwd: root, stdio: ["ignore", "ignore", "inherit"] });
}
const site = await serve(folder, "/", {});

/** Milliseconds; `difference` is the largest of the counterfactuals. @typedef {{ours: number[], theirs: number[], difference: number}} Timed */

/**
 * Both sides in the page, in turns.
 *
 * @param {{model: string, device: "cpu" | "webgpu", turns: number, runs: number}} what
 * @returns {Promise<Timed>}
 */
async function compare({ model, device, turns, runs }) {
  const { Explainer, phantom } = await import(/** @type {any} */ ("/coin/coin.js"));
  const ort = await import(/** @type {any} */ (device === "cpu" ? "/baseline/ort.min.mjs" : "/baseline/ort.webgpu.min.mjs"));
  ort.env.wasm.numThreads = 1;
  ort.env.wasm.wasmPaths = "/baseline/";
  const bytes = async (/** @type {string} */ path) => new Uint8Array(await (await fetch(path)).arrayBuffer());
  const explainer = await Explainer.load(await bytes(`/coin/models/${model}.safetensors`), { device });
  const { size, window, anomaly } = explainer.info;
  const { slice } = await phantom({ seed: 1, size, anomaly: { window, diameterMm: anomaly?.diameter_mm } });
  const session = await ort.InferenceSession.create(await bytes(`/${model}.onnx`), {
    executionProviders: [device === "cpu" ? "wasm" : "webgpu"],
    graphOptimizationLevel: "all",
  });
  const { input, counterfactual } = await explainer.explain(slice);
  const feeds = { [session.inputNames[0]]: new ort.Tensor("float32", input, [1, 1, size, size]) };
  const found = await session.run(feeds);
  const theirs = /** @type {Float32Array} */ (found[session.outputNames[0]].data);
  const difference = counterfactual.reduce((/** @type {number} */ most, /** @type {number} */ value, /** @type {number} */ i) => Math.max(most, Math.abs(value - theirs[i])), 0);
  /** @type {Timed} */
  const timed = { ours: [], theirs: [], difference };
  const clock = async (/** @type {() => Promise<unknown>} */ run) => {
    const start = performance.now();
    await run();
    return performance.now() - start;
  };
  for (let turn = 0; turn < turns; turn++) {
    await explainer.explain(slice);
    for (let i = 0; i < runs; i++) timed.ours.push(await clock(() => explainer.explain(slice)));
    await session.run(feeds);
    for (let i = 0; i < runs; i++) timed.theirs.push(await clock(() => session.run(feeds)));
  }
  return timed;
}

for (const [device, flags, runs] of /** @type {const} */ ([
  ["cpu", ["--disable-gpu"], RUNS],
  ["webgpu", ["--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader"], SLOW_RUNS],
])) {
  const browser = await launch([...flags]);
  for (const model of MODELS) {
    const page = await browser.newPage();
    await page.goto(site.address);
    const { ours, theirs, difference } = await page.evaluate(compare, { model, device, turns: TURNS, runs });
    if (!(difference <= TOLERANCE)) throw new Error(`${model} on ${device}: the counterfactuals differ by ${difference}`);
    const [own, other] = [median(ours), median(theirs)];
    console.log(`${model}, ${device}: ${own.toFixed(1)} ms, onnxruntime-web ${other.toFixed(1)} ms, ratio ${(own / other).toFixed(2)} (medians of ${TURNS} turns of ${runs})`);
    await page.close();
  }
  await browser.close();
}
site.close();
await rm(folder, { recursive: true });
