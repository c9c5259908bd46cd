// Takes the screenshots of the README: `npm run tour`. Writes to web/tour. With COIN_TOUR, it writes to that folder and adds
// screenshots of the page at three widths.
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

const box = await page.locator("#insert").boundingBox();
if (!box) throw new Error("no input pane");
const at = (/** @type {number} */ x, /** @type {number} */ y) => /** @type {const} */ ([box.x + box.width * x, box.y + box.height * y]);
await page.mouse.move(...at(0.33, 0.55));
await page.mouse.down();
await page.mouse.move(...at(0.38, 0.55), { steps: 3 });
await shoot("1-insert");
await visitor.explain(() => page.mouse.up());
await page.mouse.move(0, 0);
await shoot("2-removed");
await page.locator("#components button").first().click();
await page.evaluate(() => scrollTo(0, 0));
await shoot("3-closer");
await page.locator("#zoom-reset").click();
await page.locator("#compare-methods").click();
await page.waitForFunction(() => document.getElementById("methods-status")?.textContent?.startsWith("Computed in"), undefined, { timeout: 300_000 });
// The sticky banner would cover the section.
await page.locator(".banner").evaluate((banner) => (banner.style.position = "static"));
await page.locator("section:has(#methods-list)").screenshot({ path: join(out, "4-methods.png") });

for (const [name, width, height] of /** @type {const} */ ([["desktop", 1280, 900], ["tablet", 820, 1180], ["phone", 390, 844]])) {
  if (!process.env.COIN_TOUR) break;
  await page.setViewportSize({ width, height });
  await page.evaluate(() => scrollTo(0, 0));
  await page.screenshot({ path: join(out, `${name}.png`), fullPage: true });
}
await browser.close();
site.close();
