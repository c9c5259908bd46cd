import { phantom } from "../coin.js";
import { element } from "./dom.js";
import { download } from "./download.js";
import { openStudy } from "./files.js";
import { anomalyOf } from "./models.js";
import { progress } from "./progress.js";
import { SAMPLE, STATUS, bytesOf } from "./strings.js";
import { showViewer } from "./tabs.js";

/** @typedef {import("./main.js").LoadInput} LoadInput */
/** @typedef {import("./main.js").ImageSource} ImageSource */
/** @typedef {import("./main.js").InputSlice} InputSlice */
/** @typedef {import("../coin.js").ModelInfo} ModelInfo */

/** @typedef {{name: string, title: string, file: string, slice: number, credit: string, caveat?: string, model?: string}} SampleEntry an entry of samples/index.json; `model` is the recommended model, `caveat` its limitations */

/** @typedef {(load: LoadInput, model: string | null) => void} OpenSample shows a sample with a model; null for the default */

/** Seed of the first phantom. */
const FIRST_SEED = 1;

const ABNORMAL = "phantom-abnormal";
const NORMAL = "phantom-normal";
const PHANTOM = /^phantom-(abnormal|normal)(?:-(\d{1,7}))?$/;

const chooser = element("samples", HTMLSelectElement);
/** What opens each sample. @type {Map<string, () => void>} */
const samples = new Map();

let seed = FIRST_SEED;

/** A generated phantom on the grid of the model in use. @implements {ImageSource} */
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
   * Generates the phantom.
   *
   * @param {number} index
   * @param {ModelInfo} info
   * @returns {Promise<InputSlice>}
   */
  async load(index, info) {
    const { seed } = this;
    const { size } = info;
    const anomaly = this.anomaly ? anomalyOf(info) : null;
    const { slice, truth, plain } = await phantom({ seed, anomaly, size });
    return { source: this, index, slice, truth, plain, edited: false };
  }

  close() {}
}

/**
 * Loads the sample that the address names, or a phantom with an anomaly.
 *
 * @param {string | null} name
 * @param {number | null} slice counted from 1
 * @param {() => Promise<SampleEntry[]>} stored
 * @returns {LoadInput}
 */
export function initialInput(name, slice, stored) {
  return async (info, signal) => {
    const phantom = name?.match(PHANTOM);
    if (phantom) seed = Number(phantom[2] ?? FIRST_SEED);
    const entry = name && !phantom ? (await stored()).find((entry) => entry.name === name) : null;
    if (entry) return openSample(slice === null ? entry : { ...entry, slice: Math.round(slice) - 1 }, info, signal);
    return new PhantomSource(seed, phantom?.[1] !== "normal").load(0, info);
  };
}

/**
 * Value of the query parameter `sample` for a source; null for files of the user.
 *
 * @param {ImageSource} source
 */
export function addressOf(source) {
  if (!(source instanceof PhantomSource)) return source.sample;
  return source.seed === FIRST_SEED ? source.sample : `${source.sample}-${source.seed}`;
}

/**
 * Adds the phantoms to the list of samples.
 *
 * @param {OpenSample} openWith
 * @param {(load: LoadInput) => void} open
 */
export function addPhantoms(openWith, open) {
  const generate = (/** @type {boolean} */ anomaly) => (/** @type {ModelInfo} */ info) => new PhantomSource(seed, anomaly).load(0, info);
  addSample(ABNORMAL, SAMPLE.abnormal, () => openWith(generate(true), null));
  addSample(NORMAL, SAMPLE.normal, () => openWith(generate(false), null));
  chooser.value = ABNORMAL;
  chooser.addEventListener("change", () => {
    showViewer();
    samples.get(chooser.value)?.();
  });
  element("new-patient", HTMLButtonElement).addEventListener("click", () => {
    seed = 1 + Math.floor(Math.random() * 1e6);
    showViewer();
    const normal = chooser.value === NORMAL;
    if (normal || chooser.value === ABNORMAL) open(generate(!normal));
    else openWith(generate(true), null);
  });
}

/**
 * Adds the site's scans to the list of samples.
 *
 * @param {SampleEntry[]} entries
 * @param {OpenSample} openWith
 */
export function addScans(entries, openWith) {
  for (const entry of entries) {
    addSample(entry.name, entry.title, () => openWith((info, signal) => openSample(entry, info, signal), entry.model ?? null));
  }
}

/**
 * Adds an entry to the list of samples.
 *
 * @param {string} value
 * @param {string} title
 * @param {() => void} onChoice
 */
function addSample(value, title, onChoice) {
  samples.set(value, onChoice);
  chooser.add(new Option(title, value));
}

/**
 * Selects the shown sample, if any, and shows its credit.
 *
 * @param {ImageSource | null} source
 */
export function selectSample(source) {
  chooser.value = source?.sample ?? "";
  const credit = element("credit", HTMLElement);
  const texts = [source?.credit, source?.caveat].filter(Boolean);
  credit.textContent = texts.join(". ");
  credit.hidden = texts.length === 0;
}

/**
 * Downloads and opens a sample scan.
 *
 * @param {SampleEntry} entry
 * @param {ModelInfo} info
 * @param {AbortSignal} signal
 */
async function openSample({ name, title, file, slice, credit, caveat }, info, signal) {
  const onProgress = (/** @type {number} */ received, /** @type {number | null} */ total) =>
    progress(STATUS.sample(bytesOf(received, total)), received, total);
  const blob = await download(`samples/${file}`, title, onProgress, signal);
  const options = { sample: name, start: slice, credit, caveat };
  const { source } = await openStudy([{ source: blob, name: file }], info.window, signal, options);
  return source.load(Math.min(slice, source.count - 1), info, signal);
}
