import assert from "node:assert/strict";
import { mkdir, mkdtemp, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { setTimeout as pause } from "node:timers/promises";
import { discDicom } from "./files.mjs";
import { MODEL, openSite } from "./site.mjs";
import { Visitor, launch } from "./visitor.mjs";

/** A step takes seconds; a browser that does not get there is stuck. */
const TIMEOUT_MS = 60_000;
const POLL_MS = 50;

/**
 * Keys by their names in the DOM, as in `KeyboardEvent.key`.
 *
 * @typedef {"ArrowLeft" | "ArrowRight" | "ArrowUp" | "ArrowDown" | "Enter"} Key
 */

/** @typedef {{x: number, y: number}} Place in CSS pixels of the window */

/**
 * Drives one page of a browser. Functions run in the page, and their arguments and results are plain data.
 *
 * @typedef {Object} Driver
 * @property {(address: string) => Promise<unknown>} open
 * @property {<A extends unknown[], R>(act: (...args: A) => R, ...args: A) => Promise<R>} evaluate
 * @property {(selector: string) => Promise<unknown>} click
 * @property {(from: Place, to: Place) => Promise<unknown>} drag with the left button
 * @property {(selector: string, keys: Key[]) => Promise<unknown>} press focuses an element and presses keys
 * @property {(selector: string, paths: string[]) => Promise<unknown>} setFiles
 * @property {() => Promise<unknown>} reload
 * @property {() => Promise<unknown>} close
 */

/**
 * Tests what a reader does first: the first result, threshold, inserted lesions, a series, a correction, saving, German, offline.
 *
 * @param {string} name of the browser
 * @param {string | false} skip reason to skip the tests
 * @param {(downloads: string, profile: string) => Promise<Driver>} start starts the browser, which saves files in `downloads` and may
 *   keep its own in `profile`
 */
export function testMainPath(name, skip, start) {
  describe(`The main path in ${name}`, { skip }, () => {
    /** @type {Awaited<ReturnType<typeof openSite>>} */
    let site;
    /** @type {string} */
    let folder;
    /** @type {string} */
    let downloads;
    /** @type {Driver} */
    let driver;
    /** The result for the first phantom in Chromium. @type {{before: number, after: number}} */
    let reference;

    before(async () => {
      site = await openSite();
      folder = await mkdtemp(join(tmpdir(), "coin-"));
      downloads = join(folder, "downloads");
      const profile = join(folder, "profile");
      for (const path of [downloads, profile]) await mkdir(path);
      const chromium = await launch(["--disable-gpu"]);
      try {
        const visitor = await Visitor.open(chromium, `${site.address}#device=cpu&model=${MODEL}`);
        reference = (await visitor.coin()).explanation;
      } finally {
        await chromium.close();
      }
      site.requests.length = 0;
      driver = await start(downloads, profile);
    });
    after(async () => {
      await driver?.close();
      site?.close();
      if (folder) await rm(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 200 });
    });

    const text = (/** @type {string} */ id) => driver.evaluate((id) => document.getElementById(id)?.textContent ?? "", id);

    /**
     * Waits until a function returns true in the page.
     *
     * @template {unknown[]} A
     * @param {string} what for the message
     * @param {(...args: A) => boolean} isTrue
     * @param {A} args
     */
    const until = async (what, isTrue, ...args) => {
      const end = Date.now() + TIMEOUT_MS;
      // While the page reloads, nothing can run in it.
      while (!(await driver.evaluate(isTrue, ...args).catch(() => false))) {
        if (Date.now() > end) {
          const shown = await Promise.all(["status", "notice-text"].map(text)).catch(String);
          assert.fail(`${what}: not after ${TIMEOUT_MS} ms; the page says: ${shown}`);
        }
        await pause(POLL_MS);
      }
    };

    /** Waits for a result, and records errors of the page from then on. */
    const settled = async () => {
      await until("a result", () => ["ready", "failed"].includes(document.body.dataset.state ?? ""));
      await driver.evaluate(() => {
        const page = /** @type {any} */ (window);
        if (page.pageErrors) return;
        /** @type {string[]} */
        const errors = (page.pageErrors = []);
        addEventListener("error", (event) => errors.push(event.message));
        addEventListener("unhandledrejection", (event) => errors.push(String(event.reason)));
        addEventListener("securitypolicyviolation", (event) => errors.push(`${event.violatedDirective} refused ${event.blockedURI}`));
      });
    };

    /** Asserts that the page shows a result, has had no errors, and has asked its own site only. */
    const assertReady = async () => {
      assert.equal(await driver.evaluate(() => document.body.dataset.state), "ready", await text("notice-text"));
      assert.deepEqual(await driver.evaluate(() => /** @type {any} */ (window).pageErrors), []);
      const asked = await driver.evaluate(() => performance.getEntriesByType("resource").map(({ name }) => name));
      assert.deepEqual(asked.filter((address) => !address.startsWith(site.address) && !address.startsWith("blob:")), []);
    };

    /** Performs an action that starts an explanation, and waits for its end. @param {() => Promise<unknown>} act */
    const explain = async (act) => {
      await driver.evaluate(() => {
        document.body.dataset.state = "asked";
      });
      await act();
      await settled();
      await assertReady();
    };

    /** State from `window.coin`, as plain data. */
    const coin = () =>
      driver.evaluate(() => {
        const { explanation, mask, truth, iou, threshold, device, source } = /** @type {any} */ (window).coin;
        const { size, before, after, difference } = explanation;
        const numbers = (/** @type {Iterable<number> | null} */ array) => /** @type {number[]} */ (array && [...array]);
        return { size, before, after, difference: numbers(difference), mask: numbers(mask), truth: numbers(truth), iou, threshold, device, source };
      });

    /**
     * Places on an element that is first scrolled into view.
     *
     * @param {string} selector
     * @param {[number, number][]} fractions of its width and height
     * @returns {Promise<Place[]>}
     */
    const placesOn = (selector, fractions) =>
      driver.evaluate(
        (selector, fractions) => {
          const element = document.querySelector(selector);
          element?.scrollIntoView({ block: "center", behavior: "instant" });
          const { left, top, width, height } = element?.getBoundingClientRect() ?? new DOMRect();
          return fractions.map(([x, y]) => ({ x: Math.round(left + x * width), y: Math.round(top + y * height) }));
        },
        selector,
        fractions,
      );

    /** @param {string} selector @param {[number, number]} start @param {[number, number]} end in fractions of the element */
    const drag = async (selector, start, end) => {
      const [from, to] = await placesOn(selector, [start, end]);
      await driver.drag(from, to);
    };

    /** Asserts the numbers that Chromium computes. */
    const assertFirstPhantom = async () => {
      const { before, after, source, mask } = await coin();
      assert.equal(source.sample, "phantom-abnormal");
      assert.ok(Math.abs(before - reference.before) < 1e-3, `before: ${before}, in Chromium ${reference.before}`);
      assert.ok(Math.abs(after - reference.after) < 1e-3, `after: ${after}, in Chromium ${reference.after}`);
      assert.ok(mask.includes(1));
    };

    test("the page opens and explains a phantom as Chromium does", async () => {
      await driver.open(`${site.address}#model=${MODEL}&lang=en`);
      await settled();
      await assertReady();
      await assertFirstPhantom();
      const { iou } = await coin();
      assert.ok(iou > 0.3, `IoU ${iou}`);
      assert.match(await text("verdict"), /^Classifier: abnormal .* → after inpainting: /);
      const painted = await driver.evaluate(() =>
        ["input", "counterfactual", "difference", "mask"].filter((name) => {
          const canvas = /** @type {HTMLCanvasElement} */ (document.getElementById(`pane-${name}`));
          const pixels = canvas.getContext("2d")?.getImageData(0, 0, canvas.width, canvas.height).data ?? [];
          return pixels.some((value, i) => i % 4 < 3 && value > 60);
        }),
      );
      assert.deepEqual(painted, ["input", "counterfactual", "difference", "mask"], "panes with an image");
      await until("the callouts of the first visit in their places", () => {
        const button = document.querySelector(".callouts button");
        const { left, top, width, height } = button?.getBoundingClientRect() ?? new DOMRect();
        return button !== null && document.elementFromPoint(left + width / 2, top + height / 2) === button;
      });
      await driver.click(".callouts button");
      assert.equal(await driver.evaluate(() => document.querySelector(".callouts")), null);
    });

    test("the threshold changes the mask", async () => {
      const { difference, threshold, mask } = await coin();
      const higher = Number((threshold + 0.2).toFixed(2));
      const expected = difference.map((d) => Number(d > Math.fround(higher)));
      assert.notDeepEqual(mask, expected);
      await driver.press("#threshold", Array(20).fill("ArrowRight"));
      await until("the mask of the threshold", (expected) => /** @type {any} */ (window).coin.mask.join("") === expected, expected.join(""));
      assert.equal((await coin()).threshold, higher);
      assert.equal(await text("threshold-number"), higher.toFixed(2));
    });

    test("a lesion is inserted by keyboard and by mouse", async () => {
      await explain(() => driver.press("#insert", [.../** @type {Key[]} */ (Array(5).fill("ArrowLeft")), "ArrowUp", "Enter"]));
      const typed = await coin();
      assertNear(centre(typed.truth, typed.size), { x: 0.4, y: 0.48 });
      await explain(() => drag("#pane-input", [0.6, 0.5], [0.6, 0.5]));
      const clicked = await coin();
      assertNear(centre(clicked.truth, clicked.size), { x: 0.6, y: 0.5 });
      assert.equal(await driver.evaluate(() => document.getElementById("remove-inserted")?.hidden), false);
    });

    test("a series of three files opens", async () => {
      const files = [0, 10, 20].map((place) => ({ path: join(folder, `IM${place}.dcm`), content: discDicom({ series: "1.2.3", place }) }));
      for (const { path, content } of files) await writeFile(path, content);
      await explain(() => driver.setFiles("#file", files.map(({ path }) => path)));
      const { source } = await coin();
      assert.deepEqual(source, { name: "IM0.dcm", sample: null, slice: 1 });
      assert.equal(await text("slice-number"), "2 of 3");
      assert.equal(await text("notice-text"), "");
      await explain(() => driver.press("#slice", ["ArrowRight"]));
      assert.equal((await coin()).source.slice, 2);
    });

    test("the brush corrects the mask, and the saved summary says so", async () => {
      const computed = await coin();
      await driver.click("#tools label:has([value=brush])");
      await drag("#pane-mask", [0.4, 0.3], [0.6, 0.3]);
      await until("a corrected mask", () => document.getElementById("corrected")?.hidden === false);
      const { size, mask, before, after, threshold } = await coin();
      const row = Math.floor(0.3 * size);
      for (const x of [0.42, 0.5, 0.58]) assert.equal(mask[row * size + Math.floor(x * size)], 1, `painted at ${x}`);
      assert.equal(mask[row * size + Math.floor(0.8 * size)], computed.mask[row * size + Math.floor(0.8 * size)]);
      assert.notDeepEqual(mask, computed.mask);

      await driver.click("#save-summary");
      const { file, content } = await saved();
      assert.match(file, /\.json$/);
      const summary = JSON.parse(content);
      assert.match(summary.use, /Research use only/);
      assert.equal(summary.corrected, true);
      assert.equal(summary.input.slice, 3);
      assert.equal(summary.input.inserted, false);
      assert.equal(summary.mask_pixels, mask.filter(Boolean).length);
      assert.deepEqual([summary.before, summary.after, summary.threshold], [before, after, threshold]);
      assert.ok(summary.components.length > 0);
      assert.ok(!content.includes("Secret"), "the patient's name is not saved");
    });

    /** Waits for the download of the only file, and reads it. */
    const saved = async () => {
      const end = Date.now() + TIMEOUT_MS;
      for (;;) {
        const files = (await readdir(downloads)).filter((file) => !/\.(part|wkdownload)$/.test(file));
        const content = files.length > 0 ? await readFile(join(downloads, files[0]), "utf8") : "";
        // The file exists before its content does.
        if (content.endsWith("}\n")) return { file: files[0], content };
        if (Date.now() > end) assert.fail(`no saved file in ${downloads}: ${files}`);
        await pause(POLL_MS);
      }
    };

    test("the page is saved on the device", async () => {
      await until("the page is saved", () => document.getElementById("privacy-facts")?.textContent?.includes("yes, the page is saved") === true);
      await assertReady();
    });

    test("the page changes to German", async () => {
      await driver.evaluate(() => {
        // The page asks before it closes the opened images.
        window.confirm = () => true;
        const language = /** @type {HTMLSelectElement} */ (document.getElementById("language"));
        language.value = "de";
        language.dispatchEvent(new Event("change", { bubbles: true }));
      });
      await until("a German page", () => document.documentElement.lang === "de" && document.readyState === "complete");
      await settled();
      await assertReady();
      assert.match(await text("verdict"), /^Klassifikator: auffällig .* → nach Inpainting: /);
      assert.match(await text("drop"), /Dateien öffnen/);
      assert.equal(await text("save-summary"), "Zusammenfassung (JSON)");
    });

    test("without its server, the page opens and explains the same", async () => {
      assert.deepEqual(site.requests.filter(({ method, query, bytes }) => method !== "GET" || query !== "" || bytes > 0), []);
      site.close();
      await assert.rejects(fetch(site.address));
      await driver.reload();
      await settled();
      await assertReady();
      await assertFirstPhantom();
      await driver.click("#tools label:has([value=insert])");
      await explain(() => drag("#pane-input", [0.4, 0.5], [0.4, 0.5]));
      const { truth, size } = await coin();
      assertNear(centre(truth, size), { x: 0.4, y: 0.5 });
    });
  });
}

/**
 * Centre of the pixels of a mask, in fractions of the image.
 *
 * @param {number[]} mask
 * @param {number} size
 */
function centre(mask, size) {
  const inside = mask.flatMap((value, i) => (value ? [{ x: (i % size) + 0.5, y: Math.floor(i / size) + 0.5 }] : []));
  const mean = (/** @type {number[]} */ values) => values.reduce((sum, value) => sum + value, 0) / values.length / size;
  return { x: mean(inside.map(({ x }) => x)), y: mean(inside.map(({ y }) => y)) };
}

/** @param {Place} found @param {Place} expected in fractions of the image */
function assertNear(found, expected) {
  const far = Math.hypot(found.x - expected.x, found.y - expected.y);
  assert.ok(far < 0.05, `at ${found.x}, ${found.y}, not at ${expected.x}, ${expected.y}`);
}
