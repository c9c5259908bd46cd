/**
 * The element `<coin-explainer model="coin-phantom.safetensors" src="slice.dcm">` shows a slice, its counterfactual, the difference
 * map and the mask, computed on the user's device. Importing this module defines it.
 *
 * Attributes: `model` and `src` are addresses; `slice` counts from 1 (default: the middle slice); `threshold` is that of the mask
 * (default: the model's); `device` is `auto`, `cpu` or `webgpu`. The user can open other files. Events, which bubble:
 * `coin-explained` (detail: {explanation, mask, model}) and `coin-failed` (detail: {error}).
 */

import { Explainer, coloursOf, maskOf, maskRuleOf, openScans } from "./coin.js";
import { MASK_COLOUR, drawColours, drawIntensities, drawMask } from "./pictures.js";

/** Width and height of the canvases; the displayed size depends on the layout. */
const SIDE = 384;

const STYLE = new CSSStyleSheet();
STYLE.replaceSync(`
  :host { display: block; font: 15px/1.45 system-ui, sans-serif; }
  .panes { display: grid; grid-template-columns: repeat(auto-fit, minmax(9rem, 1fr)); gap: 0.75rem; }
  figure { margin: 0; }
  canvas { display: block; width: 100%; height: auto; background: black; }
  figcaption, p { margin: 0.3rem 0; }
  .use { font-weight: 600; }
  label { display: inline-block; margin-right: 1rem; }
`);

const TEXT = {
  use: "Research use only. Not a medical device.",
  open: "Open an image",
  threshold: "Threshold",
  panes: ["Input", "Counterfactual", "Difference map", "Mask"],
  loading: "Loading",
  noModel: "coin-explainer: the attribute “model” is missing. Set it to the address of a model file.",
  unreachable: (/** @type {string} */ address) => `${address} could not be loaded. Check the address and the connection.`,
  verdict: (/** @type {number} */ before, /** @type {number} */ after) => `Probability of “abnormal”: ${before.toFixed(2)}, after inpainting ${after.toFixed(2)}.`,
  normal: "The classifier calls this slice normal. Small differences and a mask on it are not findings.",
  ood: "Out of distribution: this slice differs from the training data. Neither the classification nor the mask is reliable.",
};

/** The element `<coin-explainer>`. */
export class CoinExplainerElement extends HTMLElement {
  static observedAttributes = ["model", "src", "slice", "threshold", "mask-from", "device"];

  #root = this.attachShadow({ mode: "open" });
  #canvases = TEXT.panes.map(() => Object.assign(document.createElement("canvas"), { width: SIDE, height: SIDE }));
  #status = document.createElement("p");
  #slider = Object.assign(document.createElement("input"), { type: "range", min: "0.01", max: "0.99", step: "0.01" });
  #picker = Object.assign(document.createElement("input"), { type: "file", multiple: true });
  /** Files that the user opened instead of `src`. @type {{source: Blob, name: string}[] | null} */
  #files = null;
  /** @type {{address: string, device: string, explainer: Explainer} | null} */
  #loaded = null;
  /** @type {{explanation: import("./coin.js").Explanation, model: import("./coin.js").ModelInfo} | null} */
  #shown = null;
  #running = new AbortController();
  #isScheduled = false;

  constructor() {
    super();
    this.#root.adoptedStyleSheets = [STYLE];
    const panes = createElement("div", { className: "panes" });
    this.#canvases.forEach((canvas, i) => {
      canvas.role = "img";
      canvas.ariaLabel = TEXT.panes[i];
      panes.append(createElement("figure", {}, canvas, createElement("figcaption", {}, TEXT.panes[i])));
    });
    this.#status.setAttribute("role", "status");
    const controls = createElement("div", {}, createElement("label", {}, `${TEXT.open} `, this.#picker), createElement("label", {}, `${TEXT.threshold} `, this.#slider));
    this.#root.append(createElement("p", { className: "use" }, TEXT.use), panes, this.#status, controls);
    this.#slider.addEventListener("input", () => this.#drawMask().catch((error) => this.#fail(error)));
    this.#picker.addEventListener("change", () => {
      // The user cancelled the dialog.
      if (!this.#picker.files?.length) return;
      this.#files = [...this.#picker.files].map((source) => ({ source, name: source.name }));
      this.#scheduleExplanation();
    });
  }

  connectedCallback() {
    this.#scheduleExplanation();
  }

  disconnectedCallback() {
    this.#running.abort();
    this.#loaded?.explainer.close();
    this.#loaded = null;
  }

  attributeChangedCallback(/** @type {string} */ name) {
    if (name === "src") this.#files = null;
    if (this.isConnected) this.#scheduleExplanation();
  }

  /** Explains once after all attribute changes of the current task. */
  #scheduleExplanation() {
    if (this.#isScheduled) return;
    this.#isScheduled = true;
    queueMicrotask(() => {
      this.#isScheduled = false;
      if (this.isConnected) this.#explain();
    });
  }

  async #explain() {
    this.#running.abort();
    this.#running = new AbortController();
    const { signal } = this.#running;
    this.#showStatus(TEXT.loading);
    try {
      const explainer = await this.#loadExplainer(signal);
      const files = this.#files ?? (await this.#fetchSource(signal));
      if (files.length === 0) return this.#showStatus("");
      const slice = await this.#readSlice(files, explainer.info);
      signal.throwIfAborted();
      const explanation = await explainer.explain(slice);
      signal.throwIfAborted();
      await this.#show(explanation, explainer.info);
    } catch (error) {
      if (signal.aborted) return;
      this.#fail(error);
    }
  }

  /**
   * Reads the slice that the attribute `slice` names. Not abortable: aborting would kill the engine, which all elements of a page
   * share.
   *
   * @param {{source: Blob, name: string}[]} files
   * @param {import("./coin.js").ModelInfo} model
   */
  async #readSlice(files, { window, casePercentiles }) {
    const { scans } = await openScans(files, { window });
    try {
      const [scan] = scans;
      const number = Math.round(Number(this.getAttribute("slice"))) || Math.floor(scan.info.slices / 2) + 1;
      return await scan.slice(Math.min(scan.info.slices, Math.max(1, number)) - 1, { percentiles: casePercentiles });
    } finally {
      await Promise.all(scans.map((scan) => scan.close()));
    }
  }

  /** @param {AbortSignal} signal */
  async #loadExplainer(signal) {
    const address = this.getAttribute("model");
    const device = this.getAttribute("device") ?? "auto";
    if (!address) throw new Error(TEXT.noModel);
    if (this.#loaded?.address === address && this.#loaded.device === device) return this.#loaded.explainer;
    const bytes = new Uint8Array(await (await fetchFile(address, signal)).arrayBuffer());
    const explainer = await Explainer.load(bytes, { device: /** @type {any} */ (device) });
    signal.throwIfAborted();
    this.#loaded?.explainer.close();
    this.#loaded = { address, device, explainer };
    return explainer;
  }

  /** @param {AbortSignal} signal */
  async #fetchSource(signal) {
    const address = this.getAttribute("src");
    if (!address) return [];
    return [{ source: await (await fetchFile(address, signal)).blob(), name: address.split("/").pop() ?? address }];
  }

  /**
   * @param {import("./coin.js").Explanation} explanation
   * @param {import("./coin.js").ModelInfo} model
   */
  async #show(explanation, model) {
    const { size, before, after, oodWarning } = explanation;
    const [input, counterfactual, difference] = this.#canvases;
    this.#shown = { explanation, model };
    this.#slider.value = this.getAttribute("threshold") ?? String(this.#ruleOf(model).threshold);
    drawIntensities(input, explanation.input, size);
    drawIntensities(counterfactual, explanation.counterfactual, size);
    drawColours(difference, await coloursOf(explanation.difference), size);
    const mask = await this.#drawMask();
    const sentences = [TEXT.verdict(before, after), before < 0.5 ? TEXT.normal : "", oodWarning ? TEXT.ood : ""];
    this.#showStatus(sentences.filter(Boolean).join(" "));
    this.#fire("coin-explained", { explanation, mask, model });
  }

  /** The rule of the masks. @param {import("./coin.js").ModelInfo} model */
  #ruleOf(model) {
    return maskRuleOf(model, this.getAttribute("mask-from") === "difference" ? "difference" : undefined);
  }

  async #drawMask() {
    if (!this.#shown) return null;
    const { explanation, model } = this.#shown;
    const threshold = this.#slider.valueAsNumber;
    const mask = await maskOf(explanation, { ...this.#ruleOf(model), threshold });
    // Masks may arrive out of order.
    if (threshold === this.#slider.valueAsNumber && explanation === this.#shown?.explanation) {
      const canvas = this.#canvases[3];
      drawIntensities(canvas, explanation.input, explanation.size);
      drawMask(canvas, mask, explanation.size, MASK_COLOUR);
    }
    return mask;
  }

  /** @param {string} text */
  #showStatus(text) {
    this.#status.textContent = text;
  }

  /** @param {unknown} error */
  #fail(error) {
    this.#showStatus(error instanceof Error ? error.message : String(error));
    this.#fire("coin-failed", { error });
  }

  /**
   * @param {string} type
   * @param {unknown} detail
   */
  #fire(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail, bubbles: true, composed: true }));
  }
}

/**
 * Fetches a file, relative to the document.
 *
 * @param {string} address
 * @param {AbortSignal} signal
 */
async function fetchFile(address, signal) {
  const response = await fetch(new URL(address, document.baseURI), { signal });
  if (!response.ok) throw new Error(TEXT.unreachable(address));
  return response;
}

/**
 * Creates an element with properties and children.
 *
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag
 * @param {Partial<HTMLElementTagNameMap[T]>} properties
 * @param {(Node | string)[]} children
 */
function createElement(tag, properties, ...children) {
  const node = Object.assign(document.createElement(tag), properties);
  node.append(...children);
  return node;
}

customElements.define("coin-explainer", CoinExplainerElement);
