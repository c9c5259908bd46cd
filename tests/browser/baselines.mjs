// Compares the time of one explanation between the engines of this page and onnxruntime-web, with the same weights, slice and
// adapter: `npm run baselines`. Prints ratios and only asserts that the results agree; run nothing else on the machine. Install the
// baseline first: `npm install --no-save onnxruntime-web@1.30.0`.
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
/** The runtimes alternate this many times. */
const ROUNDS = 5;
/** Timed runs per round, after one warm-up run. */
const RUNS = 12;
/** Timed runs per round on a software adapter. */
const SLOW_RUNS = 2;
/** Tolerance per pixel of the counterfactual. */
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

/** Milliseconds of each run; `difference` is the largest between the counterfactuals. @typedef {{coin: number[], baseline: number[], difference: number}} Timings */

/**
 * Times both runtimes in the page, alternating.
 *
 * @param {{model: string, device: "cpu" | "webgpu", rounds: number, runs: number}} options
 * @returns {Promise<Timings>}
 */
async function compare({ model, device, rounds, runs }) {
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
  const expected = /** @type {Float32Array} */ (found[session.outputNames[0]].data);
  const difference = counterfactual.reduce((/** @type {number} */ most, /** @type {number} */ value, /** @type {number} */ i) => Math.max(most, Math.abs(value - expected[i])), 0);
  /** @type {Timings} */
  const timings = { coin: [], baseline: [], difference };
  const measureTime = async (/** @type {() => Promise<unknown>} */ run) => {
    const start = performance.now();
    await run();
    return performance.now() - start;
  };
  for (let round = 0; round < rounds; round++) {
    await explainer.explain(slice);
    for (let i = 0; i < runs; i++) timings.coin.push(await measureTime(() => explainer.explain(slice)));
    await session.run(feeds);
    for (let i = 0; i < runs; i++) timings.baseline.push(await measureTime(() => session.run(feeds)));
  }
  return timings;
}

for (const [device, flags, runs] of /** @type {const} */ ([
  ["cpu", ["--disable-gpu"], RUNS],
  ["webgpu", ["--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader"], SLOW_RUNS],
])) {
  const browser = await launch([...flags]);
  for (const model of MODELS) {
    const page = await browser.newPage();
    await page.goto(site.address);
    const { coin, baseline, difference } = await page.evaluate(compare, { model, device, rounds: ROUNDS, runs });
    if (!(difference <= TOLERANCE)) throw new Error(`${model} on ${device}: the counterfactuals differ by ${difference}`);
    const [own, other] = [median(coin), median(baseline)];
    console.log(`${model}, ${device}: ${own.toFixed(1)} ms, onnxruntime-web ${other.toFixed(1)} ms, ratio ${(own / other).toFixed(2)} (medians of ${ROUNDS} rounds of ${runs})`);
    await page.close();
  }
  await browser.close();
}
site.close();
await rm(folder, { recursive: true });
