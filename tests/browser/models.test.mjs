import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { gunzipSync } from "node:zlib";
import { discPng } from "./files.mjs";
import { DIST, openSite } from "./site.mjs";
import { Visitor, launch } from "./visitor.mjs";

/** @type {{name: string}[]} */
const models = JSON.parse(await readFile(join(DIST, "models/index.json"), "utf8"));
const [sample] = JSON.parse(await readFile(join(DIST, "samples/index.json"), "utf8"));

/** Models whose probabilities are calibrated: on the others' validation slices, the classifier makes no mistake. */
const CALIBRATED = ["coin-glioma", "coin-lung-nodule", "coin-kidney-tumour"];

/** The model with a segmenter. */
const SEGMENTING = "coin-lung-nodule";

describe("Shipped models", () => {
  /** @type {import("playwright-core").Browser} */
  let browser;
  /** @type {Awaited<ReturnType<typeof openSite>>} */
  let site;

  before(async () => {
    site = await openSite();
    browser = await launch(["--disable-gpu"]);
  });
  after(async () => {
    await browser?.close();
    site?.close();
  });

  for (const { name } of models) {
    test(`${name} explains a CT slice within its input square and saves the mask at the same place`, async () => {
      const visitor = await Visitor.open(browser, `${site.address}#device=cpu&model=${name}&sample=${sample.name}&threshold=0.05`);
      const { explanation, mask, model, slice, threshold } = await visitor.coin();
      assert.equal(model.name, name);
      assert.ok(model.selfTest.maxError <= model.selfTest.tolerance);
      const verdict = (await visitor.page.locator("#verdict").textContent()) ?? "";
      assert.ok(verdict.startsWith(CALIBRATED.includes(name) ? "Classifier, calibrated: " : "Classifier: "), verdict);
      const { square, size, difference, segmentation } = explanation;
      const { left, top, width, height } = square;
      if (square.aroundBody) {
        assert.ok(width < 0.98 * slice.width, `the body is narrower than the field of view: ${JSON.stringify(square)}`);
      } else {
        const side = Math.max(slice.width, slice.height);
        assert.deepEqual([left, top, width, height], [(slice.width - side) / 2, (slice.height - side) / 2, side, side]);
      }
      assert.ok(Math.abs((square.pixelMm * size) / width - slice.columnMm) < 1e-3);
      assert.equal(await visitor.page.locator("#segmenter-switch").isVisible(), name === SEGMENTING);
      assert.equal(segmentation !== null, name === SEGMENTING);
      // The threshold in the address has no map, so it is one of the difference map.
      assert.deepEqual(mask, maskOf(difference, size, threshold, model.seedThreshold));
      assert.equal(await visitor.page.locator("#seed-threshold-switch").isVisible(), model.seedThreshold > 0);
      if (model.seedThreshold > 0) {
        await visitor.page.locator("#seed-threshold").uncheck();
        await visitor.page.waitForFunction(() => location.hash.includes("hysteresis=0"));
        const all = (await visitor.coin()).mask;
        assert.deepEqual(all, maskOf(difference, size, threshold, 0));
        assert.ok(all.includes(1), "the mask without hysteresis is not empty");
      }

      const [file] = await Promise.all([visitor.page.waitForEvent("download"), visitor.page.locator("#save-mask").click()]);
      const { z, inside } = maskedVoxels(gunzipSync(await readFile(await file.path())));
      const within = (/** @type {{x: number, y: number}} */ { x, y }) => x + 0.5 > left && x + 0.5 < left + width && y + 0.5 > top && y + 0.5 < top + height;
      assert.ok(inside.length === 0 || z.size === 1, "the mask is in one slice");
      assert.equal(inside.length > 0, (await visitor.coin()).mask.includes(1));
      assert.ok(inside.every(within), "the mask is inside the square");
      visitor.assertNoErrors();
      await visitor.page.context().close();
    });
  }

  test("the mask comes from the segmenter until its switch is off, also in a page that opens the address", async () => {
    const visitor = await Visitor.open(browser, `${site.address}#device=cpu&model=${SEGMENTING}&mask=segmenter&threshold=0.2`);
    const { page } = visitor;
    await visitor.openFiles({ name: "patch.png", mimeType: "image/png", buffer: discPng(56, 5) });
    const { explanation, mask, model, threshold } = await visitor.coin();
    const { size, difference, segmentation } = explanation;
    assert.deepEqual(mask, maskOf(segmentation, size, threshold, 0));
    assert.ok(mask.includes(1), "the test shows nothing");
    const mark = page.locator("#legend-threshold");
    const summary = await visitor.summary();
    assert.deepEqual([summary.mask_from, summary.threshold], ["segmenter", 0.2]);
    assert.ok(await mark.isHidden(), "the colour scale of the difference map has no threshold");
    assert.match((await page.locator("#legend-hint").textContent()) ?? "", /from the segmenter/);

    await page.locator("#segmenter").uncheck();
    await page.waitForFunction(() => location.hash.includes("mask=difference") && !location.hash.includes("threshold="));
    const own = await visitor.coin();
    assert.equal(own.threshold, Number(model.threshold.toFixed(2)));
    assert.deepEqual(own.mask, maskOf(difference, size, own.threshold, model.seedThreshold));
    assert.notDeepEqual(own.mask, mask);
    assert.ok(await mark.isVisible());
    assert.match((await page.locator("#legend-hint").textContent()) ?? "", /The mark shows the threshold/);

    const other = await Visitor.open(browser, site.address + (await page.evaluate(() => location.hash)));
    assert.ok(!(await other.page.locator("#segmenter").isChecked()));
    assert.equal((await other.coin()).threshold, own.threshold);
    await other.page.locator("#segmenter").check();
    await other.page.waitForFunction(() => !location.hash.includes("mask="));
    assert.equal((await other.coin()).threshold, Number(model.segmenter.threshold.toFixed(2)));
    for (const { errors, page } of [visitor, other]) {
      assert.deepEqual(errors, []);
      await page.context().close();
    }
  });
});

/**
 * Mask by hysteresis: pixels above the threshold in 8-connected components that exceed the seed threshold.
 *
 * @param {number[]} difference
 * @param {number} size
 * @param {number} threshold
 * @param {number} seedThreshold
 */
function maskOf(difference, size, threshold, seedThreshold) {
  const above = difference.map((value) => value > Math.fround(threshold));
  if (seedThreshold <= threshold) return above.map(Number);
  const mask = difference.map(() => 0);
  const waiting = difference.flatMap((value, at) => (value > Math.fround(seedThreshold) ? [at] : []));
  for (let at = waiting.pop(); at !== undefined; at = waiting.pop()) {
    if (mask[at]) continue;
    mask[at] = 1;
    const [x, y] = [at % size, Math.floor(at / size)];
    for (let row = Math.max(0, y - 1); row <= Math.min(size - 1, y + 1); row++) {
      for (let column = Math.max(0, x - 1); column <= Math.min(size - 1, x + 1); column++) {
        if (above[row * size + column]) waiting.push(row * size + column);
      }
    }
  }
  return mask;
}

/**
 * Voxels of an axial NIfTI mask (uint8) that are not 0, in the orientation of the page: x to the patient's left, y to the back.
 * The axes of the file point right and front where the affine is positive.
 *
 * @param {Buffer} nifti
 */
function maskedVoxels(nifti) {
  const [width, height] = [nifti.readInt16LE(42), nifti.readInt16LE(44)];
  const [toRight, toFront] = [nifti.readFloatLE(280) > 0, nifti.readFloatLE(300) > 0];
  const voxels = nifti.subarray(nifti.readFloatLE(108));
  const inside = [...voxels].flatMap((value, at) => {
    if (!value) return [];
    const [x, y, z] = [at % width, Math.floor(at / width) % height, Math.floor(at / width / height)];
    return [{ x: toRight ? width - 1 - x : x, y: toFront ? height - 1 - y : y, z }];
  });
  return { z: new Set(inside.map(({ z }) => z)), inside };
}
