import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, beforeEach, describe, test } from "node:test";
import { discDicom, discNifti } from "./files.mjs";
import { MODEL, SETUPS, openSite } from "./site.mjs";
import { Visitor, launch } from "./visitor.mjs";

/** Lets a test take away the GPU that a worker has got. */
const REVOCABLE = `
  if (self.GPUAdapter) {
    const request = GPUAdapter.prototype.requestDevice;
    GPUAdapter.prototype.requestDevice = async function (...wishes) {
      const device = await request.apply(this, wishes);
      self.loseDevice = () => device.destroy();
      return device;
    };
  }
`;

for (const { name, device, flags, skip } of SETUPS) {
  describe(`Engines that end: ${name}`, { skip }, () => {
    /** @type {import("playwright-core").Browser} */
    let browser;
    /** @type {Awaited<ReturnType<typeof openSite>>} */
    let site;
    /** Someone who has opened a series, moved in it and set a threshold. @type {Visitor} */
    let visitor;
    /** What they see. @type {any} */
    let earlier;
    let slice = 3;

    before(async () => {
      site = await openSite((path, content) => (path === "worker.js" ? REVOCABLE + content : content));
      browser = await launch(flags);
      // An altered worker is not what was built, so nothing is kept.
      visitor = await Visitor.arrive(browser, `${site.address}#device=${device}&model=${MODEL}`, { serviceWorkers: "block" });
      const mimeType = "application/dicom";
      const file = (/** @type {number} */ place) => ({ name: `IM${place}`, mimeType, buffer: discDicom({ series: "1.2.3", place }) });
      await visitor.picks([0, 10, 20, 30].map(file));
      await visitor.explains(() => visitor.page.locator("#slice").fill("3"));
      await visitor.page.locator("#threshold").fill("0.41");
    });
    after(async () => {
      await browser?.close();
      site?.close();
    });
    beforeEach(async () => {
      earlier = await visitor.coin();
    });

    const moves = () => {
      slice = 1 + (slice % 3);
      return visitor.explains(() => visitor.page.locator("#slice").fill(String(slice)));
    };

    /**
     * File and settings are still there, and the next slice is explained.
     *
     * @param {string} [engine]
     */
    const assertGoesOn = async (engine = device) => {
      await moves();
      assert.equal(await visitor.state(), "ready", await visitor.text("notice-text"));
      const { source, threshold, device } = await visitor.coin();
      assert.deepEqual(source, { ...earlier.source, slice });
      assert.equal(threshold, 0.41);
      assert.equal(device.engine, engine);
    };

    test("a dead engine is replaced, and the page says so", async () => {
      await (await visitor.engine(device)).evaluate(() => {
        setTimeout(() => {
          throw new Error("killed by a test");
        });
      });
      await visitor.page.locator("#notice").waitFor();
      assert.match(await visitor.text("notice-text"), /stopped .*killed by a test.* starts afresh/);
      assert.deepEqual(await visitor.coin(), earlier);
      await assertGoesOn();
    });

    test("a trap in the middle of an explanation ends the engine alone", async () => {
      await (await visitor.engine(device)).evaluate(async (bindings) => {
        const { Engine } = await import(bindings);
        const { explain } = Engine.prototype;
        // An engine that lies beyond the memory.
        Engine.prototype.explain = (/** @type {unknown} */ slice) => explain.call({ __wbg_ptr: 0x7ffffff0 }, slice);
      }, `${site.address}engine/${device}/coin.js`);
      await moves();
      assert.equal(await visitor.state(), "failed");
      assert.match(await visitor.text("notice-text"), /engine stopped \(memory access out of bounds\) and starts afresh/);
      assert.deepEqual(await visitor.coin(), earlier);
      await assertGoesOn();
    });

    test("memory that runs out ends the engine alone, and the page says what it was", async (test) => {
      await (await visitor.engine("files")).evaluate(async (bindings) => {
        const { memory } = await (await import(bindings)).default();
        for (let pages = 4096; pages >= 1; pages /= 2) {
          try {
            for (;;) memory.grow(pages);
          } catch {
            // No more of this size.
          }
        }
      }, `${site.address}engine/files/coin.js`);
      const folder = await mkdtemp(join(tmpdir(), "coin-"));
      test.after(() => rm(folder, { recursive: true }));
      const large = join(folder, "large.nii");
      await writeFile(large, discNifti(512, 160));
      await visitor.picks(large);
      assert.equal(await visitor.state(), "failed");
      assert.match(await visitor.text("notice-text"), /file reader stopped \(it ran out of memory\) and starts afresh/);
      assert.deepEqual(await visitor.coin(), earlier);
      await assertGoesOn();
    });

    if (device !== "webgpu") return;

    test("a card that is lost in the middle of an explanation is told of, and a new one is taken", async () => {
      await (await visitor.engine("webgpu")).evaluate(async (bindings) => {
        const { Engine } = await import(bindings);
        const { explain } = Engine.prototype;
        Engine.prototype.explain = function (/** @type {unknown} */ slice) {
          const pending = explain.call(this, slice);
          /** @type {any} */ (self).loseDevice();
          return pending;
        };
      }, `${site.address}engine/webgpu/coin.js`);
      await moves();
      assert.equal(await visitor.state(), "failed");
      assert.match(await visitor.text("notice-text"), /WebGPU engine stopped \(the GPU was lost.*\) and starts afresh/);
      assert.ok(await visitor.page.locator("#notice-offer").isVisible());
      assert.deepEqual(await visitor.coin(), earlier);
      await assertGoesOn();
    });

    test("when a card is lost the CPU is offered, and goes on with the same slice and settings", async () => {
      await (await visitor.engine("webgpu")).evaluate(() => /** @type {any} */ (self).loseDevice());
      await visitor.page.locator("#notice").waitFor();
      assert.match(await visitor.text("notice-text"), /WebGPU engine stopped \(the GPU was lost/);
      assert.deepEqual(await visitor.coin(), earlier);
      await visitor.explains(() => visitor.page.locator("#notice-offer").click());
      const { source, threshold, device, explanation } = await visitor.coin();
      assert.deepEqual({ source, threshold }, { source: earlier.source, threshold: 0.41 });
      assert.equal(device.engine, "cpu");
      assert.ok(Math.abs(explanation.before - earlier.explanation.before) < 1e-3);
      await assertGoesOn("cpu");
    });
  });
}
