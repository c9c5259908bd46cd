import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { discDicom, discNifti, discPng } from "./files.mjs";
import { serve, serveOtherOrigin } from "./server.mjs";
import { DIST, MODEL, PATIENT_MODEL, openSite, policy } from "./site.mjs";
import { Visitor, launch } from "./visitor.mjs";

/** Hashes of the files that the service worker saves, as listed by the build. */
const { files } = JSON.parse((await readFile(join(DIST, "files.js"), "utf8")).replace(/^self.COIN_FILES = |;\s*$/g, ""));

describe("Privacy", () => {
  /** @type {import("playwright-core").Browser} */
  let browser;

  before(async () => {
    browser = await launch(["--disable-gpu"]);
  });
  after(() => browser?.close());

  /** Opens the page and waits until it is saved for offline use. */
  const open = async (/** @type {string} */ address) => {
    const visitor = await Visitor.open(browser, address);
    await saved(visitor);
    return visitor;
  };

  /** @param {Visitor} visitor */
  const saved = (visitor) => waitForFact(visitor, "Works offline", "yes, the page is saved on this device");

  /**
   * Waits until a row of the privacy panel matches a pattern.
   *
   * @param {Visitor} visitor
   * @param {string} name
   * @param {string} pattern
   */
  const waitForFact = (visitor, name, pattern) =>
    visitor.page.waitForFunction(
      ([name, pattern]) => {
        const terms = [...document.querySelectorAll("#privacy-facts dt")];
        const value = terms.find((term) => term.textContent === name)?.nextElementSibling?.textContent ?? "";
        return new RegExp(`^${pattern}$`).test(value);
      },
      [name, pattern],
    );

  /** Uses all functions of the page. @param {Visitor} visitor */
  const session = async (visitor) => {
    const { page } = visitor;
    const doAndWait = async (/** @type {() => Promise<unknown>} */ act) => {
      await visitor.explain(act);
      assert.equal(await visitor.state(), "ready", await visitor.text("notice-text"));
    };
    await doAndWait(() => page.locator("#new-patient").click());
    await doAndWait(() => page.locator("#insert").click());
    await doAndWait(() => page.locator("#remove-inserted").click());
    const mimeType = "application/octet-stream";
    await visitor.openFiles([0, 10, 20].map((place) => ({ name: `${place}`, mimeType, buffer: discDicom({ series: "1.2", place }) })));
    await doAndWait(() => page.locator("#slice").fill("2"));
    await page.locator("#display").selectOption("bone");
    await page.locator("#threshold").fill("0.05");
    await page.locator("#postprocess").check();
    for (const button of ["figure", "summary", "counterfactual", "mask"]) {
      await Promise.all([page.waitForEvent("download"), page.locator(`#save-${button}`).click()]);
    }
    await visitor.openFiles({ name: "volume.nii", mimeType, buffer: discNifti(64, 3) });
    const waitForText = (/** @type {string} */ id, /** @type {string} */ end) =>
      page.waitForFunction(([id, end]) => document.getElementById(id)?.textContent?.includes(end), [id, end], { timeout: 120_000 });
    await page.locator("#explain-all").click();
    await waitForText("volume-status", " slices in ");
    await visitor.tab("comparison");
    await page.locator("#compare-models").click();
    await waitForText("comparison-status", "Explained in ");
    await page.locator("#compare-methods").click();
    await waitForText("methods-status", "Computed in ");
    await visitor.tab("device");
    await page.locator("#copy-diagnostics").click();
    await visitor.openFiles({ name: "image.png", mimeType, buffer: discPng(128) });
    await doAndWait(() => page.locator("#window").selectOption("lung"));
    await doAndWait(() => page.locator("#samples").selectOption("phantom-normal"));
    await doAndWait(() => page.locator("#model").selectOption(PATIENT_MODEL));
  };

  test("a session requests only files of its own site and sends no data, as the privacy panel reports", async (test) => {
    const site = await openSite();
    test.after(site.close);
    const visitor = await open(`${site.address}#device=cpu&model=${MODEL}`);
    const { page } = visitor;
    await session(visitor);
    await page.reload();
    await visitor.settled();
    await session(visitor);
    await waitForFact(visitor, "Bytes sent", "0 in \\d+ monitored requests?");
    await waitForFact(visitor, "Requests", `\\d+ to ${new URL(site.address).host}, none to other sites`);
    visitor.assertNoErrors();

    const known = new Set(["", "service-worker.js", "files.js", ...Object.keys(files)]);
    for (const { method, path, query, bytes } of site.requests) {
      assert.equal(method, "GET");
      assert.equal(bytes, 0, path);
      assert.ok(known.has(path), `asked for ${path}`);
      assert.equal(query, "", path);
    }
  });

  test("the privacy panel lists all requests, with and without a service worker", async (test) => {
    const site = await openSite();
    test.after(site.close);
    for (const serviceWorkers of /** @type {const} */ (["allow", "block"])) {
      site.requests.length = 0;
      const visitor = await Visitor.open(browser, `${site.address}#device=cpu&model=${MODEL}`, { serviceWorkers });
      if (serviceWorkers === "allow") await saved(visitor);
      const listed = await visitor.page.locator("#privacy-requests li").allTextContents();
      const shown = new Set(listed.map((line) => line.replace(/ \(.*/, "").replace(/^\.\/$|^\?.*/, "")));
      const asked = new Set(site.requests.map(({ path }) => path));
      // The browser requests the icon itself; the service worker is blocked.
      for (const path of serviceWorkers === "block" ? ["icon.svg", "service-worker.js"] : []) asked.delete(path);
      for (const path of ["shared.js", "engine/cpu/coin_bg.wasm", `models/${MODEL}.safetensors`]) assert.ok(asked.has(path), path);
      assert.deepEqual([...asked].filter((path) => !shown.has(path)), []);
    }
  });

  test("offline, the page opens, explains, reads files and changes the model", async (test) => {
    const site = await openSite();
    test.after(site.close);
    const visitor = await open(`${site.address}#device=cpu&model=${MODEL}`);
    const { page } = visitor;
    site.close();
    await assert.rejects(fetch(site.address));
    await page.reload();
    await visitor.settled();
    assert.equal(await visitor.state(), "ready", await visitor.text("notice-text"));
    await session(visitor);
    assert.equal((await visitor.coin()).model.name, PATIENT_MODEL);
    visitor.assertNoErrors();
    await page.locator("footer a").click();
    await page.waitForURL(/licences\.html$/);
    assert.match((await page.locator("main").textContent()) ?? "", /Apache License/);
  });

  test("the service worker blocks and counts requests that carry data", async (test) => {
    const site = await openSite();
    test.after(site.close);
    const visitor = await open(`${site.address}#device=cpu&model=${MODEL}`);
    const { page } = visitor;
    await page.reload();
    await visitor.settled();
    site.requests.length = 0;
    const tries = await page.evaluate(async () => {
      const reach = (/** @type {string} */ address, init = {}) => fetch(address, init).then(() => "reached", () => "refused");
      const body = { method: "POST", body: "patient" };
      return Promise.all([reach("icon.svg?patient=1"), reach("icon.svg", body), reach("icon.svg/patient"), reach("icon.svg")]);
    });
    assert.deepEqual(tries, ["refused", "refused", "refused", "reached"]);
    assert.deepEqual(site.requests, []);
    await waitForFact(visitor, "Bytes sent", "0 in \\d+ monitored requests?; 3 blocked");
  });

  test("saved files carry the policy even if the server does not send it, and other pages of the site are unaffected", async (test) => {
    const site = await serve(DIST, "/some/where/", {});
    test.after(site.close);
    const visitor = await open(`${site.address}#device=cpu&model=${MODEL}`);
    const { page } = visitor;
    await page.reload();
    await visitor.settled();
    const otherOrigin = await serveOtherOrigin();
    test.after(otherOrigin.close);
    const reach = (/** @type {string} */ address) => fetch(address).then(() => "reached", () => "refused");
    for (const worker of page.workers()) assert.equal(await worker.evaluate(reach, otherOrigin.address), "refused");
    assert.equal(await page.evaluate(() => fetch("worker.js").then(({ headers }) => headers.get("content-security-policy"))), policy);

    const other = await page.context().newPage();
    await other.goto(`${site.address}models/index.json?another=page`);
    assert.equal(await other.evaluate(() => fetch("index.json?its=own", { method: "POST", body: "data" }).then(() => "reached", () => "refused")), "reached");
    assert.ok(site.requests.some(({ query, bytes }) => query === "?its=own" && bytes === 4));
  });

  test("an older build stays active until its other tabs are closed", async (test) => {
    let renewed = false;
    const site = await openSite((path, content) =>
      renewed && path === "files.js" ? content.toString().replace(/"version": "/, '"version": "1') : content,
    );
    test.after(site.close);
    const visitor = await open(`${site.address}#device=cpu&model=${MODEL}`);
    const { page } = visitor;
    const other = await page.context().newPage();
    await other.goto(visitor.address);
    renewed = true;
    await page.reload();
    await visitor.settled();
    await page.locator("#notice-action").waitFor();
    await page.locator("#notice-action").click();
    await page.getByText("Close the other tabs").waitFor();
    await other.close();
    await Promise.all([page.waitForEvent("load"), page.locator("#notice-action").click()]);
    await visitor.settled();
    assert.equal(await visitor.state(), "ready");
  });

  test("a new build is offered, only changed files are downloaded, and builds are never mixed", async (test) => {
    let renewed = false;
    const changed = (/** @type {Buffer} */ content) => content.toString().replace("Remove lesion", "Delete lesion");
    const site = await openSite((path, content) => {
      if (!renewed) return content;
      if (path === "" || path === "index.html") return changed(content);
      if (path !== "files.js") return content;
      return content.toString().replace(files["index.html"], sha256(renewedPage)).replace(/"version": "/, '"version": "1');
    });
    test.after(site.close);
    const renewedPage = changed(await readFile(join(DIST, "index.html")));
    const visitor = await open(`${site.address}#device=cpu&model=${MODEL}`);
    const { page } = visitor;
    assert.equal((await visitor.text("remove-inserted")).trim(), "Remove lesion");

    renewed = true;
    site.requests.length = 0;
    await page.reload();
    await visitor.settled();
    await page.locator("#notice-action").waitFor();
    assert.match(await visitor.text("notice-text"), /newer version/);
    assert.equal((await visitor.text("remove-inserted")).trim(), "Remove lesion");
    await Promise.all([page.waitForEvent("load"), page.locator("#notice-action").click()]);
    await visitor.settled();
    assert.equal((await visitor.text("remove-inserted")).trim(), "Delete lesion");
    assert.deepEqual([...new Set(site.requests.map(({ path }) => path))].sort(), ["", "files.js", "service-worker.js"]);
  });
});

/** @param {string} text */
function sha256(text) {
  return createHash("sha256").update(text).digest("hex");
}
