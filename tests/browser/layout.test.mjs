import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { discNifti, discPng } from "./files.mjs";
import { MODEL, openSite } from "./site.mjs";
import { Visitor, launch } from "./visitor.mjs";

const mimeType = "application/octet-stream";
const PANES = ["input", "counterfactual", "difference", "mask"];
/** Desktop, laptop, tablet and a large screen. */
const SCREENS = [[1440, 900], [1280, 720], [1024, 768], [2560, 1440]];

describe("Layout", () => {
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

  const open = (/** @type {import("playwright-core").BrowserContextOptions} */ options = {}, introduced = true) =>
    Visitor.open(browser, `${site.address}#device=cpu&model=${MODEL}`, options, introduced);

  /** Visible panes with their positions. @param {Visitor} visitor */
  const shown = async ({ page }) => {
    const boxes = await Promise.all(PANES.map(async (pane) => ({ pane, box: await page.locator(`#pane-${pane}`).boundingBox() })));
    return boxes.flatMap(({ pane, box }) => (box ? [{ pane, ...box }] : []));
  };

  test("the images fill the window, and nothing essential is below the fold", async () => {
    const visitor = await open();
    for (const [width, height] of SCREENS) {
      await visitor.page.setViewportSize({ width, height });
      const panes = await shown(visitor);
      assert.deepEqual(panes.map(({ pane }) => pane), PANES);
      const side = Math.max(...panes.map((pane) => pane.y + pane.height)) - Math.min(...panes.map(({ y }) => y));
      assert.ok(side > 0.74 * height, `${width} x ${height}: the panes are ${side} high`);
      for (const id of ["file", "samples", "model", "verdict", "threshold", "status", "tools", "layouts"]) {
        const box = await visitor.page.locator(`#${id}`).boundingBox();
        assert.ok(box && box.y >= 0 && box.y + box.height <= height && box.x + box.width <= width, `${id} at ${width} x ${height}`);
      }
      const scrolls = await visitor.page.evaluate(() => document.documentElement.scrollHeight > innerHeight);
      assert.ok(!scrolls, `the page scrolls at ${width} x ${height}`);
    }
    visitor.assertNoErrors();
    await visitor.page.context().close();
  });

  test("keys 1 to 4 show one large image, and the layout is remembered", async () => {
    const visitor = await open();
    const { page } = visitor;
    const [first] = await shown(visitor);
    for (const [index, pane] of PANES.entries()) {
      await page.keyboard.press(String(index + 1));
      const [only, ...others] = await shown(visitor);
      assert.deepEqual([only.pane, others], [pane, []]);
      assert.ok(only.width > 1.9 * first.width, `${only.width} is not much more than ${first.width}`);
    }
    await page.reload();
    await visitor.settled();
    assert.deepEqual((await shown(visitor)).map(({ pane }) => pane), ["mask"]);
    await page.keyboard.press("4");
    assert.equal((await shown(visitor)).length, 4, "the same key again returns");
    await page.locator("input[name=layout][value=row]").check();
    const heights = new Set((await shown(visitor)).map(({ y }) => Math.round(y)));
    assert.equal(heights.size, 1, "side by side");
    await page.context().close();
  });

  test("tabs are operated by keyboard, and opening a file returns to the images", async () => {
    const visitor = await open();
    const { page } = visitor;
    await page.locator("#tab-viewer").focus();
    await page.keyboard.press("ArrowRight");
    assert.ok(await page.locator("#batch").isVisible());
    assert.ok(!(await page.locator("#viewer").isVisible()));
    await page.keyboard.press("End");
    assert.ok(await page.locator("#device").isVisible());
    assert.equal(await page.locator("[role=tab][tabindex='0']").count(), 1);
    await visitor.openFiles({ name: "image.png", mimeType, buffer: discPng(64) });
    assert.ok(await page.locator("#viewer").isVisible());
    await page.context().close();
  });

  test("on a phone, callouts can be closed, and opening a file closes them", async () => {
    for (const close of [
      (/** @type {Visitor} */ { page }) => page.locator(".callout:visible button").click(),
      (/** @type {Visitor} */ phone) => phone.openFiles({ name: "image.png", mimeType, buffer: discPng(64) }),
    ]) {
      const phone = await open({ viewport: { width: 390, height: 844 } }, false);
      await phone.page.locator(".callout:visible").first().waitFor();
      await close(phone);
      assert.equal(await phone.page.locator(".callout").count(), 0);
      await phone.page.context().close();
    }
  });

  test("callouts appear on the first visit only, and not once they are closed", async () => {
    const visitor = await open({}, false);
    const { page } = visitor;
    assert.equal(await page.locator(".callout:visible").count(), 3);
    await page.locator(".callout button").click();
    assert.equal(await page.locator(".callout").count(), 0);
    await page.reload();
    await visitor.settled();
    await page.locator("#tab-how").click();
    assert.equal(await page.locator(".callout").count(), 0);
    await page.context().close();
  });

  test("the wheel moves through the slices of a volume, Ctrl with it zooms, the right button sets the window, and a double click fits", async () => {
    const visitor = await open();
    const { page } = visitor;
    await visitor.openFiles({ name: "discs.nii", mimeType, buffer: discNifti(64, 9) });
    const slice = async () => (await visitor.coin()).source.slice;
    const box = await page.locator("#pane-mask").boundingBox();
    assert.ok(box);
    const at = (/** @type {number} */ x, /** @type {number} */ y) => /** @type {const} */ ([box.x + x * box.width, box.y + y * box.height]);
    const start = await slice();
    await page.mouse.move(...at(0.4, 0.5));
    await visitor.explain(() => page.mouse.wheel(0, 100));
    assert.equal(await slice(), start + 1);
    assert.equal(await visitor.text("zoom-number"), "100%");
    await page.keyboard.down("Control");
    await page.mouse.wheel(0, -300);
    await page.keyboard.up("Control");
    assert.equal(await slice(), start + 1);
    assert.ok(parseFloat(await visitor.text("zoom-number")) > 150);

    await page.mouse.down({ button: "right" });
    await page.mouse.move(...at(0.6, 0.7), { steps: 4 });
    await page.mouse.up({ button: "right" });
    assert.match(await page.locator("#display option:checked").innerText(), /^Custom: /);

    await page.locator("input[name=tool][value=zoom]").check();
    await page.mouse.dblclick(...at(0.4, 0.5));
    assert.equal(await visitor.text("zoom-number"), "100%");
    await page.mouse.down();
    await page.mouse.move(...at(0.4, 0.3), { steps: 4 });
    await page.mouse.up();
    assert.ok(parseFloat(await visitor.text("zoom-number")) > 120, "dragging up magnifies");
    visitor.assertNoErrors();
    await page.context().close();
  });

  test("one finger moves through the slices with the pan tool", async () => {
    const visitor = await open({ hasTouch: true, viewport: { width: 390, height: 844 } });
    const { page } = visitor;
    await visitor.openFiles({ name: "discs.nii", mimeType, buffer: discNifti(64, 9) });
    await page.locator("input[name=tool][value=pan]").check();
    const start = (await visitor.coin()).source.slice;
    const box = await page.locator("#pane-mask").boundingBox();
    assert.ok(box);
    const fingers = await page.context().newCDPSession(page);
    const touch = (/** @type {"touchStart" | "touchMove" | "touchEnd"} */ type, /** @type {number[]} */ ...ys) =>
      fingers.send("Input.dispatchTouchEvent", { type, touchPoints: ys.map((y) => ({ x: box.x + box.width / 2, y: box.y + 100 + y })) });
    await visitor.explain(async () => {
      await touch("touchStart", 0);
      await touch("touchMove", 20);
      await touch("touchMove", 40);
      await touch("touchEnd");
    });
    await page.waitForFunction((slice) => /** @type {any} */ (window).coin.source.slice === slice, start + 2);
    await page.context().close();
  });

  test("the panes have the resolution of the image", async () => {
    const visitor = await open();
    await visitor.openFiles({ name: "large.png", mimeType, buffer: discPng(900) });
    const width = await visitor.page.locator("#pane-input").evaluate((canvas) => /** @type {HTMLCanvasElement} */ (canvas).width);
    assert.ok(width > 512, `${width}`);
    await visitor.page.locator("#smooth").uncheck();
    assert.equal(await visitor.page.locator("#pane-input").evaluate((canvas) => getComputedStyle(canvas).imageRendering), "pixelated");
    await visitor.page.context().close();
  });
});
