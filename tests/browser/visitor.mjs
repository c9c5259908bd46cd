import assert from "node:assert/strict";
import { access, readFile } from "node:fs/promises";
import { chromium } from "playwright-core";

/** The first run on a software GPU takes minutes. */
const TIMEOUT_MS = 300_000;

const FLAGS = [
  "--no-sandbox",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

/** @param {string[]} flags */
export async function launch(flags) {
  const executablePath = process.env.CHROMIUM ?? "/usr/bin/chromium";
  await access(executablePath).catch(() => {
    throw new Error(`${executablePath} is missing. Install Chromium (apt-get install chromium) or set CHROMIUM to its path.`);
  });
  return chromium.launch({ executablePath, args: [...FLAGS, ...flags] });
}

/** Drives a page and records its requests and errors. */
export class Visitor {
  /** @type {string[]} */
  errors = [];
  /** @type {string[]} */
  requests = [];

  /**
   * @param {import("playwright-core").Page} page
   * @param {string} address
   */
  constructor(page, address) {
    this.page = page;
    this.address = address;
  }

  /**
   * @param {import("playwright-core").Browser} browser
   * @param {string} address
   * @param {import("playwright-core").BrowserContextOptions} [options]
   * @param {boolean} [introduced] without the callouts of the first visit
   */
  static async open(browser, address, options = {}, introduced = true) {
    const context = await browser.newContext({ colorScheme: "dark", viewport: { width: 1280, height: 900 }, ...options });
    const page = await context.newPage();
    const visitor = new Visitor(page, address);
    context.on("request", (request) => visitor.requests.push(request.url()));
    page.on("console", (message) => {
      if (message.type() === "error") visitor.errors.push(message.text());
    });
    page.on("pageerror", (error) => visitor.errors.push(error.message));
    await page.addInitScript(() => {
      addEventListener("securitypolicyviolation", (event) => console.error(`${event.violatedDirective} refused ${event.blockedURI}`));
      // Runs a callback during the next explanation, however short it is.
      const whileExplaining = (/** @type {() => unknown} */ act) =>
        new Promise((resolve) => {
          const status = /** @type {HTMLElement} */ (document.getElementById("status"));
          new MutationObserver((_, observer) => {
            if (!status.textContent?.startsWith("Explaining")) return;
            observer.disconnect();
            resolve(act());
          }).observe(status, { childList: true });
        });
      Object.assign(window, { whileExplaining });
    });
    if (introduced) await page.addInitScript(() => localStorage.setItem("coin introduced", "yes"));
    await page.goto(address);
    await visitor.settled();
    return visitor;
  }

  /** Waits until no run is in progress. */
  settled() {
    const isIdle = () => ["ready", "failed"].includes(document.body.dataset.state ?? "");
    return this.page.waitForFunction(isIdle, undefined, { timeout: TIMEOUT_MS });
  }

  /**
   * Performs an action that starts an explanation, and waits for its end.
   *
   * @param {() => Promise<unknown>} act
   */
  async explain(act) {
    await this.page.evaluate(() => (document.body.dataset.state = "asked"));
    await act();
    await this.settled();
  }

  /** Shows a tab. @param {"viewer" | "batch" | "comparison" | "how" | "privacy" | "device"} name */
  async tab(name) {
    await this.page.locator(`#tab-${name}`).click();
  }

  /** State of the page: loading, running, ready or failed. @returns {Promise<string>} */
  state() {
    return this.page.evaluate(() => document.body.dataset.state ?? "");
  }

  /** Text of an element. @param {string} id */
  async text(id) {
    return (await this.page.locator(`#${id}`).textContent()) ?? "";
  }

  /**
   * Finds the worker of an engine.
   *
   * @param {string} name
   */
  async engine(name) {
    const workers = this.page.workers();
    const names = await Promise.all(workers.map((worker) => worker.evaluate(() => self.name)));
    const found = workers[names.indexOf(name)];
    assert.ok(found, `no ${name} engine among ${names}`);
    return found;
  }

  /** Opens files with the file input. @param {string | {name: string, mimeType: string, buffer: Buffer} | {name: string, mimeType: string, buffer: Buffer}[]} file */
  async openFiles(file) {
    await this.explain(() => this.page.locator("#file").setInputFiles(file));
  }

  /**
   * Drops a file or a folder onto the page.
   *
   * @param {string} path
   */
  async drop(path) {
    const browser = await this.page.context().newCDPSession(this.page);
    const drag = (/** @type {"dragEnter" | "dragOver" | "drop"} */ type) =>
      browser.send("Input.dispatchDragEvent", { type, x: 300, y: 300, data: { items: [], files: [path], dragOperationsMask: 1 } });
    await this.explain(async () => {
      await drag("dragEnter");
      await drag("dragOver");
      // The hint appears under the pointer; the first event over it only enters it.
      await drag("dragOver");
      await drag("drop");
    });
    await browser.detach();
  }

  /**
   * Mean grey value of a canvas.
   *
   * @param {string} id
   */
  brightness(id) {
    return this.page.evaluate((id) => {
      const canvas = /** @type {HTMLCanvasElement} */ (document.getElementById(id));
      const pixels = [...(canvas.getContext("2d")?.getImageData(0, 0, canvas.width, canvas.height).data ?? [])];
      return pixels.reduce((sum, value, i) => sum + (i % 4 < 3 ? value : 0), 0) / ((pixels.length / 4) * 3);
    }, id);
  }

  /**
   * Saves the JSON summary and reads it.
   *
   * @returns {Promise<any>}
   */
  async summary() {
    const [summary] = await Promise.all([this.page.waitForEvent("download"), this.page.locator("#save-summary").click()]);
    return JSON.parse(await readFile(await summary.path(), "utf8"));
  }

  /**
   * State from `window.coin`, with typed arrays as arrays of numbers.
   *
   * @returns {Promise<any>}
   */
  coin() {
    return this.page.evaluate(() => {
      const { explanation, mask, truth, iou, threshold, device, source, slice, model } = /** @type {any} */ (window).coin;
      const numbers = (/** @type {Iterable<number> | null} */ array) => array && [...array];
      return {
        explanation: explanation && { ...explanation, input: null, counterfactual: null, difference: numbers(explanation.difference), segmentation: numbers(explanation.segmentation) },
        mask: numbers(mask),
        truth: numbers(truth),
        iou,
        threshold,
        device,
        source,
        slice,
        model,
      };
    });
  }

  /** Asserts that the page requested only its own origin and logged no errors. */
  assertNoErrors() {
    const { origin } = new URL(this.address);
    const foreign = this.requests.filter((url) => !url.startsWith(`${origin}/`) && !url.startsWith("blob:"));
    assert.deepEqual(foreign, [], "requests to other origins");
    assert.deepEqual(this.errors, [], "errors in the console");
  }
}
