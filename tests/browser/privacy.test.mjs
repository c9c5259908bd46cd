import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { discDicom, discNifti, discPng } from "./files.mjs";
import { serve, serveStranger } from "./server.mjs";
import { DIST, MODEL, PATIENT_MODEL, openSite, policy } from "./site.mjs";
import { Visitor, launch } from "./visitor.mjs";

/** What the service worker keeps, from the list that the build has written. */
const { files } = JSON.parse((await readFile(join(DIST, "files.js"), "utf8")).replace(/^self.COIN_FILES = |;\s*$/g, ""));

describe("Privacy", () => {
  /** @type {import("playwright-core").Browser} */
  let browser;

  before(async () => {
    browser = await launch(["--disable-gpu"]);
  });
  after(() => browser?.close());

  /** Someone whose browser keeps the page. */
  const arrive = async (/** @type {string} */ address) => {
    const visitor = await Visitor.arrive(browser, address);
    await kept(visitor);
    return visitor;
  };

  /** @param {Visitor} visitor */
  const kept = (visitor) => fact(visitor, "Works offline", "yes, the page is kept on this device");

  /**
   * Waits until the panel says so.
   *
   * @param {Visitor} visitor
   * @param {string} name
   * @param {string} pattern
   */
  const fact = (visitor, name, pattern) =>
    visitor.page.waitForFunction(
      ([name, pattern]) => {
        const terms = [...document.querySelectorAll("#privacy-facts dt")];
        const said = terms.find((term) => term.textContent === name)?.nextElementSibling?.textContent ?? "";
        return new RegExp(`^${pattern}$`).test(said);
      },
      [name, pattern],
    );

  /** Everything that a visitor may do. @param {Visitor} visitor */
  const session = async (visitor) => {
    const { page } = visitor;
    const does = async (/** @type {() => Promise<unknown>} */ act) => {
      await visitor.explains(act);
      assert.equal(await visitor.state(), "ready", await visitor.text("notice-text"));
    };
    await does(() => page.locator("#new-patient").click());
    await does(() => page.locator("#insert").click());
    await does(() => page.locator("#remove-inserted").click());
    const mimeType = "application/octet-stream";
    await visitor.picks([0, 10, 20].map((place) => ({ name: `${place}`, mimeType, buffer: discDicom({ series: "1.2", place }) })));
    await does(() => page.locator("#slice").fill("2"));
    await page.locator("#display").selectOption("bone");
    await page.locator("#threshold").fill("0.05");
    await page.locator("#postprocess").check();
    for (const button of ["figure", "summary", "counterfactual", "mask"]) {
      await Promise.all([page.waitForEvent("download"), page.locator(`#save-${button}`).click()]);
    }
    await visitor.picks({ name: "volume.nii", mimeType, buffer: discNifti(64, 3) });
    const says = (/** @type {string} */ id, /** @type {string} */ end) =>
      page.waitForFunction(([id, end]) => document.getElementById(id)?.textContent?.includes(end), [id, end], { timeout: 120_000 });
    await page.locator("#explain-all").click();
    await says("volume-status", " slices in ");
    await page.locator("#compare-models").click();
    await says("comparison-status", "Explained in ");
    await page.locator("#compare-methods").click();
    await says("methods-status", "Computed in ");
    await page.locator("#copy-diagnostics").click();
    await visitor.picks({ name: "picture.png", mimeType, buffer: discPng(128) });
    await does(() => page.locator("#window").selectOption("lung"));
    await does(() => page.locator("input[value=phantom-normal]").check());
    await does(() => page.locator("#model").selectOption(PATIENT_MODEL));
  };

  test("a whole session asks its own site for files of the page alone, sends nothing, and says so", async (test) => {
    const site = await openSite();
    test.after(site.close);
    const visitor = await arrive(`${site.address}#device=cpu&model=${MODEL}`);
    const { page } = visitor;
    await session(visitor);
    await page.reload();
    await visitor.settled();
    await session(visitor);
    await fact(visitor, "Bytes sent", "0 in \\d+ watched requests?");
    await fact(visitor, "Requests", `\\d+ to ${new URL(site.address).host}, none elsewhere`);
    visitor.assertQuiet();

    const known = new Set(["", "service-worker.js", "files.js", ...Object.keys(files)]);
    for (const { method, path, query, bytes } of site.asked) {
      assert.equal(method, "GET");
      assert.equal(bytes, 0, path);
      assert.ok(known.has(path), `asked for ${path}`);
      assert.equal(query, "", path);
    }
  });

  test("the panel lists what was asked for, with a service worker and without", async (test) => {
    const site = await openSite();
    test.after(site.close);
    for (const serviceWorkers of /** @type {const} */ (["allow", "block"])) {
      site.asked.length = 0;
      const visitor = await Visitor.arrive(browser, `${site.address}#device=cpu&model=${MODEL}`, { serviceWorkers });
      if (serviceWorkers === "allow") await kept(visitor);
      const listed = await visitor.page.locator("#privacy-requests li").allTextContents();
      const shown = new Set(listed.map((line) => line.replace(/ \(.*/, "").replace(/^\.\/$|^\?.*/, "")));
      const asked = new Set(site.asked.map(({ path }) => path));
      // An icon is fetched by the browser itself, and a service worker is not where it is blocked.
      for (const path of serviceWorkers === "block" ? ["icon.svg", "service-worker.js"] : []) asked.delete(path);
      for (const path of ["shared.js", "engine/cpu/coin_bg.wasm", `models/${MODEL}.safetensors`]) assert.ok(asked.has(path), path);
      assert.deepEqual([...asked].filter((path) => !shown.has(path)), []);
    }
  });

  test("with the network cut it opens, explains, reads files and changes the model", async (test) => {
    const site = await openSite();
    test.after(site.close);
    const visitor = await arrive(`${site.address}#device=cpu&model=${MODEL}`);
    const { page } = visitor;
    site.close();
    await assert.rejects(fetch(site.address));
    await page.reload();
    await visitor.settled();
    assert.equal(await visitor.state(), "ready", await visitor.text("notice-text"));
    await session(visitor);
    assert.equal((await visitor.coin()).model.name, PATIENT_MODEL);
    visitor.assertQuiet();
    await page.locator("footer a").click();
    await page.waitForURL(/licences\.html$/);
    assert.match((await page.locator("main").textContent()) ?? "", /Apache License/);
  });

  test("what carries data is stopped by the service worker, and counted", async (test) => {
    const site = await openSite();
    test.after(site.close);
    const visitor = await arrive(`${site.address}#device=cpu&model=${MODEL}`);
    const { page } = visitor;
    await page.reload();
    await visitor.settled();
    site.asked.length = 0;
    const tries = await page.evaluate(async () => {
      const reach = (/** @type {string} */ address, init = {}) => fetch(address, init).then(() => "reached", () => "refused");
      const body = { method: "POST", body: "patient" };
      return Promise.all([reach("icon.svg?patient=1"), reach("icon.svg", body), reach("icon.svg/patient"), reach("icon.svg")]);
    });
    assert.deepEqual(tries, ["refused", "refused", "refused", "reached"]);
    assert.deepEqual(site.asked, []);
    await fact(visitor, "Bytes sent", "0 in \\d+ watched requests?; 3 more were stopped");
  });

  test("what is kept bears the policy, which its server need not send, and other pages of the site are left alone", async (test) => {
    const site = await serve(DIST, "/some/where/", {});
    test.after(site.close);
    const visitor = await arrive(`${site.address}#device=cpu&model=${MODEL}`);
    const { page } = visitor;
    await page.reload();
    await visitor.settled();
    const stranger = await serveStranger();
    test.after(stranger.close);
    const reach = (/** @type {string} */ address) => fetch(address).then(() => "reached", () => "refused");
    for (const worker of page.workers()) assert.equal(await worker.evaluate(reach, stranger.address), "refused");
    assert.equal(await page.evaluate(() => fetch("worker.js").then(({ headers }) => headers.get("content-security-policy"))), policy);

    const other = await page.context().newPage();
    await other.goto(`${site.address}models/index.json?another=page`);
    assert.equal(await other.evaluate(() => fetch("index.json?its=own", { method: "POST", body: "data" }).then(() => "reached", () => "refused")), "reached");
    assert.ok(site.asked.some(({ query, bytes }) => query === "?its=own" && bytes === 4));
  });

  test("a tab of the older build keeps it until it is closed", async (test) => {
    let renewed = false;
    const site = await openSite((path, content) =>
      renewed && path === "files.js" ? content.toString().replace(/"version": "/, '"version": "1') : content,
    );
    test.after(site.close);
    const visitor = await arrive(`${site.address}#device=cpu&model=${MODEL}`);
    const { page } = visitor;
    const other = await page.context().newPage();
    await other.goto(visitor.address);
    renewed = true;
    await page.reload();
    await visitor.settled();
    await page.locator("#notice-offer").waitFor();
    await page.locator("#notice-offer").click();
    await page.getByText("Close the other tabs").waitFor();
    await other.close();
    await Promise.all([page.waitForEvent("load"), page.locator("#notice-offer").click()]);
    await visitor.settled();
    assert.equal(await visitor.state(), "ready");
  });

  test("a new build is offered, fetched as far as it changed, and never mixed with the old one", async (test) => {
    let renewed = false;
    const words = (/** @type {Buffer} */ content) => content.toString().replace("Remove the anomaly", "Take the anomaly away");
    const site = await openSite((path, content) => {
      if (!renewed) return content;
      if (path === "" || path === "index.html") return words(content);
      if (path !== "files.js") return content;
      return content.toString().replace(files["index.html"], sha256(renewedPage)).replace(/"version": "/, '"version": "1');
    });
    test.after(site.close);
    const renewedPage = words(await readFile(join(DIST, "index.html")));
    const visitor = await arrive(`${site.address}#device=cpu&model=${MODEL}`);
    const { page } = visitor;
    assert.equal((await visitor.text("remove-inserted")).trim(), "Remove the anomaly");

    renewed = true;
    site.asked.length = 0;
    await page.reload();
    await visitor.settled();
    await page.locator("#notice-offer").waitFor();
    assert.match(await visitor.text("notice-text"), /newer version/);
    assert.equal((await visitor.text("remove-inserted")).trim(), "Remove the anomaly");
    await Promise.all([page.waitForEvent("load"), page.locator("#notice-offer").click()]);
    await visitor.settled();
    assert.equal((await visitor.text("remove-inserted")).trim(), "Take the anomaly away");
    assert.deepEqual([...new Set(site.asked.map(({ path }) => path))].sort(), ["", "files.js", "service-worker.js"]);
  });
});

/** @param {string} text */
function sha256(text) {
  return createHash("sha256").update(text).digest("hex");
}
