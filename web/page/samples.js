import { phantom } from "../coin.js";
import { create, element } from "./dom.js";
import { download } from "./download.js";
import { openStudy } from "./files.js";
import { anomalyOf } from "./models.js";
import { progress } from "./progress.js";
import { SAMPLE, STATUS, bytesOf } from "./strings.js";

/** @typedef {import("./main.js").Make} Make */
/** @typedef {import("./main.js").Source} Source */
/** @typedef {import("./main.js").Subject} Subject */
/** @typedef {import("../coin.js").ModelInfo} ModelInfo */

/** @typedef {{name: string, title: string, file: string, slice: number, credit: string, caveat?: string, model?: string}} SampleEntry a line of samples/index.json; `model` is the one that it suits best, `caveat` why not well */

/** @typedef {(make: Make, model: string | null) => void} OpenSample opens with a model, null being the page's own choice */

/** Every visitor sees this patient first. */
const FIRST_SEED = 1;

const ABNORMAL = "phantom-abnormal";
const NORMAL = "phantom-normal";
const PHANTOM = /^phantom-(abnormal|normal)(?:-(\d{1,7}))?$/;

let seed = FIRST_SEED;

/** An abdomen made on the spot, on the grid of whatever model looks at it. @implements {Source} */
class PhantomSource {
  scan = null;
  credit = null;
  caveat = null;

  /**
   * @param {number} seed
   * @param {boolean} anomaly
   */
  constructor(seed, anomaly) {
    this.seed = seed;
    this.anomaly = anomaly;
    this.name = SAMPLE.phantom(seed);
    this.sample = anomaly ? ABNORMAL : NORMAL;
  }

  /**
   * @param {number} index
   * @param {ModelInfo} info
   * @returns {Promise<Subject>}
   */
  async at(index, info) {
    const { seed } = this;
    const { size } = info;
    const anomaly = this.anomaly ? anomalyOf(info) : null;
    const { slice, truth, plain } = await phantom({ seed, anomaly, size });
    return { source: this, index, slice, truth, plain, edited: false };
  }

  close() {}
}

/**
 * What the page opens with: the sample that its address names, or a phantom with an anomaly.
 *
 * @param {string | null} name
 * @param {number | null} slice
 * @param {() => Promise<SampleEntry[]>} stored
 * @returns {Make}
 */
export function firstSample(name, slice, stored) {
  return async (info, signal) => {
    const phantom = name?.match(PHANTOM);
    if (phantom) seed = Number(phantom[2] ?? FIRST_SEED);
    const entry = name && !phantom ? (await stored()).find((entry) => entry.name === name) : null;
    if (entry) return openSample(slice === null ? entry : { ...entry, slice: Math.round(slice) - 1 }, info, signal);
    return new PhantomSource(seed, phantom?.[1] !== "normal").at(0, info);
  };
}

/**
 * How an address names what is shown; null for the reader's own files.
 *
 * @param {Source} source
 */
export function addressOf(source) {
  if (!(source instanceof PhantomSource)) return source.sample;
  return source.seed === FIRST_SEED ? source.sample : `${source.sample}-${source.seed}`;
}

/**
 * @param {OpenSample} openWith
 * @param {(make: Make) => void} open
 */
export function offerPhantoms(openWith, open) {
  const make = (/** @type {boolean} */ anomaly) => (/** @type {ModelInfo} */ info) => new PhantomSource(seed, anomaly).at(0, info);
  const abnormal = offer(ABNORMAL, SAMPLE.abnormal, () => openWith(make(true), null));
  const normal = offer(NORMAL, SAMPLE.normal, () => openWith(make(false), null));
  abnormal.checked = true;
  element("new-patient", HTMLButtonElement).addEventListener("click", () => {
    seed = 1 + Math.floor(Math.random() * 1e6);
    if (abnormal.checked || normal.checked) open(make(abnormal.checked));
    else openWith(make(true), null);
  });
}

/**
 * @param {SampleEntry[]} entries
 * @param {OpenSample} openWith
 */
export function offerScans(entries, openWith) {
  for (const entry of entries) {
    offer(entry.name, entry.title, () => openWith((info, signal) => openSample(entry, info, signal), entry.model ?? null));
  }
}

/**
 * @param {string} value
 * @param {string} title
 * @param {() => void} choose
 */
function offer(value, title, choose) {
  const input = create("input", { type: "radio", name: "sample", value });
  input.addEventListener("change", choose);
  element("samples", HTMLFieldSetElement).append(create("label", {}, input, title));
  return input;
}

/**
 * Marks what is shown, which is no sample after a file was opened.
 *
 * @param {Source | null} source
 */
export function markSample(source) {
  for (const input of document.querySelectorAll("#samples input")) {
    if (input instanceof HTMLInputElement) input.checked = input.value === source?.sample;
  }
  const credit = element("credit", HTMLElement);
  const said = [source?.credit, source?.caveat].filter(Boolean);
  credit.textContent = said.join(". ");
  credit.hidden = said.length === 0;
}

/**
 * @param {SampleEntry} entry
 * @param {ModelInfo} info
 * @param {AbortSignal} signal
 */
async function openSample({ name, title, file, slice, credit, caveat }, info, signal) {
  const show = (/** @type {number} */ received, /** @type {number | null} */ total) =>
    progress(STATUS.sample(bytesOf(received, total)), received, total);
  const blob = await download(`samples/${file}`, title, show, signal);
  const shown = { sample: name, start: slice, credit, caveat };
  const { source } = await openStudy([{ source: blob, name: file }], info.window, signal, shown);
  return source.at(Math.min(slice, source.count - 1), info, signal);
}
