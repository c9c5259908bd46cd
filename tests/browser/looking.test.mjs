import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, before, describe, test } from "node:test";
import { discDicom, discNifti } from "./files.mjs";
import { MODEL, openSite } from "./site.mjs";
import { Visitor, launch } from "./visitor.mjs";

const mimeType = "application/octet-stream";
/** Enough slices to cancel in time. */
const SLICES = 80;

describe("Viewer", () => {
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

  /**
   * Position of a pane on the screen.
   *
   * @param {string} id
   */
  async function boxOf(id) {
    await page.locator(`#${id}`).scrollIntoViewIfNeeded();
    const box = await page.locator(`.canvas:has(#${id})`).boundingBox();
    assert.ok(box);
    return { ...box, at: (/** @type {number} */ x, /** @type {number} */ y) => /** @type {const} */ ([box.x + x * box.width, box.y + y * box.height]) };
  }

  /**
   * Drags on a pane.
   *
   * @param {string} id
   * @param {[number, number]} from in fractions of the pane
   * @param {[number, number]} to
   */
  async function drag(id, from, to) {
    const box = await boxOf(id);
    await page.mouse.move(...box.at(...from));
    await page.mouse.down();
    await page.mouse.move(...box.at(...to), { steps: 4 });
    await page.mouse.up();
  }

  /** Progress text of a background task. */
  const step = async (/** @type {string} */ task) => (await page.locator(`.task:has(#${task}-status) .step`).textContent()) ?? "";
  const choose = (/** @type {string} */ tool) => page.locator(`input[name=tool][value=${tool}]`).check();
  const zoom = async () => parseFloat(await visitor.text("zoom-number"));
  /** CSS transform of a pane's image layer. */
  const transform = (/** @type {string} */ id) => page.locator(`.sheet:has(#${id})`).evaluate((sheet) => getComputedStyle(sheet).transform);

  test("the wheel zooms all panes at the pointer, and dragging pans them", async () => {
    await choose("pan");
    const box = await boxOf("pane-difference");
    const pointer = box.at(0.3, 0.25);
    await page.mouse.move(...pointer);
    /** Point of the image under the pointer. */
    const under = () =>
      page.locator(".sheet:has(#pane-difference)").evaluate((sheet, [x, y]) => {
        const { left, top, width, height } = sheet.getBoundingClientRect();
        return [(x - left) / width, (y - top) / height];
      }, pointer);
    const point = await under();
    await page.mouse.wheel(0, -400);
    assert.ok((await zoom()) > 150, `zoomed to ${await zoom()} %`);
    // Wheel events have whole coordinates.
    const moved = (await under()).map((at, i) => Math.abs(at - point[i]) * box.width);
    assert.ok(Math.max(...moved) < 1, `the point under the pointer moved by ${moved} px`);
    const transforms = new Set(await Promise.all(["pane-input", "pane-counterfactual", "pane-difference", "pane-mask"].map(transform)));
    assert.equal(transforms.size, 1, "all panes show the same part");
    await drag("pane-difference", [0.5, 0.5], [0.3, 0.4]);
    assert.notDeepEqual(new Set([await transform("pane-mask")]), transforms, "panes pan together");
    await page.locator("#zoom-reset").click();
    assert.equal(await zoom(), 100);
    assert.equal(await transform("pane-mask"), "matrix(1, 0, 0, 1, 0, 0)");
  });

  test("pinching zooms", async () => {
    const phone = await Visitor.open(browser, `${site.address}#device=cpu&model=${MODEL}`, { hasTouch: true, viewport: { width: 390, height: 844 } });
    await phone.page.locator("input[name=tool][value=pan]").check();
    await phone.page.locator("#pane-mask").scrollIntoViewIfNeeded();
    const box = await phone.page.locator("#pane-mask").boundingBox();
    assert.ok(box);
    const fingers = await phone.page.context().newCDPSession(phone.page);
    const touch = (/** @type {"touchStart" | "touchMove" | "touchEnd"} */ type, /** @type {number[]} */ ...xs) =>
      fingers.send("Input.dispatchTouchEvent", { type, touchPoints: xs.map((x, id) => ({ x: box.x + box.width * x, y: box.y + box.height / 2, id })) });
    await touch("touchStart", 0.45, 0.55);
    await touch("touchMove", 0.35, 0.65);
    await touch("touchMove", 0.25, 0.75);
    await touch("touchEnd");
    assert.ok(parseFloat(await phone.text("zoom-number")) > 250, await phone.text("zoom-number"));
    await phone.page.context().close();
  });

  test("zooming with two fingers paints nothing", async () => {
    const phone = await Visitor.open(browser, `${site.address}#device=cpu&model=${MODEL}`, { hasTouch: true, viewport: { width: 390, height: 844 } });
    const mask = async () => (await phone.coin()).mask;
    const computed = await mask();
    for (const tool of ["brush", "component"]) {
      await phone.page.locator(`input[name=tool][value=${tool}]`).check();
      const box = await phone.page.locator("#pane-mask").boundingBox();
      assert.ok(box);
      const fingers = await phone.page.context().newCDPSession(phone.page);
      const touch = (/** @type {"touchStart" | "touchMove" | "touchEnd"} */ type, /** @type {number[]} */ ...xs) =>
        fingers.send("Input.dispatchTouchEvent", { type, touchPoints: xs.map((x, id) => ({ x: box.x + box.width * x, y: box.y + box.height / 2, id })) });
      await touch("touchStart", 0.45);
      await touch("touchStart", 0.45, 0.55);
      await touch("touchMove", 0.35, 0.65);
      await touch("touchEnd");
      assert.deepEqual(await mask(), computed, tool);
    }
    for (const button of ["#undo", "#redo"]) assert.ok(await phone.page.locator(button).isDisabled(), button);
    await phone.page.context().close();
  });

  test("dragging with the window tool sets the window", async () => {
    await choose("window");
    const bright = await visitor.brightness("pane-input");
    await drag("pane-input", [0.5, 0.3], [0.5, 0.8]);
    assert.match(await page.locator("#display option:checked").innerText(), /^Custom: /);
    const level = async () => (await visitor.brightness("pane-input")) < bright - 5;
    await waitUntil(level, "a higher level is darker");
    const before = await page.locator("#display option:checked").innerText();
    await page.locator("#insert").focus();
    await page.keyboard.press("ArrowUp");
    await waitUntil(async () => (await page.locator("#display option:checked").innerText()) !== before, "arrow keys set the window");
    await page.locator("#display").selectOption("model");
  });

  test("the ruler measures millimetres, by mouse and by keyboard", async () => {
    await visitor.openFiles({ name: "disc.dcm", mimeType, buffer: discDicom({ series: "1.5", place: 0 }) });
    await choose("length");
    const { width, columnMm } = await page.evaluate(() => /** @type {any} */ (window).coin.slice);
    await drag("pane-mask", [0.25, 0.5], [0.75, 0.5]);
    const measured = parseFloat((await visitor.text("ruler-length")).replace(/^Distance /, ""));
    assert.ok(Math.abs(measured - 0.5 * width * columnMm) < 0.02 * width * columnMm, `${measured} mm of ${width} x ${columnMm}`);
    await page.locator("#insert").focus();
    await page.keyboard.press("Enter");
    for (let i = 0; i < 10; i++) await page.keyboard.press("ArrowLeft");
    const typed = parseFloat((await visitor.text("ruler-length")).replace(/^Distance /, ""));
    assert.ok(Math.abs(typed - 0.2 * width * columnMm) < 0.01 * width * columnMm, `${typed} mm`);
    await page.keyboard.press("Enter");
    assert.equal((await visitor.coin()).truth, null, "nothing was inserted");
  });

  test("lengths stay with their slice, can be moved and removed, and are in the report", async () => {
    const lines = () => page.locator(".sheet:has(#pane-mask) .ruler line").count();
    const labels = () => page.locator(".sheet:has(#pane-mask) .ruler-label").allInnerTexts();
    assert.equal(await lines(), 2);
    const [first] = await labels();
    await drag("pane-mask", [0.75, 0.5], [0.75, 0.7]);
    const [moved, second] = await labels();
    assert.equal(await lines(), 2);
    assert.ok(parseFloat(moved) > 1.05 * parseFloat(first), `${moved} after ${first}`);
    await page.evaluate(() => Object.assign(window, { print: () => {} }));
    await page.locator("#print-report").click();
    await page.locator("#report canvas").first().waitFor({ state: "attached" });
    assert.ok(((await page.locator("#report").textContent()) ?? "").includes(`Measured by hand${moved}; ${second}`));
    // Another model shows the same slice.
    await visitor.explain(() => page.locator("#model").selectOption("coin-kidney-tumour"));
    assert.equal(await lines(), 2);
    await visitor.explain(() => page.locator("#model").selectOption(MODEL));
    assert.deepEqual(await labels(), [moved, second]);
    await visitor.explain(() => page.locator("#samples").selectOption("phantom-normal"));
    assert.equal(await lines(), 0);
    await visitor.openFiles({ name: "disc.dcm", mimeType, buffer: discDicom({ series: "1.5", place: 0 }) });
    assert.equal(await lines(), 0, "opened again, it is another scan");
    await choose("length");
    await drag("pane-mask", [0.2, 0.2], [0.8, 0.2]);
    await drag("pane-mask", [0.2, 0.4], [0.8, 0.4]);
    const box = await boxOf("pane-difference");
    // An end that is moved away and back stays one; what is cancelled is no length.
    await page.mouse.move(...box.at(0.8, 0.4));
    await page.mouse.down();
    await page.mouse.move(...box.at(0.8, 0.7), { steps: 3 });
    await page.mouse.move(...box.at(0.8, 0.4), { steps: 3 });
    await page.mouse.up();
    assert.equal(await lines(), 2);
    await page.mouse.move(...box.at(0.3, 0.8));
    await page.mouse.down();
    await page.mouse.move(...box.at(0.7, 0.8), { steps: 3 });
    assert.equal(await lines(), 3);
    await page.locator(".sheet:has(#pane-difference)").dispatchEvent("pointercancel", { pointerId: 1 });
    assert.equal(await lines(), 2, "a cancelled drag adds nothing");
    await page.mouse.up();
    await page.mouse.click(...box.at(0.5, 0.6));
    assert.equal(await lines(), 2, "a click beside a line changes nothing");
    await page.mouse.click(...box.at(0.5, 0.2));
    assert.equal(await lines(), 1);
    await page.locator("#insert").focus();
    await page.keyboard.press("Delete");
    assert.equal(await lines(), 0);
  });

  test("a drag sets the diameter of the inserted anomaly", async () => {
    await visitor.explain(() => page.locator("#samples").selectOption("phantom-normal"));
    await choose("insert");
    const widths = [];
    for (const reach of [0.06, 0.12]) {
      await visitor.explain(() => drag("pane-input", [0.4, 0.5], [0.4 + reach, 0.5]));
      const { truth, explanation } = await visitor.coin();
      const columns = truth.flatMap((/** @type {number} */ inside, /** @type {number} */ i) => (inside ? [i % explanation.size] : []));
      widths.push((Math.max(...columns) - Math.min(...columns) + 1) / explanation.size);
    }
    assert.ok(widths[0] < 0.16 && widths[1] > 1.5 * widths[0], `widths ${widths} of the image`);
    await page.locator("#remove-inserted").click();
    await visitor.settled();
  });

  test("a slider reveals the input over the counterfactual", async () => {
    const covered = () => page.locator("#pane-before").evaluate((canvas) => getComputedStyle(canvas).clipPath);
    assert.equal(await covered(), "inset(0px 100% 0px 0px)");
    await page.locator("#reveal").fill("30");
    assert.equal(await covered(), "inset(0px 30% 0px 0px)");
    const [input, before] = await Promise.all(["pane-input", "pane-before"].map((id) => visitor.brightness(id)));
    assert.ok(input > 5 && input === before, `${input}, ${before}`);
    await page.locator("#reveal").fill("100");
  });

  test("the colour map and the opacity of the mask can be changed", async () => {
    await visitor.explain(() => page.locator("#samples").selectOption("phantom-abnormal"));
    const corner = (/** @type {string} */ id) =>
      page.evaluate((id) => [...(/** @type {HTMLCanvasElement} */ (document.getElementById(id)).getContext("2d")?.getImageData(2, 0, 1, 1).data ?? [])].slice(0, 3), id);
    await page.locator("#colour-map").selectOption("viridis");
    // The first colour of viridis in matplotlib is (68, 1, 84).
    for (const id of ["pane-difference", "legend"]) {
      await waitUntil(async () => Math.max(...(await corner(id)).map((channel, i) => Math.abs(channel - [68, 1, 84][i]))) <= 6, `${id}: ${await corner(id)}`);
    }
    const full = await sumOfBlue();
    await page.locator("#mask-opacity").fill("0");
    const outlined = await sumOfBlue();
    assert.notEqual(full, outlined);
    await page.locator("#mask-opacity").fill("0.4");
    await waitUntil(async () => (await sumOfBlue()) === full, "as before");
    await page.locator("#colour-map").selectOption("fire");
  });

  async function sumOfBlue() {
    return page.evaluate(() => {
      const canvas = /** @type {HTMLCanvasElement} */ (document.getElementById("pane-mask"));
      return [...(canvas.getContext("2d")?.getImageData(0, 0, canvas.width, canvas.height).data ?? [])].reduce((sum, value, i) => sum + (i % 4 === 2 ? value : 0), 0);
    });
  }

  test("the components of the mask are listed with area, intensity and difference, and a click zooms to one", async () => {
    await page.locator("#threshold").fill("0.02");
    await waitUntil(async () => (await page.locator("#components tr").count()) > 1, "several components");
    await page.locator("#threshold").fill("0.25");
    await waitUntil(async () => (await page.locator("#components tr").count()) === 1, "one component");
    const { mask, explanation } = await visitor.coin();
    const row = await page.locator("#components tr").first().locator("td").allInnerTexts();
    const pixels = sum(mask);
    const { columnMm, width } = await page.evaluate(() => /** @type {any} */ (window).coin.slice);
    const pixelMm = (columnMm * width) / explanation.size;
    assert.equal(parseFloat(row[0]), Math.round(pixels * pixelMm ** 2));
    const mean = sum(explanation.difference.filter((/** @type {number} */ _, /** @type {number} */ i) => mask[i])) / pixels;
    const inside = mask.flatMap((/** @type {number} */ value, /** @type {number} */ i) => (value ? [[i % explanation.size, Math.floor(i / explanation.size)]] : []));
    const farthest = Math.max(...inside.flatMap((/** @type {number[]} */ [x, y]) => inside.map((/** @type {number[]} */ [u, v]) => Math.hypot(x - u, y - v))));
    const [long, short] = row[1].split(" × ").map(parseFloat);
    assert.ok(Math.abs(long - (farthest + 0.7) * pixelMm) < pixelMm, `${long} mm across ${farthest} pixels of ${pixelMm} mm`);
    assert.ok(short <= long && short > 0.3 * long, row[1]);
    assert.match(row[2], /^−?\d+\s±\s\d+ →\s−?\d+\s±\s\d+\sHU$/);
    const [before, after] = row[2].split("→").map((text) => parseFloat(text.replace("−", "-")));
    assert.ok(before > after + 20, `the lesion is bright: ${row[2]}`);
    const { components } = await visitor.summary();
    assert.ok(Math.abs(components[0].mean_difference - mean) < 0.001, `${components[0].mean_difference} is not ${mean}`);
    assert.deepEqual([components.length, components[0].pixels, Math.round(components[0].longest_mm)], [1, pixels, long]);
    const [table] = await Promise.all([page.waitForEvent("download"), page.locator("#save-components").click()]);
    const [head, first] = (await readFile(await table.path(), "utf8")).split("\n");
    assert.equal(first.split(",")[head.split(",").indexOf("area_mm2")], String(components[0].area_mm2));
    await page.locator("#components button").first().click();
    assert.ok((await zoom()) > 150, "zoomed to the component");
    assert.equal(await page.locator("figure[data-pane=mask] .diameters line").count(), 2, "its diameters are drawn");
    await page.locator("#components button").first().click();
    assert.equal(await zoom(), 100);
  });

  test("saliency maps are computed in the background, cancelled, compared and saved", async () => {
    const { explanation } = await visitor.coin();
    await visitor.tab("comparison");
    await page.locator("#compare-methods").click();
    await waitUntil(async () => /RISE: \d+ of 1000/.test(await step("methods")), "progress");
    // `click` would wait for a stable layout, until after the run.
    await page.locator("#methods-cancel").dispatchEvent("click");
    await waitUntil(async () => (await visitor.text("methods-status")) === "Cancelled.", "cancelled");
    assert.deepEqual((await visitor.coin()).explanation, explanation);

    await page.locator("#compare-methods").click();
    await waitUntil(async () => /RISE: \d+ of 1000/.test(await step("methods")), "progress");
    await visitor.tab("viewer");
    await page.locator("#threshold").fill("0.3");
    assert.equal((await visitor.coin()).threshold, 0.3, "the page stays responsive");
    await visitor.tab("comparison");
    await page.waitForFunction(() => document.getElementById("methods-status")?.textContent?.startsWith("Computed in"), undefined, { timeout: 300_000 });
    const names = await page.locator("#methods-list figcaption").allInnerTexts();
    assert.deepEqual(names.map((name) => name.replace(/ · IoU \d\.\d\d$/, "")), ["COIN, difference map", "RISE", "ScoreCAM", "LayerCAM", "Grad-CAM"]);
    assert.ok(names.every((name) => / · IoU /.test(name)), "the ground truth is known");
    const pictures = await page.locator("#methods-list canvas").evaluateAll((canvases) => canvases.map((canvas) => /** @type {HTMLCanvasElement} */ (canvas).toDataURL()));
    assert.equal(new Set(pictures).size, 5, "all maps differ");
    const [figure] = await Promise.all([page.waitForEvent("download"), page.locator("#save-methods").click()]);
    assert.match(figure.suggestedFilename(), /-methods\.png$/);
    assert.match(page.url(), /methods=1/);
    await visitor.tab("viewer");
    await page.locator("#threshold").fill("0.25");
  });

  test("a volume has a curve, and all slices can be explained, cancelled and saved", async () => {
    await visitor.openFiles({ name: "discs.nii", mimeType, buffer: discNifti(64, SLICES) });
    const all = page.locator("#volume-saves button[value=mask]");
    assert.ok(await all.isDisabled(), "saving needs all slices");
    assert.ok(await page.locator("#volume").isVisible());
    await page.locator("#explain-all").click();
    await waitUntil(async () => /^Slice \d+/.test(await step("volume")), "progress");
    await page.locator("#volume-cancel").dispatchEvent("click");
    await waitUntil(async () => /^Cancelled/.test(await visitor.text("volume-status")), "cancelled");
    const known = async () => Number(/(\d+) of 80/.exec((await page.locator("#curve").getAttribute("aria-label")) ?? "")?.[1]);
    assert.ok((await known()) < SLICES);
    await page.locator("#explain-all").click();
    await page.waitForFunction(() => /^\d+ slices in .* of 80 classified/.test(document.getElementById("volume-status")?.textContent ?? ""), undefined, { timeout: 60_000 });
    assert.equal(await known(), SLICES);
    assert.ok(await page.locator("#projection").isVisible());
    assert.ok((await visitor.brightness("projection")) > 1, "the projection is not empty");

    // What is painted on the left appears on the right from behind.
    await page.locator("input[name=tool][value=brush]").check();
    const pane = await page.locator("#pane-mask").boundingBox();
    assert.ok(pane);
    await page.mouse.click(pane.x + 0.3 * pane.width, pane.y + 0.5 * pane.height);
    /** Mean position of the mask's colour, from 0 to 1. */
    const painted = () =>
      page.locator("#projection").evaluate((element) => {
        const canvas = /** @type {HTMLCanvasElement} */ (element);
        const pixels = canvas.getContext("2d")?.getImageData(0, 0, canvas.width, canvas.height).data ?? [];
        const columns = Array.from({ length: canvas.width * canvas.height }, (_, i) => i).filter((i) => Math.abs(pixels[4 * i] - pixels[4 * i + 2]) > 40);
        return columns.reduce((sum, i) => sum + (i % canvas.width), 0) / columns.length / canvas.width;
      });
    await waitUntil(async () => (await painted()) > 0, "a mask in the projection");
    const front = await painted();
    assert.ok(front > 0.2 && front < 0.4, `${front}`);
    await page.locator("#projection-angle").fill("180");
    await waitUntil(async () => Math.abs((await painted()) - (1 - front)) < 0.02, "the view from behind");
    await page.locator("#projection-large").check();
    const large = await page.locator("#projection").boundingBox();
    assert.ok(large && large.height > 400, `${large?.height}`);
    if (process.env.COIN_SCREENSHOTS) await page.screenshot({ path: `${process.env.COIN_SCREENSHOTS}/projection.png` });
    await page.locator("#projection-large").uncheck();
    await page.locator("#undo").click();
    const curve = await page.locator("#curve").boundingBox();
    assert.ok(curve);
    await visitor.explain(() => page.locator("#curve").click({ position: { x: (2.5 / SLICES) * curve.width, y: 20 } }));
    assert.equal((await visitor.coin()).source.slice, 2);
    const [file] = await Promise.all([page.waitForEvent("download"), page.locator("#volume-saves button[value=counterfactual]").click()]);
    assert.equal(file.suggestedFilename(), "coin-discs-nii-all-counterfactual.nii.gz");
    visitor.assertNoErrors();
  });
});

/** @param {number[]} values */
function sum(values) {
  return values.reduce((sum, value) => sum + value, 0);
}

/**
 * Polls a condition for up to 10 seconds.
 *
 * @param {() => Promise<boolean>} holds
 * @param {string} what
 */
async function waitUntil(holds, what) {
  for (let i = 0; i < 200; i++) {
    if (await holds()) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  assert.fail(`timed out: ${what}`);
}
