import assert from "node:assert/strict";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { after, before, describe, test } from "node:test";
import { discDicom, discNifti, discPng, readExpected, readNifti } from "./files.mjs";
import { serveOtherOrigin } from "./server.mjs";
import { DIST, MODEL, PATIENT_MODEL, SETUPS, html, openSite, policy } from "./site.mjs";
import { Visitor, launch } from "./visitor.mjs";

const { COIN_EXPECTED, COIN_SCREENSHOTS } = process.env;
const expected = COIN_EXPECTED ? await readExpected(COIN_EXPECTED) : [];
/** @type {import("../../web/page/models.js").ModelEntry[]} */
const models = JSON.parse(await readFile(join(DIST, "models/index.json"), "utf8"));
/** @type {import("../../web/page/samples.js").SampleEntry[]} */
const samples = JSON.parse(await readFile(join(DIST, "samples/index.json"), "utf8"));
const patient = samples.find(({ model }) => model === PATIENT_MODEL);

test("the documented header equals the policy of the page", async () => {
  const trunk = await readFile(new URL("../../trunk.toml", import.meta.url), "utf8");
  assert.ok(trunk.includes(`Content-Security-Policy = "${policy}"`));
});

test("the page has no inline code and no external resources", () => {
  // Links are not requests.
  const withoutLinks = html.replaceAll(/<a href="https:[^"]*">/g, "");
  assert.doesNotMatch(withoutLinks, /<style|\sstyle=|<script(?![^>]*\ssrc=)|\son\w+=|https?:/);
});

for (const { name, device, tolerance, flags, reason, skip } of SETUPS) {
  describe(name, { skip }, () => {
    /** @type {import("playwright-core").Browser} */
    let browser;
    /** @type {Awaited<ReturnType<typeof openSite>>} */
    let site;
    /** @type {Visitor} */
    let visitor;

    const open = (/** @type {string} */ query, /** @type {import("playwright-core").BrowserContextOptions} */ options = {}) =>
      Visitor.open(browser, `${site.address}${query}`, options);

    before(async () => {
      site = await openSite();
      browser = await launch(flags);
      visitor = await open(`#device=${device}&model=${MODEL}`);
    });
    after(async () => {
      await browser?.close();
      site?.close();
    });

    test("opens with an explained phantom and a mask of its anomaly", async () => {
      const coin = await visitor.coin();
      assert.equal(await visitor.state(), "ready", await visitor.text("notice-text"));
      assert.equal(coin.device.engine, device);
      assert.equal(coin.source.sample, "phantom-abnormal");
      assert.match(await visitor.text("verdict"), /^Classifier: abnormal .* → after inpainting: /);
      assert.ok(coin.mask.includes(1));
      assert.ok(coin.iou > 0.3, `IoU ${coin.iou}`);
      assert.match(await visitor.text("model-facts"), /^IoU0\.\d{3} at threshold 0\.\d\d(?!.*iou by threshold)/);
      const [pane, thumbnail] = await Promise.all(["pane-input", "how-input"].map((id) => visitor.brightness(id)));
      assert.ok(pane > 10 && Math.abs(pane - thumbnail) < 2, `the thumbnail shows the slice: ${pane}, ${thumbnail}`);
      visitor.assertNoErrors();
    });

    test("fits on desktop and phone screens", async () => {
      for (const [width, height] of [[1280, 900], [390, 844]]) {
        await visitor.page.setViewportSize({ width, height });
        await visitor.page.evaluate(() => scrollTo(0, 0));
        const overflow = await visitor.page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
        assert.ok(overflow <= 0, `${overflow} px too wide at ${width}`);
        if (!COIN_SCREENSHOTS) continue;
        await mkdir(COIN_SCREENSHOTS, { recursive: true });
        await visitor.page.screenshot({ path: join(COIN_SCREENSHOTS, `${device}-${width}x${height}.png`) });
      }
      await visitor.page.setViewportSize({ width: 1280, height: 900 });
    });

    test("the threshold changes the mask without a new explanation", async () => {
      const { page } = visitor;
      const { explanation, mask, threshold } = await visitor.coin();
      const higher = Number((0.75 * largest(explanation.difference)).toFixed(2));
      const expected = explanation.difference.map((/** @type {number} */ d) => Number(d > Math.fround(higher)));
      assert.notDeepEqual(mask, expected);
      await page.evaluate(() => Object.assign(window, { explained: /** @type {any} */ (window).coin.explanation }));
      await page.locator("#threshold").fill(String(higher));
      await page.waitForFunction((expected) => /** @type {any} */ (window).coin.mask.join("") === expected, expected.join(""));
      assert.deepEqual((await visitor.coin()).mask, expected);
      assert.ok(await page.evaluate(() => /** @type {any} */ (window).explained === /** @type {any} */ (window).coin.explanation));
      await page.locator("#threshold").fill(String(threshold));
    });

    test("true positives, false positives and false negatives have different colours, and the readout shows the values under the pointer", async () => {
      const { page } = visitor;
      const { mask, truth, explanation, iou } = await visitor.coin();
      const both = sum(mask.map((/** @type {number} */ inside, /** @type {number} */ i) => inside * truth[i]));
      const dice = (2 * both) / (sum(mask) + sum(truth));
      assert.ok((await visitor.text("mask-facts")).endsWith(`IoU ${iou.toFixed(2)} · Dice ${dice.toFixed(2)}`));
      const { size } = explanation;
      /** Green minus red and green minus blue of the mask pane at a pixel of the grid. */
      const tint = (/** @type {number} */ at) =>
        page.evaluate(
          ([x, y]) => {
            const canvas = /** @type {HTMLCanvasElement} */ (document.getElementById("pane-mask"));
            const [red, green, blue] = canvas.getContext("2d")?.getImageData(x * canvas.width, y * canvas.height, 1, 1).data ?? [];
            return { overRed: green - red, overBlue: green - blue };
          },
          [((at % size) + 0.5) / size, (Math.floor(at / size) + 0.5) / size],
        );
      const deep = mask.findIndex((/** @type {number} */ _, /** @type {number} */ i) => [0, 1, -1, size, -size].every((step) => mask[i + step] && truth[i + step]));
      const colour = await tint(deep);
      assert.ok(colour.overRed > 5 && colour.overBlue > 5, `true positives are green: ${JSON.stringify(colour)}`);
      assert.ok(await page.locator("#truth-key").isVisible());
      const painted = await page.evaluate(() => {
        const canvas = /** @type {HTMLCanvasElement} */ (document.getElementById("histogram"));
        const pixels = canvas.getContext("2d")?.getImageData(0, 0, canvas.width, canvas.height).data ?? [];
        return [...pixels].filter((value, i) => i % 4 === 3 && value > 0).length;
      });
      assert.ok(painted > 100, "a histogram");

      await page.locator("#pane-difference").hover();
      assert.match(await visitor.text("readout"), /^−?\d+ HU, counterfactual −?\d+ HU, difference [01]\.\d\d$/);
    });

    test("a slice without an anomaly is called normal", async () => {
      await visitor.explain(() => visitor.page.locator("#samples").selectOption("phantom-normal"));
      const coin = await visitor.coin();
      assert.equal(coin.truth, null);
      assert.ok(coin.explanation.before < 0.5, `before ${coin.explanation.before}`);
      assert.match(await visitor.text("verdict-sentence"), /calls this slice normal/);
    });

    test("an anomaly is inserted by mouse and keyboard, and removed again", async () => {
      const { page } = visitor;
      const input = page.locator("#insert");
      await input.scrollIntoViewIfNeeded();
      const box = await input.boundingBox();
      assert.ok(box);
      await visitor.explain(() => page.mouse.click(box.x + box.width * 0.4, box.y + box.height * 0.5));
      const clicked = await visitor.coin();
      assert.ok(sum(clicked.truth) > 0);
      assert.ok(Math.abs(centre(clicked.truth, clicked.explanation.size).x - 0.4) < 0.05);

      await input.focus();
      for (let i = 0; i < 5; i++) await page.keyboard.press("ArrowRight");
      await visitor.explain(() => page.keyboard.press("Enter"));
      const typed = await visitor.coin();
      assert.ok(Math.abs(centre(typed.truth, typed.explanation.size).x - 0.6) < 0.05);
      assert.equal((await visitor.summary()).input.inserted, true);

      await visitor.explain(() => page.locator("#remove-inserted").click());
      assert.equal((await visitor.coin()).truth, null);
      assert.ok(await page.locator("#mask-key").isVisible());
      assert.equal((await visitor.summary()).input.inserted, false);
    });

    test("a broken file shows an error and keeps the last result", async () => {
      const png = discPng(128);
      const broken = {
        "empty.dcm": Buffer.alloc(0),
        "noise.nii.gz": Buffer.from(Array.from({ length: 4096 }, (_, i) => (i * 7919 + (i >> 3)) & 0xff)),
        "half.png": png.subarray(0, png.length / 2),
      };
      const before = await visitor.coin();
      for (const [name, buffer] of Object.entries(broken)) {
        await visitor.openFiles({ name, mimeType: "application/octet-stream", buffer });
        assert.equal(await visitor.state(), "failed");
        assert.ok(await visitor.page.locator("#notice").isVisible());
        assert.match(await visitor.text("notice-text"), new RegExp(`${name}.*\\w+ \\w+`));
        assert.deepEqual(await visitor.coin(), before);
      }
      visitor.assertNoErrors();
    });

    test("a file above the size limit shows an error before it is read", async () => {
      await visitor.page.evaluate(() => Object.defineProperty(File.prototype, "size", { get: () => 2 ** 30, configurable: true }));
      await visitor.openFiles({ name: "huge.nii", mimeType: "application/octet-stream", buffer: discNifti(16, 1) });
      await visitor.page.evaluate(() => Reflect.deleteProperty(File.prototype, "size"));
      assert.equal(await visitor.state(), "failed");
      assert.match(await visitor.text("notice-text"), /^huge\.nii: .*512 MiB/);
      visitor.assertNoErrors();
    });

    test("files are sorted into series, and missing slices are reported", async () => {
      const { page } = visitor;
      const file = (/** @type {string} */ series, /** @type {number} */ place) =>
        ({ name: `IM${(place * 7) % 11}-${series}`, mimeType: "application/dicom", buffer: discDicom({ series: `1.2.${series}`, place }) });
      const files = [file("8", 10), file("9", 30), file("9", 0), file("8", 0), file("9", 20), file("9", 10), file("9", 50)];
      await visitor.explain(() => page.locator("#file").setInputFiles(files));
      assert.match(await visitor.text("notice-text"), /^Series 1: slices are missing or uneven: 20\.00 mm after slice 4, 10\.00 mm elsewhere/);
      await page.locator("#notice-close").click();
      assert.deepEqual(await page.locator("#series option").allTextContents(), ["Series 1: 5 slices of 64 × 64, Disc 1.2.9", "Series 2: 2 slices of 64 × 64, Disc 1.2.8"]);
      assert.ok(await page.locator("#orientation").isVisible(), "the orientation is labelled");
      const inside = () => page.evaluate(() => /** @type {any} */ (window).coin.explanation.input.filter((/** @type {number} */ grey) => grey > -0.9).length);
      const areas = [];
      for (let i = 0; i < 5; i++) {
        await visitor.explain(() => page.locator("#slice").fill(String(i)));
        areas.push(await inside());
      }
      assert.deepEqual(areas, areas.toSorted((a, b) => a - b), "from the feet to the head");
      assert.ok(areas[0] < areas[4]);
      await visitor.explain(() => page.locator("#series").selectOption("1"));
      assert.match(await visitor.text("slice-number"), /of 2$/);
      assert.match(await visitor.text("source-name"), /^IM\d+-8 · Disc 1\.2\.8, /);
      assert.ok(!JSON.stringify(await visitor.summary()).includes("Disc"), "the description is not saved");
      const everything = JSON.stringify(await visitor.summary()) + (await page.locator("body").innerText());
      assert.ok(!everything.includes("Secret"), "the patient's name is neither shown nor saved");
      visitor.assertNoErrors();
    });

    test("a dropped image without HU is explained with the selected HU range", async () => {
      const { page } = visitor;
      const bytes = [...discPng(128)];
      await visitor.explain(() =>
        page.evaluate((bytes) => {
          const dataTransfer = new DataTransfer();
          dataTransfer.items.add(new File([new Uint8Array(bytes)], "disc.png", { type: "image/png" }));
          document.body.dispatchEvent(new DragEvent("drop", { dataTransfer, bubbles: true, cancelable: true }));
        }, bytes),
      );
      assert.equal((await visitor.coin()).source.name, "disc.png");
      const grey = () => page.evaluate(() => /** @type {any} */ (window).coin.explanation.input.join());
      const asModel = await grey();
      await visitor.explain(() => page.locator("#window").selectOption("lung"));
      assert.notEqual(await grey(), asModel);
      assert.equal(await visitor.state(), "ready");
    });

    test("a dropped folder is opened with its subfolders", async (test) => {
      const folder = await mkdtemp(join(tmpdir(), "coin-"));
      test.after(() => rm(folder, { recursive: true }));
      const study = join(folder, "study");
      await mkdir(join(study, "series"), { recursive: true });
      for (const place of [0, 10, 20]) {
        await writeFile(join(study, "series", `IM${(place * 7) % 11}`), discDicom({ series: "1.2.3", place }));
      }
      await visitor.drop(study);
      assert.equal(await visitor.state(), "ready", await visitor.text("notice-text"));
      assert.match((await visitor.coin()).source.name, /^study\/series\/IM/);
      assert.equal(await visitor.text("slice-number"), "2 of 3");
      visitor.assertNoErrors();
    });

    test("the display window, including that of the file, does not change the explanation", async () => {
      const { page } = visitor;
      const buffer = discDicom({ series: "1.2.3", place: 0, window: [-400, 1500] });
      await visitor.openFiles({ name: "windowed.dcm", mimeType: "application/dicom", buffer });
      const { explanation } = await visitor.coin();
      /** Grey value at the centre of a pane. @param {string} pane */
      const grey = (pane) =>
        page.evaluate((pane) => {
          const canvas = /** @type {HTMLCanvasElement} */ (document.getElementById(`pane-${pane}`));
          return canvas.getContext("2d")?.getImageData(256, 256, 1, 1).data[0];
        }, pane);
      // Grey value of 40 HU in the model's window, -200 to 400, and in the file's, -400 +- 750.
      const near = (/** @type {number} */ hu, /** @type {number} */ low, /** @type {number} */ high) => Math.round((255 * (hu - low)) / (high - low));
      assert.ok(Math.abs(Number(await grey("input")) - near(40, -200, 400)) <= 2, `${await grey("input")}`);
      assert.match((await page.locator("#display option[value=file]").textContent()) ?? "", /−1150 to 350 HU/);
      await page.locator("#display").selectOption("file");
      const expected = near(40, -1150, 350);
      await page.waitForFunction(
        (expected) => {
          const at = (/** @type {string} */ pane) => /** @type {HTMLCanvasElement} */ (document.getElementById(`pane-${pane}`));
          const grey = (/** @type {string} */ pane) => at(pane).getContext("2d")?.getImageData(256, 256, 1, 1).data[0] ?? 0;
          return ["input", "counterfactual", "mask"].every((pane) => Math.abs(grey(pane) - expected) <= 20);
        },
        expected,
      );
      assert.ok(Math.abs(Number(await grey("input")) - expected) <= 2);
      assert.deepEqual((await visitor.coin()).explanation, explanation);
      await page.locator("#display").selectOption("model");
      visitor.assertNoErrors();
    });

    test("the summary matches the shown result, also after a cancelled run", async () => {
      const { page } = visitor;
      const before = await visitor.coin();
      await page.locator("#threshold").fill("0.9");
      await visitor.explain(() =>
        page.evaluate(() => {
          const byId = (/** @type {string} */ id) => /** @type {HTMLElement} */ (document.getElementById(id));
          /** @type {any} */ (window).whileExplaining(() => byId("cancel").click());
          byId("new-patient").click();
        }),
      );
      const { threshold, mask_pixels } = await visitor.summary();
      const { mask, explanation } = await visitor.coin();
      assert.deepEqual({ threshold, mask_pixels }, { threshold: 0.9, mask_pixels: sum(mask) });
      assert.deepEqual(explanation, before.explanation);
      assert.ok(explanation.difference.every((/** @type {number} */ d, /** @type {number} */ i) => mask[i] === Number(d > Math.fround(0.9))));
      await page.locator("#threshold").fill(String(before.threshold));
    });

    test("figure and summary contain the research-only notice", async () => {
      const { page } = visitor;
      const [figure] = await Promise.all([page.waitForEvent("download"), page.locator("#save-figure").click()]);
      const png = await readFile(await figure.path());
      assert.equal(png.toString("latin1", 1, 4), "PNG");
      const strip = await page.evaluate(async (base64) => {
        const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
        const bitmap = await createImageBitmap(new Blob([bytes]));
        const context = new OffscreenCanvas(bitmap.width, bitmap.height).getContext("2d");
        context?.drawImage(bitmap, 0, 0);
        return [...(context?.getImageData(0, 0, 600, 48).data ?? [])];
      }, png.toString("base64"));
      const dark = strip.filter((value, i) => i % 4 === 0 && value < 128).length;
      assert.deepEqual(strip.slice(0, 3), [255, 212, 121]);
      assert.ok(dark > 200, "the strip contains text");

      const { use, before, mask_pixels } = await visitor.summary();
      const coin = await visitor.coin();
      assert.match(use, /Research use only/);
      assert.equal(before, coin.explanation.before);
      assert.equal(mask_pixels, sum(coin.mask));
    });

    test("a slice requested while another source replaces its file opens the file again", async () => {
      const buffer = discNifti(64, 3);
      await visitor.openFiles({ name: "discs.nii", mimeType: "application/octet-stream", buffer });
      await visitor.explain(() =>
        visitor.page.evaluate(() => {
          const slider = /** @type {HTMLInputElement} */ (document.getElementById("slice"));
          /** @type {any} */ (window).whileExplaining(() => {
            slider.value = "2";
            slider.dispatchEvent(new Event("input"));
          });
          const samples = /** @type {HTMLSelectElement} */ (document.getElementById("samples"));
          samples.value = "phantom-normal";
          samples.dispatchEvent(new Event("change"));
        }),
      );
      assert.equal(await visitor.state(), "ready", await visitor.text("notice-text"));
      assert.deepEqual((await visitor.coin()).source, { name: "discs.nii", sample: null, slice: 2 });
      visitor.assertNoErrors();
    });

    const lacking = !models.some(({ name }) => name === PATIENT_MODEL) ? `the model ${PATIENT_MODEL}` : !patient ? "its sample" : null;
    test("a CT sample loads its recommended model, and changing the model keeps the slice", { skip: lacking ? `SKIPPED: ${DIST} lacks ${lacking}` : false }, async () => {
      assert.ok(patient);
      const { page } = visitor;
      const assertShown = async (/** @type {string} */ model, /** @type {number} */ slice) => {
        const coin = await visitor.coin();
        assert.equal(await visitor.state(), "ready", await visitor.text("notice-text"));
        assert.equal(coin.model.name, model);
        assert.equal(await page.locator("#model").inputValue(), model);
        assert.deepEqual(coin.source, { name: patient.file, sample: patient.name, slice });
        assert.match(await visitor.text("verdict"), /^Classifier: (normal \(probability of )?abnormal .* → after inpainting: /);
        assert.ok(await page.locator("#notice").isHidden());
      };
      await visitor.explain(() => page.locator("#samples").selectOption(patient.name));
      await assertShown(PATIENT_MODEL, patient.slice);
      assert.ok((await visitor.text("credit")).endsWith(`${patient.credit}. ${patient.caveat}`));
      await visitor.explain(() => page.locator("#slice").fill(String(patient.slice + 1)));
      await visitor.explain(() => page.locator("#model").selectOption(MODEL));
      await assertShown(MODEL, patient.slice + 1);
      visitor.assertNoErrors();
    });

    for (const { name, input, summary, difference, written } of expected) {
      test(`matches the native explain: ${name}`, async () => {
        const model = summary.model ? `&model=${basename(summary.model, ".safetensors")}` : "";
        const reader = model ? await open(`#device=${device}${model}`) : visitor;
        await reader.openFiles(input);
        assert.equal(await reader.state(), "ready", await reader.text("notice-text"));
        const index = summary.slice - 1;
        if (index !== (await reader.coin()).source.slice) {
          await reader.explain(() => reader.page.locator("#slice").fill(String(index)));
        }
        const { explanation } = await reader.coin();
        assert.equal(explanation.difference.length, difference.length);
        const error = largest(difference.map((value, i) => Math.abs(value - explanation.difference[i])));
        assert.ok(error <= tolerance, `the difference map is off by ${error}`);
        assert.ok(Math.abs(explanation.before - summary.before) <= tolerance, `before ${explanation.before}`);
        assert.ok(Math.abs(explanation.after - summary.after) <= tolerance, `after ${explanation.after}`);
        await assertSaves(reader, written, tolerance);
        reader.assertNoErrors();
        if (reader !== visitor) await reader.page.context().close();
      });
    }
    if (expected.length === 0) test("matches the native explain", { skip: "COIN_EXPECTED is not set" }, () => {});

    test("cancelling keeps the last result, and the next explanation works", async () => {
      const before = await visitor.coin();
      await visitor.explain(() =>
        visitor.page.evaluate(() => {
          const byId = (/** @type {string} */ id) => /** @type {HTMLElement} */ (document.getElementById(id));
          /** @type {any} */ (window).whileExplaining(() => byId("cancel").click());
          byId("new-patient").click();
        }),
      );
      assert.match(await visitor.text("status"), /^Cancelled/);
      assert.deepEqual(await visitor.coin(), before);
      await visitor.explain(() => visitor.page.locator("#new-patient").click());
      assert.equal(await visitor.state(), "ready", await visitor.text("notice-text"));
      visitor.assertNoErrors();
    });

    test("the threshold changes the mask while an explanation runs", async () => {
      const { page } = visitor;
      const { explanation, threshold } = await visitor.coin();
      const higher = Number((0.75 * largest(explanation.difference)).toFixed(2));
      /** @type {{mask: number[], explained: boolean} | undefined} */
      let meanwhile;
      await visitor.explain(async () => {
        meanwhile = await page.evaluate((higher) => {
          const { coin, whileExplaining } = /** @type {any} */ (window);
          const { explanation, mask } = coin;
          const slider = /** @type {HTMLInputElement} */ (document.getElementById("threshold"));
          const moved = whileExplaining(async () => {
            slider.value = String(higher);
            slider.dispatchEvent(new Event("input"));
            // Microtasks only, so that no worker message is handled in between.
            for (let i = 0; i < 100 && coin.mask === mask; i++) await null;
            return { mask: [...coin.mask], explained: coin.explanation !== explanation };
          });
          /** @type {HTMLElement} */ (document.getElementById("new-patient")).click();
          return moved;
        }, higher);
      });
      const expected = explanation.difference.map((/** @type {number} */ d) => Number(d > Math.fround(higher)));
      assert.deepEqual(meanwhile, { mask: expected, explained: false });
      await page.locator("#threshold").fill(String(threshold));
      visitor.assertNoErrors();
    });

    test("automatic selection stays on the CPU here and shows the reason", async () => {
      const reader = await open(`#model=${MODEL}`);
      await reader.page.waitForFunction((reason) => new RegExp(reason).test(document.getElementById("device-reason")?.textContent ?? ""), reason.source);
      assert.equal((await reader.coin()).device.engine, "cpu");
      reader.assertNoErrors();
      await reader.page.context().close();
    });

    test("the content security policy blocks other origins in page and workers", async () => {
      const otherOrigin = await serveOtherOrigin();
      const reach = (/** @type {string} */ address) => fetch(address).then(() => "reached", () => "refused");
      assert.equal(await reach(otherOrigin.address), "reached");
      otherOrigin.requests.length = 0;
      const reader = await open(`#device=cpu&model=${MODEL}`);
      assert.equal(await reader.page.evaluate(reach, otherOrigin.address), "refused");
      for (const worker of reader.page.workers()) assert.equal(await worker.evaluate(reach, otherOrigin.address), "refused");
      assert.deepEqual(otherOrigin.requests, []);
      otherOrigin.close();
      assert.ok(reader.errors.every((error) => /Content Security Policy|connect-src/.test(error)));
      assert.ok(reader.errors.length > 0);
      await reader.page.context().close();
    });
  });
}

/**
 * Asserts that the page saves the same files as the native `explain`, and no others.
 *
 * @param {Visitor} reader
 * @param {Record<string, Buffer>} written
 * @param {number} tolerance of a difference map
 */
async function assertSaves({ page }, written, tolerance) {
  for (const kind of ["counterfactual", "mask", "segmentation"]) {
    const button = page.locator(`#save-${kind}`);
    assert.equal(await button.isVisible(), kind in written, kind);
    if (!(kind in written)) continue;
    const [saved] = await Promise.all([page.waitForEvent("download"), button.click()]);
    const content = await readFile(await saved.path());
    if (kind === "segmentation") {
      // Identifiers and time stamps differ, also in length; the pixel data come last.
      const tail = Math.floor(written[kind].length / 4);
      assert.ok(Math.abs(content.length - written[kind].length) < 64);
      assert.deepEqual(content.subarray(-tail), written[kind].subarray(-tail));
      continue;
    }
    const [ours, native] = [readNifti(content), readNifti(written[kind])];
    assert.deepEqual(ours.header, native.header);
    // A difference of 1 is the width of the model's window, 600 HU at most. Masks may differ where the difference is close to the threshold.
    const slice = native.header.readInt16LE(42) * native.header.readInt16LE(44);
    const apart = ours.voxels.map((value, i) => Math.abs(value - native.voxels[i]));
    if (kind === "counterfactual") assert.ok(largest(apart) <= 600 * tolerance, `${largest(apart)} HU apart`);
    else assert.ok(sum([...apart]) <= 0.002 * slice, `${sum([...apart])} voxels of the mask differ`);
  }
}

/** @param {number[]} mask */
function sum(mask) {
  return mask.reduce((a, b) => a + b, 0);
}

/** @param {Iterable<number>} values */
function largest(values) {
  let most = 0;
  for (const value of values) most = Math.max(most, value);
  return most;
}

/**
 * Centre of a mask, in fractions of the image.
 *
 * @param {number[]} mask
 * @param {number} size
 */
function centre(mask, size) {
  const inside = mask.flatMap((value, i) => (value ? [i] : []));
  return { x: sum(inside.map((i) => i % size)) / inside.length / size, y: sum(inside.map((i) => Math.floor(i / size))) / inside.length / size };
}
