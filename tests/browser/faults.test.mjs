import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { discPng } from "./files.mjs";
import { MODEL, openSite } from "./site.mjs";
import { Visitor, launch } from "./visitor.mjs";

describe("Faults around the page", () => {
  /** @type {import("playwright-core").Browser} */
  let browser;

  before(async () => {
    browser = await launch(["--disable-gpu"]);
  });
  after(() => browser?.close());

  /**
   * Opens the page with another worker, which the service worker would reject, without waiting for a result.
   *
   * @param {Awaited<ReturnType<typeof openSite>>} site
   */
  const openWithoutWaiting = async (site) => {
    const context = await browser.newContext({ serviceWorkers: "block" });
    const page = await context.newPage();
    const address = `${site.address}#device=cpu&model=${MODEL}`;
    await page.goto(address);
    return new Visitor(page, address);
  };

  test("an engine that never answers can be cancelled, and the next request starts another", async (test) => {
    let silent = true;
    const site = await openSite((path, content) => (path === "worker.js" && silent ? "" : content));
    test.after(site.close);
    const visitor = await openWithoutWaiting(site);
    const { page } = visitor;
    await page.locator("#cancel").waitFor();
    await page.waitForFunction((model) => performance.getEntriesByType("resource").some(({ name }) => name.endsWith(model)), `${MODEL}.safetensors`);
    assert.match(await visitor.text("verdict-sentence"), /engine and a model are loading/);
    assert.match(await visitor.text("status"), /\w/);
    assert.ok(await page.locator("#progress").isVisible());
    await page.locator("#cancel").click();
    await visitor.settled();
    assert.equal(await visitor.state(), "failed");
    assert.equal(await visitor.text("status"), "Cancelled.");
    assert.match(await visitor.text("verdict-sentence"), /Choose a sample or open a file to try again/);
    silent = false;
    await visitor.explain(() => page.locator("#samples").selectOption("phantom-abnormal"));
    assert.equal(await visitor.state(), "ready", await visitor.text("notice-text"));
    await page.context().close();
  });

  test("an engine that never starts is reported after half a minute", async (test) => {
    const site = await openSite((path, content) => (path === "worker.js" ? "" : content));
    test.after(site.close);
    const context = await browser.newContext({ serviceWorkers: "block" });
    const page = await context.newPage();
    const address = `${site.address}#device=cpu&model=${MODEL}`;
    const visitor = new Visitor(page, address);
    await page.clock.install();
    await page.goto(address);
    await page.locator("#cancel").waitFor();
    await page.clock.fastForward(31_000);
    await page.locator("#notice").waitFor();
    assert.equal(await visitor.text("notice-text"), "The CPU engine stopped (it did not start). It restarts with the next request.");
    await context.close();
  });

  for (const [what, code, cause] of /** @type {[string, string, RegExp][]} */ ([
    ["fails when it starts", "throw new Error('broken by a test');", /broken by a test/],
    ["is no script", "<!doctype html>", /it could not be loaded/],
  ])) {
    test(`an engine that ${what} is reported`, async (test) => {
      const site = await openSite((path, content) => (path === "worker.js" ? code : content));
      test.after(site.close);
      const visitor = await openWithoutWaiting(site);
      await visitor.settled();
      assert.equal(await visitor.state(), "failed");
      assert.match(await visitor.text("notice-text"), /^The CPU engine stopped .* It restarts with the next request\.$/);
      assert.match(await visitor.text("notice-text"), cause);
      assert.ok(await visitor.page.locator("#notice").isVisible());
      await visitor.page.context().close();
    });
  }

  test("with full storage, the page explains and says that it is not saved", async (test) => {
    const full = (/** @type {string} */ name) => `${name} = () => Promise.reject(new DOMException("full by a test", "QuotaExceededError"));`;
    const site = await openSite((path, content) => (path === "service-worker.js" ? `${full("CacheStorage.prototype.open")}\n${content}` : content));
    test.after(site.close);
    const context = await browser.newContext();
    const page = await context.newPage();
    await page.addInitScript(() => {
      const quota = () => new DOMException("full by a test", "QuotaExceededError");
      Storage.prototype.setItem = () => {
        throw quota();
      };
      CacheStorage.prototype.open = () => Promise.reject(quota());
      IDBObjectStore.prototype.put = () => {
        throw quota();
      };
    });
    const address = `${site.address}#device=cpu&model=${MODEL}`;
    const visitor = new Visitor(page, address);
    page.on("pageerror", (error) => visitor.errors.push(error.message));
    await page.goto(address);
    await visitor.settled();
    assert.equal(await visitor.state(), "ready", await visitor.text("notice-text"));
    await page.waitForFunction(() => document.getElementById("privacy-facts")?.textContent?.endsWith("no, the browser or the site does not allow it"));
    await page.locator(".callouts button").click();
    await page.locator("label:has(#light)").click();
    assert.equal(await page.locator("html").getAttribute("data-theme"), "light");
    await visitor.explain(() => page.locator("#insert").click());
    assert.equal(await visitor.state(), "ready", await visitor.text("notice-text"));
    assert.equal((await visitor.summary()).input.inserted, true);

    await visitor.tab("batch");
    await page.locator("#batch-files").setInputFiles({ name: "image.png", mimeType: "image/png", buffer: discPng(96) });
    await page.locator("#batch-keep").click();
    await page.waitForFunction(() => !(/** @type {HTMLInputElement} */ (document.getElementById("batch-keep")).checked));
    assert.match(await visitor.text("notice-text"), /full by a test/);
    assert.ok(await page.locator("#notice").isVisible());
    await page.locator("#batch-start").click();
    await page.waitForFunction(() => /^1 case explained/.test(document.getElementById("batch-status")?.textContent ?? ""));

    await page.evaluate(() => {
      const full = () => Promise.reject(new DOMException("disk full by a test", "QuotaExceededError"));
      Object.assign(window, { showDirectoryPicker: () => Promise.resolve({ name: "disk", getDirectoryHandle: (/** @type {string} */ _, /** @type {any} */ options) => (options?.create ? { getDirectoryHandle: full, getFileHandle: full } : Promise.reject(new DOMException("", "NotFoundError"))) }) });
    });
    await page.locator("#batch-results-folder").click();
    await page.locator("#notice", { hasText: "The results could not be written into the folder disk/coin-results (image/mask.png: disk full by a test)" }).waitFor();
    assert.equal(await visitor.text("batch-results-written"), "");
    assert.deepEqual(visitor.errors, []);
    await context.close();
  });
});
