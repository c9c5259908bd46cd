import { existsSync } from "node:fs";
import puppeteer from "puppeteer-core";

const FIREFOX = process.env.FIREFOX ?? "/usr/bin/firefox-esr";

/** The reason to skip tests in Firefox; false if it is installed. */
export const skip = existsSync(FIREFOX)
  ? /** @type {const} */ (false)
  : `SKIPPED: ${FIREFOX} is missing. Install Firefox (apt-get install firefox-esr) or set FIREFOX to its path.`;

/**
 * Starts Firefox without a window.
 *
 * @param {string} downloads folder for saved files
 * @returns {Promise<import("./mainpath.mjs").Driver>}
 */
export async function startFirefox(downloads) {
  const browser = await puppeteer.launch({
    browser: "firefox",
    executablePath: FIREFOX,
    headless: true,
    defaultViewport: { width: 1280, height: 900 },
    extraPrefsFirefox: { "browser.download.folderList": 2, "browser.download.dir": downloads },
  });
  const page = await browser.newPage();
  page.setDefaultTimeout(60_000);
  return {
    open: (address) => page.goto(address),
    evaluate: (act, ...args) => /** @type {Promise<any>} */ (page.evaluate(/** @type {any} */ (act), ...args)),
    click: (selector) => page.click(selector),
    async drag(from, to) {
      await page.mouse.move(from.x, from.y);
      await page.mouse.down();
      await page.mouse.move(to.x, to.y, { steps: 5 });
      await page.mouse.up();
    },
    async press(selector, keys) {
      await page.focus(selector);
      for (const key of keys) await page.keyboard.press(key);
    },
    async setFiles(selector, paths) {
      const input = /** @type {import("puppeteer-core").ElementHandle<HTMLInputElement> | null} */ (await page.$(selector));
      await input?.uploadFile(...paths);
    },
    reload: () => page.reload(),
    close: () => browser.close(),
  };
}
