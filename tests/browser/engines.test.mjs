import assert from "node:assert/strict";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, beforeEach, describe, test } from "node:test";
import { discDicom, discNifti } from "./files.mjs";
import { MODEL, SETUPS, openSite } from "./site.mjs";
import { Visitor, launch } from "./visitor.mjs";

/** Worker code that lets a test destroy the GPU device. */
const REVOCABLE = `
  if (self.GPUAdapter) {
    const request = GPUAdapter.prototype.requestDevice;
    GPUAdapter.prototype.requestDevice = async function (...parameters) {
      const device = await request.apply(this, parameters);
      self.loseDevice = () => device.destroy();
      return device;
    };
  }
`;

for (const { name, device, flags, skip } of SETUPS) {
  describe(`Engine failures: ${name}`, { skip }, () => {
    /** @type {import("playwright-core").Browser} */
    let browser;
    /** @type {Awaited<ReturnType<typeof openSite>>} */
    let site;
    /** Has opened a series, selected a slice and set a threshold. @type {Visitor} */
    let visitor;
    /** The state before the failure. @type {any} */
    let earlier;
    let slice = 3;

    before(async () => {
      site = await openSite((path, content) => (path === "worker.js" ? REVOCABLE + content : content));
      browser = await launch(flags);
      // The service worker would reject the modified worker.
      visitor = await Visitor.open(browser, `${site.address}#device=${device}&model=${MODEL}`, { serviceWorkers: "block" });
      const mimeType = "application/dicom";
      const file = (/** @type {number} */ place) => ({ name: `IM${place}`, mimeType, buffer: discDicom({ series: "1.2.3", place }) });
      await visitor.openFiles([0, 10, 20, 30].map(file));
      await visitor.explain(() => visitor.page.locator("#slice").fill("3"));
      await visitor.page.locator("#threshold").fill("0.41");
    });
    after(async () => {
      await browser?.close();
      site?.close();
    });
    beforeEach(async () => {
      earlier = await visitor.coin();
    });

    const changeSlice = () => {
      slice = 1 + (slice % 3);
      return visitor.explain(() => visitor.page.locator("#slice").fill(String(slice)));
    };

    /**
     * Asserts that file and settings are kept and that the next slice is explained.
     *
     * @param {string} [engine]
     */
    const assertRecovers = async (engine = device) => {
      await changeSlice();
      assert.equal(await visitor.state(), "ready", await visitor.text("notice-text"));
      const { source, threshold, device } = await visitor.coin();
      assert.deepEqual(source, { ...earlier.source, slice });
      assert.equal(threshold, 0.41);
      assert.equal(device.engine, engine);
    };

    test("a failed engine is replaced, with a notice", async () => {
      await (await visitor.engine(device)).evaluate(() => {
        setTimeout(() => {
          throw new Error("killed by a test");
        });
      });
      await visitor.page.locator("#notice").waitFor();
      assert.match(await visitor.text("notice-text"), /stopped .*killed by a test.* It restarts/);
      assert.deepEqual(await visitor.coin(), earlier);
      await assertRecovers();
    });

    test("a trap during an explanation stops only the engine", async () => {
      await (await visitor.engine(device)).evaluate(async (bindings) => {
        const { Engine } = await import(bindings);
        const { explain } = Engine.prototype;
        // A pointer outside of the memory.
        Engine.prototype.explain = (/** @type {unknown} */ slice) => explain.call({ __wbg_ptr: 0x7ffffff0 }, slice);
      }, `${site.address}engine/${device}/coin.js`);
      await changeSlice();
      assert.equal(await visitor.state(), "failed");
      assert.match(await visitor.text("notice-text"), /engine stopped \(memory access out of bounds\)\. It restarts/);
      assert.deepEqual(await visitor.coin(), earlier);
      await assertRecovers();
    });

    test("running out of memory stops only the engine, and the notice says so", async (test) => {
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
      await visitor.openFiles(large);
      assert.equal(await visitor.state(), "failed");
      assert.match(await visitor.text("notice-text"), /file reader stopped \(it ran out of memory\)\. It restarts/);
      assert.deepEqual(await visitor.coin(), earlier);
      await assertRecovers();
    });

    if (device !== "webgpu") return;

    test("losing the GPU during an explanation shows a notice, and a new device is requested", async () => {
      await (await visitor.engine("webgpu")).evaluate(async (bindings) => {
        const { Engine } = await import(bindings);
        const { explain } = Engine.prototype;
        Engine.prototype.explain = function (/** @type {unknown} */ slice) {
          const pending = explain.call(this, slice);
          /** @type {any} */ (self).loseDevice();
          return pending;
        };
      }, `${site.address}engine/webgpu/coin.js`);
      await changeSlice();
      assert.equal(await visitor.state(), "failed");
      assert.match(await visitor.text("notice-text"), /WebGPU engine stopped \(the GPU was lost.*\)\. It restarts/);
      assert.ok(await visitor.page.locator("#notice-action").isVisible());
      assert.deepEqual(await visitor.coin(), earlier);
      await assertRecovers();
    });

    test("a buffer that cannot be read back stops only the engine", async () => {
      await (await visitor.engine("webgpu")).evaluate(() => {
        const { mapAsync } = GPUBuffer.prototype;
        GPUBuffer.prototype.mapAsync = () => {
          GPUBuffer.prototype.mapAsync = mapAsync;
          return Promise.reject(new DOMException("not mapped, by a test", "OperationError"));
        };
      });
      await changeSlice();
      assert.equal(await visitor.state(), "failed");
      assert.match(await visitor.text("notice-text"), /^The WebGPU engine stopped \(the device did not give the result back: .*map.*\)\. It restarts/);
      assert.deepEqual(await visitor.coin(), earlier);
      await assertRecovers();
    });

    test("after losing the GPU, the notice offers the CPU, which keeps slice and settings", async () => {
      await (await visitor.engine("webgpu")).evaluate(() => /** @type {any} */ (self).loseDevice());
      await visitor.page.locator("#notice").waitFor();
      assert.match(await visitor.text("notice-text"), /WebGPU engine stopped \(the GPU was lost/);
      assert.deepEqual(await visitor.coin(), earlier);
      await visitor.explain(() => visitor.page.locator("#notice-action").click());
      const { source, threshold, device, explanation } = await visitor.coin();
      assert.deepEqual({ source, threshold }, { source: earlier.source, threshold: 0.41 });
      assert.equal(device.engine, "cpu");
      assert.ok(Math.abs(explanation.before - earlier.explanation.before) < 1e-3);
      await assertRecovers("cpu");
    });
  });
}
