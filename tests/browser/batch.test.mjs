import assert from "node:assert/strict";
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, describe, test } from "node:test";
import { gunzipSync } from "node:zlib";
import { casesOf } from "../../web/page/cases.js";
import { csvOf } from "../../web/page/csv.js";
import { discDicom, discNifti, discPng, withMetadata } from "./files.mjs";
import { DIST, MODEL, openSite } from "./site.mjs";
import { Visitor, launch } from "./visitor.mjs";

test("each folder, volume, picture and archive is a case, and the rest is one", () => {
  const labels = (/** @type {string[]} */ names) =>
    casesOf(/** @type {any} */ (names.map((name) => ({ name })))).map(({ label, files }) => `${label}: ${files.map(({ name }) => name.split("/").at(-1)).join(" ")}`);
  assert.deepEqual(labels(["all/p10/a/IM1", "all/p10/b/IM1", "all/p2/IM1", "all/p2/.DS_Store", "all/__MACOSX/p2", "all/DICOMDIR"]), ["p2: IM1", "p10: IM1 IM1"]);
  assert.deepEqual(labels(["p1/IM1", "p1/IM2"]), ["p1: IM1 IM2"], "a single patient has the name of the folder");
  assert.deepEqual(labels(["IM1", "IM2", "a.nii.gz", "b.hdr", "b.img", "c.PNG", "d.zip"]), ["a: a.nii.gz", "b: b.hdr b.img", "c: c.PNG", "d: d.zip", "IM1: IM1 IM2"]);
  assert.deepEqual(labels(["v.nhdr", "plane-1.raw", "plane-2.raw", "w.nii"]), ["v: v.nhdr plane-1.raw plane-2.raw", "w: w.nii"]);
  assert.deepEqual(labels(["v.nhdr", "v.raw.gz", "w.nii.gz"]), ["v: v.nhdr v.raw.gz", "w: w.nii.gz"]);
  assert.deepEqual(labels(["v.nhdr", "v-1.raw", "w.nhdr", "w-1.raw"]), ["v: v.nhdr v-1.raw w.nhdr w-1.raw"]);
  assert.deepEqual(labels(["v.mhd", "v.raw", "w.mhd", "w.raw"]), ["v: v.mhd v.raw", "w: w.mhd w.raw"]);
  assert.deepEqual(labels([]), []);
});

test("values with commas, quotes and line breaks are quoted in CSV", () => {
  assert.equal(csvOf([{ a: 'x, "y"', b: null }, { a: "1\n2", b: 0.5 }]), 'a,b\n"x, ""y""",\n"1\n2",0.5\n');
});

describe("Batch", () => {
  /** @type {import("playwright-core").Browser} */
  let browser;
  /** @type {Awaited<ReturnType<typeof openSite>>} */
  let site;
  /** @type {Visitor} */
  let visitor;
  /** @type {import("playwright-core").Page} */
  let page;
  /** @type {string} */
  let folder;

  before(async () => {
    folder = join(await mkdtemp(join(tmpdir(), "coin-batch-")), "patients");
    const files = {
      ...Object.fromEntries([0, 10, 20].map((place) => [`anna/IM${place}`, discDicom({ series: "1.7", place })])),
      "ben/slice.png": discPng(96),
      "clara.nii": discNifti(64, 4),
      "dora.nii": Buffer.from("no volume"),
    };
    for (const [name, content] of Object.entries(files)) {
      await mkdir(dirname(join(folder, name)), { recursive: true });
      await writeFile(join(folder, name), content);
    }
    site = await openSite();
    browser = await launch(["--disable-gpu"]);
    visitor = await Visitor.open(browser, `${site.address}#device=cpu&model=${MODEL}`);
    page = visitor.page;
    // It marks something in every image, if nothing is verified.
    const model = await readFile(join(DIST, "models/coin-kidney-tumour.safetensors"));
    const buffer = withMetadata(model, { format: 6, normalisation: { window: [-100, 300] }, verification: undefined });
    await visitor.openFiles({ name: "every.safetensors", mimeType: "application/octet-stream", buffer });
    await page.locator("#threshold").fill("0.02");
    await visitor.tab("batch");
  });
  after(async () => {
    await browser?.close();
    site?.close();
    await rm(dirname(folder), { recursive: true, force: true });
  });

  /** Text of the cells of each row. */
  const rows = () => page.locator("#batch-rows tr").evaluateAll((rows) => rows.map((row) => [...row.children].map((cell) => cell.textContent ?? "")));
  const status = (/** @type {RegExp} */ pattern) =>
    page.waitForFunction(({ source }) => new RegExp(source).test(document.getElementById("batch-status")?.textContent ?? ""), { source: pattern.source }, { timeout: 120_000 });
  /** Chooses a folder of the browser's own instead of one of the disk, whose dialog tests cannot answer. */
  const chooseFolder = async () => {
    await page.evaluate(() => {
      const own = async () => (await navigator.storage.getDirectory()).getDirectoryHandle("results", { create: true });
      Object.assign(window, { showDirectoryPicker: own });
    });
    await page.locator("#batch-results-folder").click();
    await page.locator("#batch-results-written", { hasText: /^Results are written into results\/coin-results(-\d)?\.$/ }).waitFor();
  };
  /** The content of the files in that folder, in base64, by path; null while one is being written: its temporary file can go at any moment. */
  const filesInFolder = () =>
    page.evaluate(async () => {
      /** @type {Record<string, string>} */
      const found = {};
      const list = async (/** @type {any} */ folder, /** @type {string} */ path) => {
        for await (const [name, entry] of folder.entries()) {
          if (entry.kind === "directory") await list(entry, `${path}${name}/`);
          else found[path + name] = /** @type {any} */ (new Uint8Array(await (await entry.getFile()).arrayBuffer())).toBase64();
        }
      };
      try {
        await list(await (await navigator.storage.getDirectory()).getDirectoryHandle("results"), "");
      } catch (error) {
        if (error instanceof DOMException && error.name === "NotFoundError") return null;
        throw error;
      }
      return Object.entries(found).some(([name, content]) => name.endsWith(".crswap") || content === "") ? null : found;
    });
  /** Waits for files in that folder. */
  const untilWritten = async (/** @type {(files: Record<string, string>) => boolean} */ check) => {
    const end = performance.now() + 10_000;
    for (;;) {
      const files = await filesInFolder();
      if (files && check(files)) return files;
      assert.ok(performance.now() < end, `after ten seconds: ${files && Object.keys(files)}`);
      await page.waitForTimeout(50);
    }
  };
  const namesIn = (/** @type {Record<string, string>} */ files, /** @type {string} */ folder) =>
    Object.keys(files).flatMap((name) => (name.startsWith(`${folder}/`) ? [name.slice(folder.length + 1)] : [])).sort();
  const saved = async (/** @type {string} */ id) => {
    const [file] = await Promise.all([page.waitForEvent("download"), page.locator(id).click()]);
    return { name: file.suggestedFilename(), content: await readFile(await file.path()) };
  };

  test("a folder of patients becomes rows; a damaged file does not stop the others", async () => {
    await page.locator("#batch-folder").setInputFiles(folder);
    await page.locator("#batch-rows tr").nth(3).waitFor();
    assert.deepEqual((await rows()).map(([label, , , , , , , , note]) => [label, note]), [["anna", "waiting"], ["ben", "waiting"], ["clara", "waiting"], ["dora", "waiting"]]);
    await page.locator("#batch-start").click();
    await status(/^3 cases explained, 1 failed; /);
    const [anna, ben, clara, dora] = await rows();
    assert.deepEqual([anna[0], anna[1], ben[1], clara[1]], ["anna", "3", "1", "4"]);
    assert.match(anna[5], /^[1-9].*(mm³|cm³)$/);
    assert.match(dora[8], /dora\.nii: /);
    assert.equal(dora[3], "");
    await page.locator("#batch-sort-slices").click();
    assert.deepEqual((await rows()).map(([label]) => label), ["clara", "anna", "ben", "dora"]);
    assert.equal(await page.locator("#batch-sort-slices").evaluate((button) => button.closest("th")?.ariaSort), "descending");
    await page.locator("#batch-sort-slices").click();
    assert.deepEqual((await rows()).map(([label]) => label), ["dora", "ben", "anna", "clara"]);
    if (process.env.COIN_SCREENSHOTS) await page.screenshot({ path: `${process.env.COIN_SCREENSHOTS}/batch.png` });
    visitor.assertNoErrors();
  });

  test("the saved table and masks have the results of all rows", async () => {
    const table = (await saved("#batch-save-table")).content.toString("utf8").trim().split("\n").map((line) => line.split(","));
    const [columns, ...lines] = table;
    assert.equal(lines.length, 3);
    const value = (/** @type {string} */ scan, /** @type {string} */ column) => lines.find(([name]) => name === scan)?.[columns.indexOf(column)] ?? "";
    const archive = await saved("#batch-save-masks");
    const files = unpacked(archive.content);
    assert.deepEqual([...files.keys()].sort(), ["anna/mask.nii.gz", "ben/mask.png", "clara/mask.nii.gz", "scans.csv"]);
    const [head, ...rows] = files.get("scans.csv")?.toString("utf8").trim().split("\n") ?? [];
    assert.match(head, /^scan,model,mask_from,threshold,/);
    assert.equal(rows.length, 3);
    assert.ok(rows.every((row) => /,coin-[a-z-]+,difference,/.test(row)), rows.join("\n"));
    for (const [scan, volume] of [["anna", 3 * 64 * 64], ["clara", 4 * 64 * 64]]) {
      const voxels = gunzipSync(/** @type {Buffer} */ (files.get(`${scan}/mask.nii.gz`))).subarray(352);
      assert.equal(voxels.length, volume);
      assert.equal(String(voxels.reduce((sum, inside) => sum + inside, 0)), value(String(scan), "mask_voxels"));
    }
    // Voxels of 1 x 1 x 1 mm and of 1 x 1 x 10 mm.
    assert.equal(value("clara", "mask_mm3"), value("clara", "mask_voxels"));
    assert.equal(Number(value("anna", "mask_mm3")), 10 * Number(value("anna", "mask_voxels")));
    assert.equal(value("ben", "mask_mm3"), "");
    assert.ok(Number(value("ben", "temperature")) > 1);
  });

  test("results are written into a folder as they come", async () => {
    await chooseFolder();
    const archive = unpacked((await saved("#batch-save-masks")).content);
    const names = [...archive.keys()].sort();
    // The table is written last.
    const files = await untilWritten((files) => "coin-results/scans.csv" in files);
    assert.deepEqual(namesIn(files, "coin-results"), names);
    for (const [name, content] of archive) assert.equal(files[`coin-results/${name}`], content.toString("base64"), name);
    // Another time, a new folder: nothing is replaced.
    await page.evaluate(async () => {
      const results = await (await navigator.storage.getDirectory()).getDirectoryHandle("results");
      const table = await (await results.getDirectoryHandle("coin-results")).getFileHandle("scans.csv");
      const writable = await table.createWritable();
      await writable.write("of yesterday");
      await writable.close();
    });
    await chooseFolder();
    const later = await untilWritten((files) => "coin-results-2/scans.csv" in files);
    assert.deepEqual(namesIn(later, "coin-results-2"), names);
    assert.equal(later["coin-results/scans.csv"], Buffer.from("of yesterday").toString("base64"));
    visitor.assertNoErrors();
  });

  test("a row opens in the viewer with the same result", async () => {
    const table = (await saved("#batch-save-table")).content.toString("utf8").trim().split("\n").map((line) => line.split(","));
    const [columns, ...lines] = table;
    const anna = lines.find(([name]) => name === "anna") ?? [];
    await visitor.explain(() => page.getByRole("button", { name: "anna", exact: true }).click());
    const key = Number(anna[columns.indexOf("largest_key_slice")] || anna[columns.indexOf("most_abnormal_slice")]);
    const { source, explanation } = await visitor.coin();
    assert.equal(source.slice, key - 1);
    assert.ok(await page.locator("#viewer").isVisible());
    if (anna[columns.indexOf("most_abnormal_slice")] === String(key)) assert.ok(Math.abs(explanation.before - Number(anna[columns.indexOf("before")])) < 1e-5);
    // All slices together: the components of the volume are those of the batch.
    await page.locator("#explain-all").click();
    await page.locator("#volume-components tr").first().waitFor({ timeout: 60_000 });
    const components = (await saved("#volume-saves button[value=components]")).content.toString("utf8").trim().split("\n").map((line) => line.split(","));
    assert.equal(components[1][components[0].indexOf("volume_mm3")], anna[columns.indexOf("largest_mm3")]);
    assert.equal(components[1][components[0].indexOf("key_slice")], anna[columns.indexOf("largest_key_slice")]);
    await visitor.explain(() => page.locator("#volume-components button").first().click());
    assert.equal((await visitor.coin()).source.slice, Number(components[1][components[0].indexOf("key_slice")]) - 1);
    await visitor.tab("batch");
    visitor.assertNoErrors();
  });

  test("cancelling in the viewer does not fail the case that is being explained", async () => {
    const cancelled = join(dirname(folder), "fred.nii");
    await writeFile(cancelled, discNifti(64, 60));
    await page.locator("#batch-files").setInputFiles(cancelled);
    await page.locator("#batch-start").click();
    // Opens a file and cancels at once, which stops the workers that the batch uses as well.
    await page.waitForFunction(() => /fred, slice \d+ of 60/.test(document.getElementById("batch")?.textContent ?? ""), undefined, { timeout: 60_000 });
    await page.evaluate((bytes) => {
      const chosen = new DataTransfer();
      chosen.items.add(new File([Uint8Array.from(bytes)], "large.nii"));
      const picker = /** @type {HTMLInputElement} */ (document.getElementById("file"));
      picker.files = chosen.files;
      picker.dispatchEvent(new Event("change"));
      setTimeout(() => document.getElementById("cancel")?.click(), 5);
    }, [...discNifti(64, 60)]);
    await status(/^1 case explained; /);
    assert.equal((await rows()).find(([label]) => label === "fred")?.[1], "60");
    await visitor.tab("batch");
    await page.getByRole("button", { name: "Remove fred" }).click();
  });

  test("a batch pauses, continues after a reload if it is kept, and leaves nothing behind when it is removed", async () => {
    await page.locator("#batch-keep").check();
    const many = join(dirname(folder), "erik.nii");
    await writeFile(many, discNifti(64, 60));
    await page.locator("#batch-files").setInputFiles(many);
    await page.locator("#batch-start").click();
    // Pressed in the page, so that the case cannot be done before.
    await page.waitForFunction(
      () => {
        const explaining = /erik, slice \d+ of 60/.test(document.getElementById("batch")?.textContent ?? "");
        if (explaining) document.getElementById("batch-cancel")?.click();
        return explaining;
      },
      undefined,
      { timeout: 60_000 },
    );
    await status(/^Paused/);
    const kept = await rows();
    assert.equal(kept.find(([label]) => label === "erik")?.[8], "waiting");
    await page.reload();
    await visitor.settled();
    await visitor.tab("batch");
    await page.locator("#batch-rows tr").nth(4).waitFor();
    const byLabel = (/** @type {string[][]} */ rows) => rows.slice().sort(([a], [b]) => a.localeCompare(b));
    assert.deepEqual(byLabel(await rows()), byLabel(kept));
    await chooseFolder();
    const table = (/** @type {Record<string, string>} */ files) => Buffer.from(files["coin-results-3/scans.csv"] ?? "", "base64").toString("utf8");
    const earlier = namesIn(await untilWritten((files) => /^anna,/m.test(table(files))), "coin-results-3");
    assert.ok(earlier.includes("anna/mask.nii.gz") && !earlier.includes("erik/mask.nii.gz"), earlier.join(" "));
    await page.locator("#batch-start").click();
    await status(/^1 case explained; /);
    assert.ok(await page.locator("#batch-start").isDisabled(), "nothing waits");
    const files = await untilWritten((files) => /^erik,/m.test(table(files)));
    assert.deepEqual(namesIn(files, "coin-results-3"), [...earlier, "erik/mask.nii.gz"].sort());
    assert.equal((await rows()).find(([label]) => label === "erik")?.[1], "60");
    await page.getByRole("button", { name: "Remove dora" }).click();
    assert.equal((await rows()).length, 4);
    await page.locator("#batch-remove").click();
    await page.waitForFunction(async () => (await indexedDB.databases()).length === 0);
    assert.ok(!(await page.locator("#batch-results").isVisible()));
    await page.locator("#batch-keep").uncheck();
    visitor.assertNoErrors();
  });

  test("a drop says what it will do: open, or add to the batch", async () => {
    const devtools = await page.context().newCDPSession(page);
    const drag = (/** @type {"dragEnter" | "dragOver" | "drop"} */ type, /** @type {{x: number, y: number}} */ at) =>
      devtools.send("Input.dispatchDragEvent", { type, ...at, data: { items: [], files: [folder], dragOperationsMask: 1 } });
    await drag("dragEnter", { x: 600, y: 200 });
    await drag("dragOver", { x: 600, y: 200 });
    const hint = page.locator("#drop-hint");
    await hint.waitFor();
    assert.match(await hint.innerText(), /Open\s+A slice, a series.*Add to the batch/s);
    const chosen = () => page.locator("#drop-hint .chosen").getAttribute("data-drop");
    await page.waitForFunction(() => document.querySelector("#drop-hint .chosen"));
    assert.equal(await chosen(), "viewer");
    const target = await page.locator("#drop-hint [data-drop=batch]").boundingBox();
    assert.ok(target);
    const at = { x: target.x + target.width / 2, y: target.y + target.height / 2 };
    // The first event over a new target only enters it.
    await drag("dragOver", { ...at, x: at.x - 10 });
    await drag("dragOver", at);
    await page.locator("#drop-hint [data-drop=batch].chosen").waitFor();
    if (process.env.COIN_SCREENSHOTS) await page.screenshot({ path: `${process.env.COIN_SCREENSHOTS}/drop.png` });
    await drag("drop", at);
    await page.locator("#batch-rows tr").nth(3).waitFor();
    assert.deepEqual((await rows()).map(([label]) => label), ["anna", "ben", "clara", "dora"]);
    assert.ok(!(await hint.isVisible()));
    visitor.assertNoErrors();
  });
});

/**
 * Files of a ZIP archive without compression, by name.
 *
 * @param {Buffer} archive
 */
function unpacked(archive) {
  /** @type {Map<string, Buffer>} */
  const files = new Map();
  for (let at = 0; archive.readUInt32LE(at) === 0x04034b50; ) {
    const [size, nameLength, extraLength] = [archive.readUInt32LE(at + 18), archive.readUInt16LE(at + 26), archive.readUInt16LE(at + 28)];
    const start = at + 30 + nameLength + extraLength;
    files.set(archive.toString("utf8", at + 30, at + 30 + nameLength), archive.subarray(start, start + size));
    at = start + size;
  }
  return files;
}
