// Takes the screenshots of the README: `npm run tour`. Writes to web/tour. With COIN_TOUR, it writes to that folder and adds
// screenshots of the page at four sizes, dark and light.
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { MODEL, openSite } from "./site.mjs";
import { Visitor, launch } from "./visitor.mjs";

const out = process.env.COIN_TOUR ?? fileURLToPath(new URL("../../web/tour", import.meta.url));
await mkdir(out, { recursive: true });
const site = await openSite();
const browser = await launch(["--disable-gpu"]);
const visitor = await Visitor.open(browser, `${site.address}#device=cpu&model=${MODEL}&sample=phantom-normal-12`, { viewport: { width: 1120, height: 760 } });
const { page } = visitor;
const shoot = (/** @type {string} */ name) => page.screenshot({ path: join(out, `${name}.png`) });

// Waits until the pane no longer moves.
await page.locator("#insert").click({ trial: true });
const box = await page.locator("#insert").boundingBox();
if (!box) throw new Error("no input pane");
const at = (/** @type {number} */ x, /** @type {number} */ y) => /** @type {const} */ ([box.x + box.width * x, box.y + box.height * y]);
await page.mouse.move(...at(0.31, 0.48));
await page.mouse.down();
// The diameter of the lesions that the model was trained on.
await page.mouse.move(...at(0.365, 0.48), { steps: 3 });
await shoot("1-insert");
await visitor.explain(() => page.mouse.up());
await page.mouse.move(0, 0);
await shoot("2-removed");
await page.locator("#components button").first().click();
await shoot("3-closer");
await page.locator("#zoom-reset").click();
await visitor.tab("comparison");
await page.locator("#compare-methods").click();
await page.waitForFunction(() => document.getElementById("methods-status")?.textContent?.startsWith("Computed in"), undefined, { timeout: 300_000 });
await shoot("4-methods");
await visitor.tab("viewer");

for (const [name, width, height] of /** @type {const} */ ([["large", 2560, 1440], ["desktop", 1440, 900], ["tablet", 1024, 768], ["phone", 390, 844]])) {
  if (!process.env.COIN_TOUR) break;
  await page.setViewportSize({ width, height });
  for (const light of [false, true]) {
    await page.locator("#light").setChecked(light);
    await page.evaluate(() => scrollTo(0, 0));
    await shoot(light ? `${name}-light` : name);
  }
}
await browser.close();
site.close();
