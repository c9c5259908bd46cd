import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { MODEL, SETUPS, openSite } from "./site.mjs";
import { Visitor, launch } from "./visitor.mjs";

const setup = SETUPS.find(({ device }) => device === "cpu");
assert.ok(setup);
const MASKS = 150;

describe("Engine pool", { skip: setup.skip }, () => {
  /** @type {import("playwright-core").Browser} */
  let browser;
  /** @type {Awaited<ReturnType<typeof openSite>>} */
  let site;

  before(async () => {
    site = await openSite();
    browser = await launch(setup.flags);
  });
  after(async () => {
    await browser?.close();
    site?.close();
  });

  /**
   * Opens the page on a device with a number of CPU cores.
   *
   * @param {number} cores
   */
  async function openWith(cores) {
    const context = await browser.newContext();
    const page = await context.newPage();
    await page.addInitScript((cores) => Object.defineProperty(Navigator.prototype, "hardwareConcurrency", { get: () => cores }), cores);
    const visitor = new Visitor(page, `${site.address}#device=cpu&model=${MODEL}`);
    await page.goto(visitor.address);
    await visitor.settled();
    return visitor;
  }

  test("a mask is put on the model's grid as in the reference", async () => {
    const visitor = await openWith(2);
    const found = await visitor.page.evaluate(async () => {
      const { maskOnGrid } = await import(new URL("coin.js", document.baseURI).href);
      /** The number of the slice's pixel, from 1, at each of the 16 points of a grid around the slice. @param {any} slice */
      const numbers = async (slice) => {
        const grid = new Array(16).fill(0);
        for (let pixel = 0; pixel < slice.hu.length; pixel++) {
          const mask = new Uint8Array(slice.hu.length);
          mask[pixel] = 1;
          const onGrid = await maskOnGrid(slice, mask, { size: 4, square: { aroundBody: false } });
          onGrid.forEach((/** @type {number} */ value, /** @type {number} */ at) => (grid[at] += value * (pixel + 1)));
        }
        return grid;
      };
      return [await numbers({ width: 6, height: 3, hu: new Float32Array(18) }), await numbers({ width: 4, height: 4, hu: new Float32Array(16), rowMm: 2, columnMm: 1 })];
    });
    assert.deepEqual(found[0], [0, 0, 0, 0, 1, 2, 4, 5, 7, 8, 10, 11, 0, 0, 0, 0]);
    assert.deepEqual(found[1], [0, 1, 3, 0, 0, 5, 7, 0, 0, 9, 11, 0, 0, 13, 15, 0]);
    await visitor.page.context().close();
  });

  /**
   * Explains eleven phantoms alone and in the pool, and computes a RISE map.
   *
   * @param {{model: string, masks: number}} options
   */
  async function compute({ model, masks }) {
    const { Explainer, phantom } = await import(new URL("coin.js", document.baseURI).href);
    const bytes = new Uint8Array(await (await fetch(`models/${model}.safetensors`)).arrayBuffer());
    const explainer = await Explainer.load(bytes, { device: "cpu" });
    const seeds = Array.from({ length: 11 }, (_, i) => i + 1);
    const slices = await Promise.all(seeds.map(async (seed) => (await phantom({ seed, size: 96 + 8 * seed, anomaly: {} })).slice));
    const plain = (/** @type {any} */ { before, after, difference }) => [before, after, ...difference];
    const sequential = [];
    for (const slice of slices) sequential.push(plain(await explainer.explain(slice)));
    const pooled = [];
    for await (const explanation of explainer.explainAll(slices)) pooled.push(plain(explanation));
    // Leaving the loop early does not affect later calls.
    let seen = 0;
    for await (const _ of explainer.explainAll(slices)) if (++seen === 2) break;
    const again = [];
    for await (const explanation of explainer.explainAll(slices.slice(0, 3))) again.push(plain(explanation));
    const failure = await explainer.attribute(slices[0], "rise", { masks: 1e6 }).catch((/** @type {Error} */ error) => error.message);
    /** @type {number[][]} */
    const steps = [];
    const map = await explainer.attribute(slices[0], "rise", { masks, onProgress: (/** @type {number} */ done, /** @type {number} */ all) => steps.push([done, all]) });
    // A call that waits for an engine can be aborted.
    /** @type {string[]} */
    const ended = [];
    const controller = new AbortController();
    const busy = explainer.attribute(slices[0], "rise", { masks: 300 }).then(() => ended.push("map"));
    const waiting = explainer.explainAll(slices, { signal: controller.signal }).next();
    controller.abort();
    await waiting.catch((/** @type {Error} */ { name }) => ended.push(name));
    await busy;
    return { sequential, pooled, again, map: [...map], steps, failure, ended };
  }

  test("the results equal those of one engine, in order, for any number of engines", async () => {
    const found = [];
    for (const cores of [1, 3]) {
      const visitor = await openWith(cores);
      found.push(await visitor.page.evaluate(compute, { model: MODEL, masks: MASKS }));
      const names = await Promise.all(visitor.page.workers().map((worker) => worker.evaluate(() => self.name)));
      assert.equal(names.filter((name) => /^cpu \d$/.test(name)).length, cores, `${names}`);
      visitor.assertNoErrors();
      await visitor.page.context().close();
    }
    for (const { sequential, pooled, again, map, steps, failure, ended } of found) {
      assert.deepEqual(ended, ["AbortError", "map"]);
      assert.equal(new Set(sequential.map(([before]) => before)).size, 11, "all phantoms differ");
      assert.deepEqual(pooled, sequential);
      assert.deepEqual(again, sequential.slice(0, 3));
      assert.deepEqual([Math.min(...map), Math.max(...map)], [0, 1]);
      assert.deepEqual(steps.at(-1), [MASKS, MASKS]);
      assert.match(failure, /^1000000 RISE masks: choose 1 to 100000$/);
    }
    assert.deepEqual(found[1].map, found[0].map, "the order of summation does not depend on the number of engines");
  });
});
