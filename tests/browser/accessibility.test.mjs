import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { discDicom, discPng } from "./files.mjs";
import { MODEL, openSite } from "./site.mjs";
import { Visitor, launch } from "./visitor.mjs";

const axe = await readFile(new URL("node_modules/axe-core/axe.min.js", import.meta.url), "utf8");

test("axe reports no violations in both themes, on desktop and phone, with dialogs and panels open", async (test) => {
  const site = await openSite();
  test.after(site.close);
  const browser = await launch(["--disable-gpu"]);
  test.after(() => browser.close());
  const visitor = await Visitor.open(browser, `${site.address}#device=cpu&model=${MODEL}`);
  const { page } = visitor;
  const assertNoViolations = async (/** @type {string} */ state) => {
    await page.evaluate(() => document.querySelectorAll("details").forEach((details) => (details.open = true)));
    for (const colorScheme of /** @type {const} */ (["dark", "light"])) {
      await page.evaluate((theme) => (document.documentElement.dataset.theme = theme), colorScheme);
      await page.evaluate(axe);
      const { violations, passes } = await page.evaluate(() => /** @type {any} */ (window).axe.run());
      const found = violations.map((/** @type {any} */ { id, nodes }) => `${id}: ${nodes.map((/** @type {any} */ node) => node.target).join(", ")}`);
      assert.deepEqual(found, [], `${state}, ${colorScheme}`);
      assert.ok(passes.length > 10, "axe ran its checks");
    }
  };
  const mimeType = "application/octet-stream";
  await assertNoViolations("the first result");
  for (const tab of /** @type {const} */ (["how", "privacy", "device", "comparison"])) {
    await visitor.tab(tab);
    await assertNoViolations(`the tab ${tab}`);
  }
  await visitor.tab("batch");
  await page.locator("#batch-files").setInputFiles([{ name: "image.png", mimeType, buffer: discPng(64) }, { name: "damaged.nii", mimeType, buffer: Buffer.from("no volume") }]);
  await page.locator("#batch-start").click();
  await page.waitForFunction(() => /^1 case explained, 1 failed/.test(document.getElementById("batch-status")?.textContent ?? ""), undefined, { timeout: 60_000 });
  await assertNoViolations("a batch");
  await page.locator("#drop-hint").evaluate((hint) => hint.removeAttribute("hidden"));
  await assertNoViolations("the targets of a drop");
  await page.locator("#drop-hint").evaluate((hint) => hint.setAttribute("hidden", ""));
  await visitor.tab("comparison");
  await page.locator("#compare-models").click();
  await page.waitForFunction(() => document.querySelectorAll("#comparison figure").length === 2, undefined, { timeout: 60_000 });
  await assertNoViolations("two models side by side");
  await page.keyboard.press("?");
  assert.ok(await page.locator("#help").isVisible());
  await assertNoViolations("the keyboard shortcuts");
  await page.keyboard.press("Escape");
  const file = (/** @type {string} */ series, /** @type {number} */ place) => ({ name: `${series}-${place}`, mimeType, buffer: discDicom({ series, place }) });
  await visitor.openFiles([file("1.1", 0), file("1.1", 10), file("1.1", 40), file("1.2", 0)]);
  await assertNoViolations("two series, with a notice");
  await page.setViewportSize({ width: 390, height: 844 });
  await visitor.openFiles({ name: "image.png", mimeType, buffer: discPng(64) });
  await page.locator("#window").selectOption("custom");
  await assertNoViolations("an image without HU, on a phone");
  await page.goto(`${site.address}licences.html`);
  await assertNoViolations("the licences");
});
