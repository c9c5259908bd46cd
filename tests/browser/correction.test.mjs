import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, before, describe, test } from "node:test";
import { gunzipSync } from "node:zlib";
import { discDicom } from "./files.mjs";
import { MODEL, openSite } from "./site.mjs";
import { Visitor, launch } from "./visitor.mjs";

const mimeType = "application/dicom";

describe("Correction of a mask", () => {
  /** @type {import("playwright-core").Browser} */
  let browser;
  /** @type {Awaited<ReturnType<typeof openSite>>} */
  let site;
  /** @type {Visitor} */
  let visitor;
  /** @type {import("playwright-core").Page} */
  let page;

  before(async () => {
    site = await openSite();
    browser = await launch(["--disable-gpu"]);
    visitor = await Visitor.open(browser, `${site.address}#device=cpu&model=${MODEL}`);
    page = visitor.page;
  });
  after(async () => {
    await browser?.close();
    site?.close();
  });

  const choose = (/** @type {string} */ tool) => page.locator(`input[name=tool][value=${tool}]`).check();
  const mask = async () => /** @type {number[]} */ ((await visitor.coin()).mask);
  const count = async () => (await mask()).reduce((sum, inside) => sum + inside, 0);
  /**
   * Drags on the mask pane.
   *
   * @param {[number, number]} from in fractions of the pane
   * @param {[number, number]} to
   */
  async function drag(from, to) {
    const box = await page.locator("#pane-mask").boundingBox();
    assert.ok(box);
    const at = (/** @type {[number, number]} */ [x, y]) => /** @type {const} */ ([box.x + x * box.width, box.y + y * box.height]);
    await page.mouse.move(...at(from));
    await page.mouse.down();
    await page.mouse.move(...at(to), { steps: 5 });
    await page.mouse.up();
  }

  test("brush and eraser change the mask where they are drawn, with undo and redo", async () => {
    const { explanation } = await visitor.coin();
    const computed = await mask();
    await page.locator("#brush-size").fill("12");
    await choose("brush");
    await drag([0.3, 0.3], [0.6, 0.3]);
    const painted = await mask();
    const { size } = explanation;
    const row = Math.floor(0.3 * size);
    for (const x of [0.32, 0.45, 0.58]) assert.equal(painted[row * size + Math.floor(x * size)], 1);
    assert.equal(painted[row * size + Math.floor(0.7 * size)], 0);
    const { square } = explanation;
    const expected = (0.3 * size * 12) / square.pixelMm;
    const added = painted.filter((inside, i) => inside && !computed[i]).length;
    assert.ok(added > 0.8 * expected && added < 1.6 * expected, `${added} pixels, not about ${expected}`);
    await choose("eraser");
    await drag([0.45, 0.2], [0.45, 0.4]);
    assert.equal((await mask())[row * size + Math.floor(0.45 * size)], 0);
    await page.keyboard.press("Control+z");
    assert.deepEqual(await mask(), painted);
    await page.keyboard.press("Control+y");
    assert.equal((await mask())[row * size + Math.floor(0.45 * size)], 0);
    await page.locator("#undo").click();
    await page.locator("#undo").click();
    assert.deepEqual(await mask(), computed);
    assert.ok(await page.locator("#undo").isDisabled());
    assert.ok(!(await page.locator("#corrected").isVisible()));
    visitor.assertNoErrors();
  });

  test("the threshold changes the computed part of a corrected mask", async () => {
    const before = await count();
    await choose("brush");
    await drag([0.2, 0.8], [0.3, 0.8]);
    const added = (await count()) - before;
    assert.ok(added > 0);
    await page.locator("#threshold").fill("0.9");
    await page.waitForFunction((before) => /** @type {any} */ (window).coin.mask.reduce((/** @type {number} */ sum, /** @type {number} */ inside) => sum + inside, 0) < before, before + added);
    assert.ok((await count()) >= added, "what was painted stays");
    await page.locator("#threshold").fill("0.25");
    await page.waitForFunction((all) => /** @type {any} */ (window).coin.mask.reduce((/** @type {number} */ sum, /** @type {number} */ inside) => sum + inside, 0) === all, before + added);
    await page.locator("#clear-edits").click();
    assert.equal(await count(), before);
  });

  test("a click removes a component, and a click where there was one grows it again, also by keyboard", async () => {
    const { explanation } = await visitor.coin();
    const computed = await mask();
    const { size, difference } = explanation;
    const most = difference.indexOf(Math.max(...difference));
    const at = /** @type {[number, number]} */ ([((most % size) + 0.5) / size, (Math.floor(most / size) + 0.5) / size]);
    await choose("component");
    await drag(at, at);
    assert.ok((await count()) < computed.reduce((sum, inside) => sum + inside, 0));
    assert.equal((await mask())[most], 0);
    await drag(at, at);
    const grown = await mask();
    assert.equal(grown[most], 1);
    // Connected pixels with at least half of the largest difference.
    assert.ok(grown.every((inside, i) => !inside || computed[i] || difference[i] >= difference[most] / 2));
    await page.locator("#clear-edits").click();
    assert.deepEqual(await mask(), computed);

    await page.locator("#insert").focus();
    await page.keyboard.press("ArrowRight");
    await choose("brush");
    await page.locator("#insert").focus();
    await page.keyboard.press("Enter");
    assert.notDeepEqual(await mask(), computed);
    await page.locator("#clear-edits").click();
  });

  test("corrections stay with their slice, and every saved file says that the mask was corrected", async () => {
    const places = [0, 10, 20];
    await visitor.openFiles(places.map((place) => ({ name: `IM${place}`, mimeType, buffer: discDicom({ series: "1.7", place }) })));
    await choose("brush");
    await drag([0.4, 0.4], [0.6, 0.6]);
    const painted = await mask();
    assert.ok(painted.includes(1));
    await visitor.explain(() => page.locator("#slice").fill("0"));
    assert.notDeepEqual(await mask(), painted);
    assert.equal((await visitor.summary()).corrected, false);
    await visitor.explain(() => page.locator("#slice").fill("1"));
    assert.deepEqual(await mask(), painted);
    const summary = await visitor.summary();
    assert.equal(summary.corrected, true);
    assert.equal(summary.mask_pixels, painted.filter(Boolean).length);
    const saved = async (/** @type {string} */ id) => {
      const [file] = await Promise.all([page.waitForEvent("download"), page.locator(id).click()]);
      return { name: file.suggestedFilename(), content: await readFile(await file.path()) };
    };
    const nifti = await saved("#save-mask");
    assert.match(nifti.name, /-2-corrected-mask\.nii\.gz$/);
    assert.ok(gunzipSync(nifti.content).toString("latin1", 148, 228).includes("corrected by hand"));
    await page.locator("#explain-all").click();
    await page.waitForFunction(() => / of 3 classified/.test(document.getElementById("volume-status")?.textContent ?? ""), undefined, { timeout: 60_000 });
    const all = await saved("#volume-saves button[value=mask]");
    const voxels = gunzipSync(all.content).subarray(352);
    const [side, slices] = [64 * 64, [0, 1, 2].map((i) => voxels.subarray(i * 64 * 64, (i + 1) * 64 * 64).reduce((sum, inside) => sum + inside, 0))];
    assert.equal(voxels.length, 3 * side);
    assert.ok(slices[1] > 0, `the corrected slice is saved with the volume: ${slices}`);
    await page.locator("#clear-edits").click();
    assert.match((await saved("#save-mask")).name, /-2-mask\.nii\.gz$/);
    visitor.assertNoErrors();
  });

  test("a stroke ends with its slice", async () => {
    await visitor.explain(() => page.locator("#slice").fill("0"));
    const computed = await mask();
    await visitor.explain(() => page.locator("#slice").fill("1"));
    await choose("brush");
    const box = await page.locator("#pane-mask").boundingBox();
    assert.ok(box);
    await page.mouse.move(box.x + 0.3 * box.width, box.y + 0.3 * box.height);
    await page.mouse.down();
    await visitor.explain(() => page.mouse.wheel(0, -100));
    await page.mouse.move(box.x + 0.6 * box.width, box.y + 0.3 * box.height, { steps: 5 });
    await page.mouse.up();
    assert.equal((await visitor.coin()).source.slice, 0);
    assert.deepEqual(await mask(), computed);
    assert.ok(await page.locator("#undo").isDisabled());
    await visitor.explain(() => page.locator("#slice").fill("1"));
    await page.locator("#clear-edits").click();
  });

  test("corrections outlast another series and an inserted lesion", async () => {
    const series = (/** @type {string} */ uid) => [0, 10, 20].map((place) => ({ name: `${uid} ${place}`, mimeType, buffer: discDicom({ series: uid, place }) }));
    await visitor.openFiles([...series("1.7"), ...series("1.8")]);
    // A click on an own image changes nothing.
    await choose("insert");
    await visitor.openFiles([...series("1.7"), ...series("1.8")]);
    assert.ok(await page.locator("input[name=tool][value=pan]").isChecked());
    await choose("brush");
    await drag([0.4, 0.4], [0.6, 0.6]);
    const painted = await mask();
    await visitor.explain(() => page.locator("#series").selectOption("1"));
    assert.notDeepEqual(await mask(), painted);
    await visitor.explain(() => page.locator("#series").selectOption("0"));
    assert.deepEqual(await mask(), painted);
    await choose("insert");
    await visitor.explain(() => page.locator("#insert").click());
    assert.match(await visitor.text("source-name"), /, synthetic lesion inserted$/);
    assert.ok(!(await page.locator("#save-mask").isVisible()));
    await visitor.explain(() => page.locator("#remove-inserted").click());
    assert.deepEqual(await mask(), painted);
    assert.ok(await page.locator("#save-mask").isVisible());
    // Another language loads the page again, if the visitor agrees.
    const asked = page.waitForEvent("dialog").then(async (dialog) => {
      await dialog.dismiss();
      return dialog.type();
    });
    await page.locator("#language").selectOption("de");
    assert.equal(await asked, "confirm");
    assert.equal(await page.locator("#language").inputValue(), "en");
    assert.deepEqual(await mask(), painted);
    await page.locator("#clear-edits").click();
    visitor.assertNoErrors();
  });

  test("dashed outlines show the mask at nearby thresholds", async () => {
    await visitor.explain(() => page.locator("#samples").selectOption("phantom-abnormal"));
    const picture = () => page.locator("#pane-mask").evaluate((canvas) => /** @type {HTMLCanvasElement} */ (canvas).toDataURL());
    const plain = await picture();
    await page.locator("#stability").check();
    await page.waitForFunction((plain) => /** @type {HTMLCanvasElement} */ (document.getElementById("pane-mask")).toDataURL() !== plain, plain);
    await page.locator("#stability").uncheck();
    await page.waitForFunction((plain) => /** @type {HTMLCanvasElement} */ (document.getElementById("pane-mask")).toDataURL() === plain, plain);
  });

  test("the report is one page with images, components, model and notice", async () => {
    await page.evaluate(() => Object.assign(window, { print: () => {} }));
    await page.locator("#print-report").click();
    await page.locator("#report canvas").first().waitFor({ state: "attached" });
    assert.ok(!(await page.locator("#report").isVisible()), "it is on paper only");
    const pdf = await page.pdf({ preferCSSPageSize: true });
    assert.equal((pdf.toString("latin1").match(/\/Type\s*\/Page\b/g) ?? []).length, 1, "one page");
    // Printing has ended.
    await page.locator("#print-report").click();
    await page.emulateMedia({ media: "print" });
    await page.locator("#report").waitFor();
    const text = await page.locator("#report").innerText();
    for (const part of [/RESEARCH USE ONLY/, /Classifier: abnormal/, /\d+ mm²\s+\d+ × \d+ mm/, /Threshold\s*0\.25/, /Limitations\s*Trained on procedural phantoms only/, /Display window\s*−200 to 400 HU/, /synthetic lesion inserted/]) assert.match(text, part);
    assert.ok(!(await page.locator("#viewer").isVisible()));
    assert.ok((await page.locator("#report canvas").count()) === 4);
    if (process.env.COIN_SCREENSHOTS) await page.screenshot({ path: `${process.env.COIN_SCREENSHOTS}/report.png`, fullPage: true });
    await page.emulateMedia({ media: null });
    await page.evaluate(() => dispatchEvent(new Event("afterprint")));
    assert.ok(await page.locator("#viewer").isVisible());
    visitor.assertNoErrors();
  });
});
