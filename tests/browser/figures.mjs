// Measures the load times of a first and a cached visit, the long tasks while models run, and download sizes: `npm run figures`.
// Prints figures and asserts nothing; run nothing else on the machine.
import { gzipSync } from "node:zlib";
import { readFile, readdir } from "node:fs/promises";
import { join } from "node:path";
import { median } from "./median.mjs";
import { DIST, MODEL, openSite } from "./site.mjs";
import { Visitor, launch } from "./visitor.mjs";

const VISITS = 5;

const site = await openSite();
const browser = await launch(["--disable-gpu"]);
const address = `${site.address}#model=${MODEL}`;

/** @param {import("playwright-core").BrowserContext} context */
async function visit(context) {
  const page = await context.newPage();
  await page.addInitScript(() => {
    const seen = { tasks: /** @type {{start: number, ms: number}[]} */ ([]), result: 0 };
    Object.assign(window, { seen });
    new PerformanceObserver((list) => seen.tasks.push(...list.getEntries().map(({ startTime, duration }) => ({ start: startTime, ms: duration })))).observe({ type: "longtask", buffered: true });
    const look = () => (document.body?.dataset.state === "ready" ? (seen.result ||= performance.now()) : requestAnimationFrame(look));
    look();
  });
  await page.goto(address);
  await page.waitForFunction(() => /** @type {any} */ (window).seen.result > 0, undefined, { timeout: 120_000 });
  const found = await page.evaluate(() => {
    const { tasks, result } = /** @type {any} */ (window).seen;
    const [navigation] = /** @type {PerformanceNavigationTiming[]} */ (performance.getEntriesByType("navigation"));
    const paint = performance.getEntriesByName("first-contentful-paint")[0]?.startTime ?? 0;
    // Time to interactive as in Lighthouse: the end of the last long task.
    const before = tasks.filter((/** @type {any} */ task) => task.start < result);
    const interactive = Math.max(paint, navigation.domContentLoadedEventEnd, ...before.map((/** @type {any} */ task) => task.start + task.ms));
    return { paint, interactive, result, longest: Math.max(0, ...before.map((/** @type {any} */ task) => task.ms)) };
  });
  return { page, found };
}

const shown = (/** @type {Record<string, number>[]} */ visits, /** @type {string} */ key) => `${Math.round(median(visits.map((visit) => visit[key])))} ms`;

const cold = [];
const warm = [];
for (let i = 0; i < VISITS; i++) {
  const context = await browser.newContext();
  const first = await visit(context);
  cold.push(first.found);
  await first.page.waitForFunction(() => document.getElementById("privacy-facts")?.textContent?.includes("yes, the page is saved"), undefined, { timeout: 60_000 });
  await first.page.close();
  const second = await visit(context);
  warm.push(second.found);
  await context.close();
}
for (const [name, visits] of /** @type {const} */ ([["first visit", cold], ["from cache", warm]])) {
  console.log(`${name}: first paint ${shown(visits, "paint")}, interactive ${shown(visits, "interactive")}, first result ${shown(visits, "result")}, longest task ${shown(visits, "longest")} (medians of ${VISITS})`);
}

// Long tasks while a volume and the saliency maps are computed.
const visitor = await Visitor.open(browser, address);
const volume = JSON.parse(await readFile(join(DIST, "samples/index.json"), "utf8"))[0];
await visitor.page.evaluate(() => {
  const seen = /** @type {number[]} */ ([]);
  Object.assign(window, { seen });
  new PerformanceObserver((list) => seen.push(...list.getEntries().map(({ duration }) => duration))).observe({ type: "longtask" });
});
if (volume) {
  await visitor.explain(() => visitor.page.locator("#samples").selectOption(volume.name));
  await visitor.page.locator("#explain-all").click();
  await visitor.page.waitForFunction(() => / slices in /.test(document.getElementById("volume-status")?.textContent ?? ""), undefined, { timeout: 300_000 });
}
await visitor.tab("comparison");
await visitor.page.locator("#compare-methods").click();
await visitor.page.waitForFunction(() => document.getElementById("methods-status")?.textContent?.startsWith("Computed in"), undefined, { timeout: 300_000 });
const tasks = await visitor.page.evaluate(() => /** @type {any} */ (window).seen);
console.log(`while a model runs (${await visitor.text("volume-status")} ${await visitor.text("methods-status")}): ${tasks.length} tasks of 50 ms or more on the main thread, the longest ${Math.round(Math.max(0, ...tasks))} ms`);

/** Size of files in MB, each compressed with gzip as on GitHub Pages. */
async function compressed(/** @type {string[]} */ paths) {
  const sizes = await Promise.all(paths.map(async (path) => gzipSync(await readFile(join(DIST, path))).length));
  return sizes.reduce((sum, size) => sum + size, 0) / 1e6;
}
const scripts = (await readdir(join(DIST, "page"))).map((name) => `page/${name}`);
const start = ["index.html", "style.css", "icon.svg", "manifest.webmanifest", "shared.js", "worker.js", "counted.js", "untimed.js", ...scripts, "models/index.json", "samples/index.json", `models/${MODEL}.safetensors`, "engine/cpu/coin.js", "engine/cpu/coin_bg.wasm"];
const first = await compressed(start);
const all = first + (await compressed(["engine/webgpu/coin.js", "engine/webgpu/coin_bg.wasm"]));
console.log(`compressed (gzip): ${first.toFixed(2)} MB until the first result, ${all.toFixed(2)} MB with the WebGPU engine`);
await browser.close();
site.close();
