/**
 * `<coin-explainer model="coin-phantom.safetensors" src="slice.dcm">`: a slice, its counterfactual, the difference map and the
 * mask, computed on the reader's device. Importing this module defines the element.
 *
 * Attributes: `model` and `src` are addresses, `slice` counts from 1, `threshold` (the model's own without it), `device`
 * (`auto`, `cpu`, `webgpu`). Without `src`, or besides it, the reader chooses a file. Fires `coin-explained` (detail:
 * {explanation, mask, model}) and `coin-failed` (detail: {error}); both bubble.
 */

import { Explainer, coloursOf, maskOf, openScans } from "./coin.js";
import { MASK_COLOUR, drawColours, drawIntensities, drawMask } from "./pictures.js";

/** Side of a picture; the style decides how large it is shown. */
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

const WORDS = {
  use: "Research use only. Not a medical device.",
  open: "Open an image",
  threshold: "Threshold",
  panes: ["Input", "Counterfactual", "Difference", "Mask"],
  waiting: "One moment",
  noModel: "The attribute model is missing: it names a model file.",
  unreachable: (/** @type {string} */ address) => `${address} could not be loaded.`,
  verdict: (/** @type {number} */ before, /** @type {number} */ after) => `Probability of “abnormal”: ${before.toFixed(2)}, after inpainting ${after.toFixed(2)}.`,
  normal: "The classifier calls this slice normal: what little changes is not a finding.",
  ood: "It is unlike what the model was trained on: do not rely on the result.",
};

export class CoinExplainerElement extends HTMLElement {
  static observedAttributes = ["model", "src", "slice", "threshold", "device"];

  #root = this.attachShadow({ mode: "open" });
  #canvases = WORDS.panes.map(() => Object.assign(document.createElement("canvas"), { width: SIDE, height: SIDE }));
  #said = document.createElement("p");
  #slider = Object.assign(document.createElement("input"), { type: "range", min: "0.01", max: "0.99", step: "0.01" });
  #picker = Object.assign(document.createElement("input"), { type: "file", multiple: true });
  /** What the reader chose, in place of `src`. @type {{source: Blob, name: string}[] | null} */
  #files = null;
  /** @type {{address: string, device: string, explainer: Explainer} | null} */
  #loaded = null;
  /** @type {{explanation: import("./coin.js").Explanation, model: import("./coin.js").ModelInfo} | null} */
  #shown = null;
  #running = new AbortController();
  #asked = false;

  constructor() {
    super();
    this.#root.adoptedStyleSheets = [STYLE];
    const panes = make("div", { className: "panes" });
    this.#canvases.forEach((canvas, i) => {
      canvas.role = "img";
      canvas.ariaLabel = WORDS.panes[i];
      panes.append(make("figure", {}, canvas, make("figcaption", {}, WORDS.panes[i])));
    });
    this.#said.setAttribute("role", "status");
    const controls = make("div", {}, make("label", {}, `${WORDS.open} `, this.#picker), make("label", {}, `${WORDS.threshold} `, this.#slider));
    this.#root.append(make("p", { className: "use" }, WORDS.use), panes, this.#said, controls);
    this.#slider.addEventListener("input", () => this.#drawMask().catch((error) => this.#fail(error)));
    this.#picker.addEventListener("change", () => {
      // A dialog that was cancelled chooses nothing.
      if (!this.#picker.files?.length) return;
      this.#files = [...this.#picker.files].map((source) => ({ source, name: source.name }));
      this.#ask();
    });
  }

  connectedCallback() {
    this.#ask();
  }

  disconnectedCallback() {
    this.#running.abort();
    this.#loaded?.explainer.close();
    this.#loaded = null;
  }

  attributeChangedCallback(/** @type {string} */ name) {
    if (name === "src") this.#files = null;
    if (this.isConnected) this.#ask();
  }

  /** Attributes that change together are one request. */
  #ask() {
    if (this.#asked) return;
    this.#asked = true;
    queueMicrotask(() => {
      this.#asked = false;
      if (this.isConnected) this.#explain();
    });
  }

  async #explain() {
    this.#running.abort();
    this.#running = new AbortController();
    const { signal } = this.#running;
    this.#say(WORDS.waiting);
    try {
      const explainer = await this.#explainer(signal);
      const files = this.#files ?? (await this.#source(signal));
      if (files.length === 0) return this.#say("");
      const slice = await this.#slice(files, explainer.info.window);
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
   * Engines are shared by all elements of a page, and aborting a call ends its engine: so nothing of this is aborted in the
   * middle.
   *
   * @param {{source: Blob, name: string}[]} files
   * @param {[number, number]} window
   */
  async #slice(files, window) {
    const { scans } = await openScans(files, { window });
    try {
      const [scan] = scans;
      const number = Math.round(Number(this.getAttribute("slice"))) || Math.floor(scan.info.slices / 2) + 1;
      return await scan.slice(Math.min(scan.info.slices, Math.max(1, number)) - 1);
    } finally {
      await Promise.all(scans.map((scan) => scan.close()));
    }
  }

  /** @param {AbortSignal} signal */
  async #explainer(signal) {
    const address = this.getAttribute("model");
    const device = this.getAttribute("device") ?? "auto";
    if (!address) throw new Error(WORDS.noModel);
    if (this.#loaded?.address === address && this.#loaded.device === device) return this.#loaded.explainer;
    const bytes = new Uint8Array(await (await fetched(address, signal)).arrayBuffer());
    const explainer = await Explainer.load(bytes, { device: /** @type {any} */ (device) });
    signal.throwIfAborted();
    this.#loaded?.explainer.close();
    this.#loaded = { address, device, explainer };
    return explainer;
  }

  /** @param {AbortSignal} signal */
  async #source(signal) {
    const address = this.getAttribute("src");
    if (!address) return [];
    return [{ source: await (await fetched(address, signal)).blob(), name: address.split("/").pop() ?? address }];
  }

  /**
   * @param {import("./coin.js").Explanation} explanation
   * @param {import("./coin.js").ModelInfo} model
   */
  async #show(explanation, model) {
    const { size, before, after, oodScore } = explanation;
    const [input, counterfactual, difference] = this.#canvases;
    this.#shown = { explanation, model };
    this.#slider.value = this.getAttribute("threshold") ?? String(model.threshold);
    drawIntensities(input, explanation.input, size);
    drawIntensities(counterfactual, explanation.counterfactual, size);
    drawColours(difference, await coloursOf(explanation.difference), size);
    const mask = await this.#drawMask();
    const sentences = [WORDS.verdict(before, after), before < 0.5 ? WORDS.normal : "", (oodScore ?? 0) > 1 ? WORDS.ood : ""];
    this.#say(sentences.filter(Boolean).join(" "));
    this.#fire("coin-explained", { explanation, mask, model });
  }

  async #drawMask() {
    if (!this.#shown) return null;
    const { explanation, model } = this.#shown;
    const threshold = this.#slider.valueAsNumber;
    const mask = await maskOf(explanation, { ...model, threshold });
    // Masks may come in another order than they were asked for.
    if (threshold === this.#slider.valueAsNumber && explanation === this.#shown?.explanation) {
      const canvas = this.#canvases[3];
      drawIntensities(canvas, explanation.input, explanation.size);
      drawMask(canvas, mask, explanation.size, MASK_COLOUR);
    }
    return mask;
  }

  /** @param {string} sentence */
  #say(sentence) {
    this.#said.textContent = sentence;
  }

  /** @param {unknown} error */
  #fail(error) {
    this.#say(error instanceof Error ? error.message : String(error));
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
 * @param {string} address
 * @param {AbortSignal} signal
 */
async function fetched(address, signal) {
  const response = await fetch(new URL(address, document.baseURI), { signal });
  if (!response.ok) throw new Error(WORDS.unreachable(address));
  return response;
}

/**
 * @template {keyof HTMLElementTagNameMap} T
 * @param {T} tag
 * @param {Partial<HTMLElementTagNameMap[T]>} properties
 * @param {(Node | string)[]} children
 */
function make(tag, properties, ...children) {
  const made = Object.assign(document.createElement(tag), properties);
  made.append(...children);
  return made;
}

customElements.define("coin-explainer", CoinExplainerElement);
