// Explains a slice many times, and opens and closes many volumes, with and without WebGPU: `npm run soak`. Fails if memory grows.
// `npm run soak -- MODEL.safetensors` explains with another model: on a software GPU, a small one.
import assert from "node:assert/strict";
import { discNifti } from "./files.mjs";
import { MODEL, SETUPS, openSite } from "./site.mjs";
import { Visitor, launch } from "./visitor.mjs";

const [model] = process.argv.slice(2);
const EXPLANATIONS = Number(process.env.COIN_SOAK ?? 1000);
const VOLUMES = 50;
/** Runs before memory is compared, for caches and pools to fill. */
const WARM_UP = 0.1;
/** Growth that is not yet a leak: page size of WebAssembly memory, and what a garbage collector leaves. */
const SLACK_MB = 4;

/** Worker code that keeps the engine's memory, and counts GPU buffers until they are destroyed or collected. */
const COUNTING = `
  for (const name of ["instantiate", "instantiateStreaming"]) {
    const instantiate = WebAssembly[name];
    WebAssembly[name] = async (...parameters) => {
      const made = await instantiate.apply(WebAssembly, parameters);
      self.wasmMemory = (made.instance ?? made).exports.memory;
      return made;
    };
  }
  if (self.GPUDevice) {
    const { createBuffer } = GPUDevice.prototype;
    const { destroy } = GPUBuffer.prototype;
    const live = new Map();
    const collected = new FinalizationRegistry((id) => live.delete(id));
    const ids = new WeakMap();
    let last = 0;
    GPUDevice.prototype.createBuffer = function (descriptor) {
      const buffer = createBuffer.call(this, descriptor);
      ids.set(buffer, ++last);
      live.set(last, descriptor.size);
      collected.register(buffer, last);
      return buffer;
    };
    GPUBuffer.prototype.destroy = function () {
      live.delete(ids.get(this));
      return destroy.call(this);
    };
    self.gpuBuffers = () => ({ count: live.size, bytes: [...live.values()].reduce((sum, size) => sum + size, 0) });
  }
`;

/** @typedef {{name: string, mb: number, buffers: {count: number, bytes: number} | null}} Engine */

for (const { name, device, flags, skip } of SETUPS) {
  if (skip) {
    console.log(skip);
    continue;
  }
  const site = await openSite((path, content) => (path === "worker.js" ? COUNTING + content : content));
  const browser = await launch([...flags, "--js-flags=--expose-gc"]);
  const visitor = await Visitor.open(browser, `${site.address}#device=${device}&model=${MODEL}`, { serviceWorkers: "block" });
  const { page } = visitor;

  /** Memory of each engine and of the page, after collecting garbage. */
  const memory = async () => {
    /** @type {Engine[]} */
    const engines = [];
    for (const worker of page.workers()) {
      engines.push(
        await worker.evaluate(async () => {
          const { gc, gpuBuffers, wasmMemory, name } = /** @type {any} */ (self);
          gc?.();
          await new Promise((resolve) => setTimeout(resolve, 50));
          return { name, mb: (wasmMemory?.buffer.byteLength ?? 0) / 2 ** 20, buffers: gpuBuffers?.() ?? null };
        }),
      );
    }
    const bytes = await page.evaluate(() => {
      const { gc, performance } = /** @type {any} */ (window);
      gc?.();
      return performance.memory?.usedJSHeapSize ?? 0;
    });
    return { engines, page: bytes / 2 ** 20 };
  };

  /**
   * Repeats an action and compares the memory after the warm-up with that at the end.
   *
   * @param {string} what
   * @param {number} times
   * @param {(i: number) => Promise<unknown>} act
   */
  const soak = async (what, times, act) => {
    const start = performance.now();
    const warm = Math.ceil(WARM_UP * times);
    for (let i = 0; i < warm; i++) await act(i);
    const before = await memory();
    for (let i = warm; i < times; i++) await act(i);
    const after = await memory();
    const text = (/** @type {typeof before} */ { engines, page }) =>
      [...engines.map(({ name, mb, buffers }) => `${name} ${mb.toFixed(1)} MiB${buffers ? `, ${buffers.count} GPU buffers of ${(buffers.bytes / 2 ** 20).toFixed(1)} MiB` : ""}`), `page ${page.toFixed(1)} MiB`].join("; ");
    console.log(`${name}: ${times} ${what} in ${((performance.now() - start) / 1000).toFixed(0)} s\n  after ${warm}: ${text(before)}\n  after ${times}: ${text(after)}`);
    assert.ok(after.page - before.page <= SLACK_MB, `the page grew by ${after.page - before.page} MiB`);
    for (const engine of after.engines) {
      const earlier = before.engines.find((other) => other.name === engine.name);
      assert.ok(earlier, `a new worker ${engine.name}`);
      assert.ok(engine.mb - earlier.mb <= SLACK_MB, `${engine.name} grew by ${engine.mb - earlier.mb} MiB`);
      if (engine.buffers && earlier.buffers) assert.ok(engine.buffers.bytes <= 1.1 * earlier.buffers.bytes, `${engine.name} has more GPU buffers`);
    }
  };

  if (model) await visitor.openFiles(model);
  // Another seed each time, so that nothing is answered from a cache.
  await soak("explanations", EXPLANATIONS, () => visitor.explain(() => page.locator("#new-patient").click()));
  const mimeType = "application/octet-stream";
  const volumes = [8, 12].map((slices) => ({ name: `${slices}.nii`, mimeType, buffer: discNifti(128, slices) }));
  await soak("volumes", VOLUMES, async (i) => {
    await visitor.openFiles(volumes[i % 2]);
    await visitor.explain(() => page.locator("#slice").fill("1"));
  });
  visitor.assertNoErrors();
  await browser.close();
  site.close();
}
