import assert from "node:assert/strict";
import { cp, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { after, before, describe, test } from "node:test";
import { discDicom, discNifti, discPng, withMetadata } from "./files.mjs";
import { serve } from "./server.mjs";
import { DIST, MODEL, SETUPS, openSite } from "./site.mjs";
import { Visitor, launch } from "./visitor.mjs";

const mimeType = "application/octet-stream";
const WEB = fileURLToPath(new URL("../../web", import.meta.url));
const PKG = fileURLToPath(new URL("../../pkg", import.meta.url));

describe("State, settings and models", () => {
  /** @type {import("playwright-core").Browser} */
  let browser;
  /** @type {Awaited<ReturnType<typeof openSite>>} */
  let site;
  const open = (/** @type {string} */ hash, /** @type {import("playwright-core").BrowserContextOptions} */ options = {}) =>
    Visitor.open(browser, `${site.address}#device=cpu&${hash}`, options);

  before(async () => {
    site = await openSite();
    browser = await launch(["--disable-gpu"]);
  });
  after(async () => {
    await browser?.close();
    site?.close();
  });

  test("an address restores the state and is not sent to the server", async () => {
    const first = await open(`model=${MODEL}`);
    await first.explain(() => first.page.locator("#new-patient").click());
    await first.page.locator("#threshold").fill("0.4");
    await first.page.locator("#display").selectOption("bone");
    await first.page.locator("#colour-map").selectOption("turbo");
    await first.page.waitForFunction(() => ["threshold=0.4", "display=bone", "colours=turbo"].every((part) => location.hash.includes(part)));
    const seen = await first.coin();
    const other = await Visitor.open(browser, first.page.url());
    const found = await other.coin();
    assert.deepEqual(found.explanation, { ...seen.explanation, milliseconds: found.explanation.milliseconds });
    assert.deepEqual([found.mask, found.threshold, found.source], [seen.mask, 0.4, seen.source]);
    assert.equal(await other.page.locator("#display").inputValue(), "bone");
    assert.ok(site.requests.every(({ query }) => query === ""), "the fragment is not sent");
    const third = await Visitor.open(browser, `${first.page.url()}&methods=1`);
    await third.page.waitForFunction(() => /^RISE/.test(document.querySelector(".task:has(#methods-status) .step")?.textContent ?? ""));
    await third.page.context().close();
    await first.openFiles({ name: "own.dcm", mimeType, buffer: discDicom({ series: "1.9", place: 0 }) });
    await first.page.waitForFunction(() => !location.hash.includes("sample="));
    assert.doesNotMatch(first.page.url(), /own/);
    await Promise.all([first, other].map((visitor) => visitor.page.context().close()));
  });

  test("invalid query parameters are ignored", async () => {
    const visitor = await open(`model=${MODEL}&sample=none&slice=-7&threshold=nine&display=constructor&colours=__proto__&postprocess=x`);
    assert.equal(await visitor.state(), "ready");
    assert.equal((await visitor.coin()).source.sample, "phantom-abnormal");
    assert.equal(await visitor.page.locator("#display").inputValue(), "model");
    visitor.assertNoErrors();
    await visitor.page.context().close();
  });

  test("the whole page is translated into German", async (test) => {
    const visitor = await open(`model=${MODEL}&lang=de`);
    assert.equal(await visitor.page.locator("html").getAttribute("lang"), "de");
    assert.match(await visitor.text("verdict"), /^Klassifikator: auffällig .* → nach Inpainting: /);
    assert.match(await visitor.text("device-reason"), /^Manuell ausgewählt\.$/);
    const english = await open(`model=${MODEL}&lang=en`);
    // The built page is bundled; the test imports the source modules from another server.
    const source = await serve(WEB, "/", {});
    test.after(source.close);
    const reader = await browser.newPage();
    await reader.goto(`${source.address}icon.svg`);
    const missing = await reader.evaluate(async () => {
      const language = await import(/** @type {any} */ ("/page/language.js"));
      // Types check that german.js has all strings of english.js.
      const text = await (await fetch("/index.html")).text();
      return language.untranslated(new DOMParser().parseFromString(text, "text/html"));
    });
    assert.deepEqual(missing, []);
    await reader.close();
    await english.explain(() => english.page.locator("#language").selectOption("de"));
    await english.settled();
    assert.match(english.page.url(), /lang=de/);
    await Promise.all([visitor, english].map((visitor) => visitor.page.context().close()));
  });

  test("the theme is dark by default, and the light theme is remembered", async () => {
    const visitor = await open(`model=${MODEL}`, { colorScheme: "light" });
    const background = () => visitor.page.evaluate(() => getComputedStyle(document.body).backgroundColor);
    assert.equal(await background(), "rgb(13, 17, 23)");
    await visitor.page.locator("#light").check();
    assert.equal(await background(), "rgb(245, 246, 248)");
    await visitor.page.reload();
    await visitor.settled();
    assert.equal(await background(), "rgb(245, 246, 248)");
    await visitor.page.context().close();
  });

  test("keyboard shortcuts work, are listed and can be disabled", async () => {
    const { page, ...visitor } = Object.assign(await open(`model=${MODEL}`), {});
    const value = (/** @type {string} */ id) => page.locator(`#${id}`).inputValue();
    const before = Number(await value("threshold"));
    await page.keyboard.press("]");
    assert.equal(Number(await value("threshold")).toFixed(2), (before + 0.01).toFixed(2));
    await page.keyboard.press("b");
    assert.equal(await value("reveal"), "0");
    await page.keyboard.press("p");
    assert.ok(await page.locator("input[name=tool][value=pan]").isChecked());
    await page.keyboard.press("+");
    assert.notEqual(await page.locator("#zoom-number").innerText(), "100%");
    await page.keyboard.press("0");
    await page.keyboard.press("?");
    assert.ok(await page.locator("#help").isVisible());
    await page.locator("#letters").uncheck();
    await page.keyboard.press("Escape");
    assert.ok(!(await page.locator("#help").isVisible()));
    const now = await value("threshold");
    await page.keyboard.press("]");
    assert.equal(await value("threshold"), now, "single-key shortcuts are disabled");
    assert.deepEqual(visitor.errors, []);
    await page.context().close();
  });

  test("a model file is opened like an image; a broken one shows an error and keeps the last model", async () => {
    const visitor = await open(`model=${MODEL}`);
    await visitor.openFiles(join(DIST, "models", `${MODEL}.safetensors`));
    assert.equal(await visitor.state(), "ready");
    assert.equal(await visitor.page.locator("#model option:checked").innerText(), `Own: ${MODEL}`);
    await visitor.page.waitForFunction(() => !location.hash.includes("model="));
    await visitor.openFiles({ name: "broken.safetensors", mimeType, buffer: Buffer.from("no model") });
    assert.equal(await visitor.state(), "failed");
    assert.match(await visitor.text("notice-text"), /not a whole safetensors file/);
    assert.equal(await visitor.page.locator("#model option:checked").innerText(), `Own: ${MODEL}`);
    // One that would replace it, too.
    await visitor.openFiles({ name: `${MODEL}.safetensors`, mimeType, buffer: Buffer.from("no model") });
    assert.equal(await visitor.state(), "failed");
    await visitor.explain(() => visitor.page.locator("#new-patient").click());
    assert.equal(await visitor.state(), "ready");
    assert.equal(await visitor.page.locator("#model option:checked").innerText(), `Own: ${MODEL}`);
    await visitor.explain(() => visitor.page.locator("#samples").selectOption("phantom-normal"));
    assert.equal(await visitor.state(), "ready");

    await visitor.tab("comparison");
    await visitor.page.locator("#compare-models").click();
    await visitor.page.waitForFunction(() => document.getElementById("comparison-status")?.textContent?.startsWith("Explained in"), undefined, { timeout: 60_000 });
    assert.equal(await visitor.page.locator("#comparison figure").count(), 2);
    assert.ok((await visitor.page.locator("#comparison figure").nth(1).innerText()).includes("→"));
    await visitor.page.context().close();
  });

  test("a model without HU normalises each slice by percentiles, and the page shows no HU", async () => {
    const visitor = await open(`model=${MODEL}`);
    const mr = (/** @type {number} */ slope) => ({ name: `${slope}.dcm`, mimeType, buffer: discDicom({ series: "1.9", place: 0, modality: "MR", slope }) });
    await visitor.openFiles(mr(1));
    assert.match(await visitor.text("ood-warning"), /This image is MR, but the model was trained on CT/);
    await visitor.page.locator("#pane-difference").hover();
    assert.doesNotMatch(await visitor.text("readout"), /HU/);

    const metadata = { normalisation: { percentiles: [0.5, 99.5], over: "slice" }, modality: "MR", finding: "tumour" };
    const buffer = withMetadata(await readFile(join(DIST, "models", `${MODEL}.safetensors`)), metadata);
    await visitor.openFiles({ name: "mr.safetensors", mimeType, buffer });
    await visitor.openFiles(mr(1));
    assert.equal(await visitor.state(), "ready");
    assert.doesNotMatch(await visitor.text("ood-warning"), /This image is MR/);
    const [before, seen] = [await visitor.coin(), await visitor.summary()];
    assert.deepEqual(before.explanation.window, [-1000, 40]);
    await visitor.openFiles(mr(0.125));
    const after = await visitor.coin();
    assert.deepEqual(after.explanation.window, [-125, 5]);
    assert.equal(after.explanation.before, before.explanation.before, "intensities scaled by 1/8 give the same model input");
    assert.equal(seen.model.unit, "");
    await visitor.page.locator("#pane-difference").hover();
    assert.match(await visitor.text("readout"), /^−?\d+\.?\d*, counterfactual −?\d+\.?\d*, difference/);
    assert.deepEqual(await visitor.page.locator("#display option").evaluateAll((options) => options.map((option) => option.getAttribute("value"))), ["model"]);
    assert.match(await visitor.text("model-facts"), /Findingtumour.*ModalityMR/);
    assert.doesNotMatch(await visitor.text("display"), /HU/);
    assert.deepEqual(visitor.errors, []);
    await visitor.page.context().close();
  });

  test("copied diagnostics contain no image data and no file name", async () => {
    const visitor = await open(`model=${MODEL}`, { permissions: ["clipboard-read", "clipboard-write"] });
    await visitor.openFiles({ name: "Somebody.dcm", mimeType, buffer: discDicom({ series: "1.9", place: 0 }) });
    assert.match(await visitor.text("device-facts"), /Self-testpassed in .*Memory, cpu\d/);
    await visitor.tab("device");
    await visitor.page.locator("#copy-diagnostics").click();
    await visitor.page.waitForFunction(() => document.getElementById("diagnostics-status")?.textContent?.startsWith("Copied"));
    const text = await visitor.page.evaluate(() => navigator.clipboard.readText());
    const report = JSON.parse(text);
    assert.equal(report.model.name, MODEL);
    assert.ok(report.memory[0].bytes > 1e6 && report.milliseconds.first.engine > 0 && report.device.engine === "cpu");
    assert.ok(!text.includes("Somebody"));
    assert.deepEqual(report.slice, { width: 64, height: 64, slices: 1 });
    assert.deepEqual(Object.keys(report).sort(), ["browser", "device", "memory", "milliseconds", "model", "page", "processors", "slice"]);
    await visitor.page.context().close();
  });

  test("only out-of-distribution slices trigger a warning", async () => {
    const visitor = await open(`model=${MODEL}`);
    assert.ok(!(await visitor.page.locator("#ood-warning").isVisible()));
    await visitor.openFiles({ name: "image.png", mimeType, buffer: discPng(64) });
    assert.match(await visitor.text("ood-warning"), /^Out of distribution/);
    assert.ok((await visitor.summary()).oodScore > 1);
    await visitor.explain(() => visitor.page.locator("#samples").selectOption("phantom-normal"));
    assert.ok(!(await visitor.page.locator("#ood-warning").isVisible()));
    await visitor.page.context().close();
  });

  test("the page can be installed", async () => {
    const visitor = await open(`model=${MODEL}`);
    const protocol = await visitor.page.context().newCDPSession(visitor.page);
    const { installabilityErrors } = await protocol.send("Page.getInstallabilityErrors");
    // Tests run in private windows, which do not allow installation.
    assert.deepEqual(installabilityErrors.map(({ errorId }) => errorId).filter((id) => id !== "in-incognito"), []);
    const { manifest, errors } = /** @type {any} */ (await protocol.send("Page.getAppManifest"));
    assert.deepEqual(errors, []);
    assert.ok(manifest !== undefined);
    await visitor.page.context().close();
  });

  test("the element explains a slice and files that the user opens", async (test) => {
    const folder = await mkdtemp(join(tmpdir(), "coin-element-"));
    test.after(() => rm(folder, { recursive: true }));
    await cp(PKG, folder, { recursive: true, filter: (path) => !path.includes("node_modules") });
    await cp(join(DIST, "engine"), join(folder, "engine"), { recursive: true });
    await cp(join(DIST, "models"), join(folder, "models"), { recursive: true });
    await writeFile(join(folder, "slice.dcm"), discDicom({ series: "1.9", place: 0 }));
    // The policy in the README of the package.
    const policy = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; worker-src 'self'; connect-src 'self'";
    const own = await serve(folder, "/own/", { "content-security-policy": policy });
    test.after(own.close);
    const page = await browser.newPage();
    /** @type {string[]} */
    const errors = [];
    page.on("console", (message) => message.type() === "error" && errors.push(message.text()));
    await page.addInitScript(() => {
      addEventListener("coin-explained", (event) => Object.assign(window, { explained: /** @type {CustomEvent} */ (event).detail }));
      addEventListener("coin-failed", (event) => Object.assign(window, { failure: String(/** @type {CustomEvent} */ (event).detail.error) }));
    });
    await page.goto(`${own.address}example.html`);
    const explained = () => page.waitForFunction(() => /** @type {any} */ (window).explained ?? /** @type {any} */ (window).failure, undefined, { timeout: 60_000 });
    await explained();
    assert.equal(await page.evaluate(() => /** @type {any} */ (window).failure), undefined);
    const status = await page.locator("coin-explainer [role=status]").innerText();
    assert.match(status, /^Probability of “abnormal”: \d\.\d\d, after inpainting \d\.\d\d\./);
    const drawn = await page.locator("coin-explainer").evaluate((element) =>
      [...(element.shadowRoot?.querySelectorAll("canvas") ?? [])].map((canvas) => [...(canvas.getContext("2d")?.getImageData(0, 0, 384, 384).data ?? [])].reduce((most, value, i) => (i % 4 < 3 ? Math.max(most, value) : most), 0)),
    );
    assert.equal(drawn.length, 4);
    assert.ok(drawn[0] > 100 && drawn[1] > 100 && drawn[3] > 100, `${drawn}`);
    await page.evaluate(() => Object.assign(window, { explained: undefined }));
    await page.locator("coin-explainer input[type=file]").setInputFiles({ name: "discs.nii", mimeType, buffer: discNifti(64, 3) });
    await explained();
    assert.equal(await page.evaluate(() => /** @type {any} */ (window).failure), undefined);
    await page.evaluate(() => Object.assign(window, { explained: undefined, failure: undefined }));
    await page.evaluate(() => document.querySelector("coin-explainer")?.setAttribute("model", "none.safetensors"));
    await explained();
    assert.match(await page.locator("coin-explainer [role=status]").innerText(), /none\.safetensors could not be loaded/);
    assert.deepEqual(errors.filter((text) => !/404/.test(text)), []);
    await page.close();
  });
});

const [webgpu] = SETUPS;

test("the minimum limits of WebGPU are sufficient", { skip: webgpu.skip }, async (test) => {
  // The default limits of the specification, as on phones: no f16, no subgroups, no timestamp queries.
  const lowered = `
    const { requestAdapter } = GPU.prototype;
    GPU.prototype.requestAdapter = async function (options) {
      const adapter = await requestAdapter.call(this, options);
      if (!adapter) return adapter;
      const least = {
        maxComputeInvocationsPerWorkgroup: 128, maxComputeWorkgroupSizeX: 128, maxComputeWorkgroupSizeY: 128, maxComputeWorkgroupSizeZ: 64,
        maxComputeWorkgroupStorageSize: 16384, maxStorageBufferBindingSize: 134217728, maxBufferSize: 268435456,
        maxStorageBuffersPerShaderStage: 8, maxComputeWorkgroupsPerDimension: 65535, maxBindGroups: 4,
      };
      const { limits: real } = adapter;
      const limits = new Proxy(real, { get: (_, name) => { const value = real[name]; return name in least ? Math.min(value, least[name]) : value; } });
      Object.defineProperty(adapter, "limits", { value: limits });
      Object.defineProperty(adapter, "features", { value: new Set(), configurable: true });
      self.postMessage({ requests: [{ address: "lowered:", bytes: limits.maxComputeInvocationsPerWorkgroup }] });
      return adapter;
    };`;
  const site = await openSite((path, content) => {
    if (path === "worker.js") return `${lowered}\n${content}`;
    const listener = 'engineEvents.addEventListener("request", ({ detail }) => { if (detail.address === "lowered:" && detail.bytes === 128) window.lowered = true; });';
    return path === "page/main.js" ? `${listener}\n${content}` : content;
  });
  test.after(site.close);
  const browser = await launch(webgpu.flags);
  test.after(() => browser.close());
  const options = { serviceWorkers: /** @type {const} */ ("block") };
  const visitor = await Visitor.open(browser, `${site.address}#device=webgpu&model=${MODEL}`, options);
  assert.equal(await visitor.state(), "ready", await visitor.text("notice-text"));
  assert.ok(await visitor.page.evaluate(() => /** @type {any} */ (window).lowered), "the limits were lowered");
  const found = await visitor.coin();
  assert.equal(found.device.engine, "webgpu");
  const reference = await Visitor.open(browser, `${site.address}#device=cpu&model=${MODEL}`, options);
  const expected = await reference.coin();
  assert.equal(expected.device.engine, "cpu");
  const worst = expected.explanation.difference.reduce((/** @type {number} */ most, /** @type {number} */ value, /** @type {number} */ i) => Math.max(most, Math.abs(value - found.explanation.difference[i])), 0);
  assert.ok(worst < 1e-3, `off by ${worst}`);
});

test("without a usable WebGPU adapter, the notice offers the CPU", { skip: webgpu.skip }, async (test) => {
  const site = await openSite();
  test.after(site.close);
  const browser = await launch(webgpu.flags);
  test.after(() => browser.close());
  const context = await browser.newContext({ serviceWorkers: "block" });
  await context.addInitScript(() => {
    GPU.prototype.requestAdapter = async () => null;
  });
  const page = await context.newPage();
  await page.goto(`${site.address}#device=webgpu&model=${MODEL}`);
  await page.waitForFunction(() => document.body.dataset.state === "failed");
  assert.match((await page.locator("#notice-text").textContent()) ?? "", /WebGPU is not available/);
  await page.locator("#notice-action").click();
  await page.waitForFunction(() => document.body.dataset.state === "ready", undefined, { timeout: 60_000 });
  assert.equal(await page.locator("#device-name").innerText(), "CPU");
  assert.ok(site.requests.every(({ path }) => !path.startsWith("engine/webgpu/coin_bg")), "the engine is not downloaded");
});
