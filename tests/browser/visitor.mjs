import assert from "node:assert/strict";
import { access, readFile } from "node:fs/promises";
import { chromium } from "playwright-core";

/** An emulated GPU may need minutes for its first run. */
const PATIENCE_MS = 300_000;

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
    throw new Error(`${executablePath} is missing: install Chromium (apt-get install chromium) or name one in CHROMIUM.`);
  });
  return chromium.launch({ executablePath, args: [...FLAGS, ...flags] });
}

/** Someone who uses the page, and remembers everything that it asked for and complained about. */
export class Visitor {
  /** @type {string[]} */
  complaints = [];
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
   */
  static async arrive(browser, address, options = {}) {
    const context = await browser.newContext({ colorScheme: "dark", viewport: { width: 1280, height: 900 }, ...options });
    const page = await context.newPage();
    const visitor = new Visitor(page, address);
    context.on("request", (request) => visitor.requests.push(request.url()));
    page.on("console", (message) => {
      if (message.type() === "error") visitor.complaints.push(message.text());
    });
    page.on("pageerror", (error) => visitor.complaints.push(error.message));
    await page.addInitScript(() => {
      addEventListener("securitypolicyviolation", (event) => console.error(`${event.violatedDirective} refused ${event.blockedURI}`));
      // Acts in the middle of the next explanation, however fast the engine is.
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
    await page.goto(address);
    await visitor.settled();
    return visitor;
  }

  /** Waits until the page is at rest. */
  settled() {
    const atRest = () => ["ready", "failed"].includes(document.body.dataset.state ?? "");
    return this.page.waitForFunction(atRest, undefined, { timeout: PATIENCE_MS });
  }

  /**
   * Does something that has the page explain anew, and waits for the end of it.
   *
   * @param {() => Promise<unknown>} act
   */
  async explains(act) {
    await this.page.evaluate(() => (document.body.dataset.state = "asked"));
    await act();
    await this.settled();
  }

  /** @returns {Promise<string>} */
  state() {
    return this.page.evaluate(() => document.body.dataset.state ?? "");
  }

  /** @param {string} id */
  async text(id) {
    return (await this.page.locator(`#${id}`).textContent()) ?? "";
  }

  /**
   * The worker of an engine.
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

  /** @param {string | {name: string, mimeType: string, buffer: Buffer} | {name: string, mimeType: string, buffer: Buffer}[]} file */
  async picks(file) {
    await this.explains(() => this.page.locator("#file").setInputFiles(file));
  }

  /**
   * Drops a file or a folder from the desktop onto the page.
   *
   * @param {string} path
   */
  async drops(path) {
    const browser = await this.page.context().newCDPSession(this.page);
    const drag = (/** @type {"dragEnter" | "dragOver" | "drop"} */ type) =>
      browser.send("Input.dispatchDragEvent", { type, x: 300, y: 300, data: { items: [], files: [path], dragOperationsMask: 1 } });
    await this.explains(async () => {
      await drag("dragEnter");
      await drag("dragOver");
      await drag("drop");
    });
    await browser.detach();
  }

  /**
   * The mean grey of a canvas.
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
   * Saves the summary, and reads it.
   *
   * @returns {Promise<any>}
   */
  async summary() {
    const [summary] = await Promise.all([this.page.waitForEvent("download"), this.page.locator("#save-summary").click()]);
    return JSON.parse(await readFile(await summary.path(), "utf8"));
  }

  /**
   * What `window.coin` says, arrays as numbers.
   *
   * @returns {Promise<any>}
   */
  coin() {
    return this.page.evaluate(() => {
      const { explanation, mask, truth, iou, threshold, device, source, slice, model } = /** @type {any} */ (window).coin;
      const numbers = (/** @type {Iterable<number> | null} */ array) => array && [...array];
      return {
        explanation: explanation && { ...explanation, input: null, counterfactual: null, difference: numbers(explanation.difference) },
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

  /** The page talked to its own site only, and had nothing to complain about. */
  assertQuiet() {
    const { origin } = new URL(this.address);
    const strangers = this.requests.filter((url) => !url.startsWith(`${origin}/`) && !url.startsWith("blob:"));
    assert.deepEqual(strangers, [], "requests beyond the own origin");
    assert.deepEqual(this.complaints, [], "errors in the console");
  }
}
