import { openScan } from "../coin.js";
import { element } from "./dom.js";
import { announce, progress } from "./progress.js";
import { FILE, STATUS, WINDOW } from "./strings.js";

/** @typedef {import("./main.js").Make} Make */
/** @typedef {import("./main.js").Source} Source */
/** @typedef {import("./main.js").Subject} Subject */
/** @typedef {import("../coin.js").Scan} Scan */
/** @typedef {import("../coin.js").ModelInfo} ModelInfo */

/** What a picture's greys may mean besides the model's own window, in HU. @type {Record<string, {name: string, window: [number, number]}>} */
const WINDOWS = {
  "soft-tissue": { name: WINDOW.softTissue, window: [-160, 240] },
  lung: { name: WINDOW.lung, window: [-1350, 150] },
  bone: { name: WINDOW.bone, window: [-450, 1050] },
};

/** An opened file. @implements {Source} */
export class ScanSource {
  /**
   * @param {Scan} scan
   * @param {Blob} blob
   * @param {string} name
   * @param {[number, number]} window
   * @param {{sample?: string, start?: number, credit?: string, caveat?: string}} [options]
   */
  constructor(scan, blob, name, window, { sample, start, credit, caveat } = {}) {
    this.scan = scan;
    this.blob = blob;
    this.name = name;
    this.window = window;
    this.sample = sample ?? null;
    this.start = start ?? Math.floor(scan.info.slices / 2);
    this.credit = credit ?? null;
    this.caveat = caveat ?? null;
    this.count = scan.info.slices;
  }

  /**
   * @param {number} index
   * @param {ModelInfo} _info
   * @param {AbortSignal} signal
   * @returns {Promise<Subject>}
   */
  async at(index, _info, signal) {
    const slice = await this.scan.slice(index, { signal });
    return { source: this, index, slice, truth: null, plain: slice, edited: false };
  }

  close() {
    this.scan.close();
  }
}

const sliceSlider = element("slice", HTMLInputElement);
const windowChoice = element("window", HTMLSelectElement);
const windowCustom = element("window-custom", HTMLElement);
const windowLow = element("window-low", HTMLInputElement);
const windowHigh = element("window-high", HTMLInputElement);
const dropHint = element("drop-hint", HTMLElement);

/** @type {ModelInfo["window"]} */
let modelWindow = [-100, 300];
/** @type {ScanSource | null} */
let shown = null;

/**
 * Lets the reader open files, move through a volume and say what a picture's greys mean.
 *
 * @param {(make: Make) => void} open
 */
export function acceptFiles(open) {
  const picker = element("file", HTMLInputElement);
  picker.addEventListener("change", () => {
    if (picker.files) openFirst(picker.files, open);
    picker.value = "";
  });

  addEventListener("dragover", (event) => {
    event.preventDefault();
    dropHint.hidden = !event.dataTransfer?.types.includes("Files");
  });
  addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) dropHint.hidden = true;
  });
  addEventListener("drop", (event) => {
    event.preventDefault();
    dropHint.hidden = true;
    if (event.dataTransfer?.files.length) openFirst(event.dataTransfer.files, open);
  });

  sliceSlider.addEventListener("input", () => {
    const source = shown;
    const index = sliceSlider.valueAsNumber;
    if (!source) return;
    showSliceNumber(index, source.count);
    open((info, signal) => source.at(index, info, signal));
  });

  windowChoice.addEventListener("change", () => {
    windowCustom.hidden = windowChoice.value !== "custom";
    if (windowCustom.hidden) reopen(WINDOWS[windowChoice.value]?.window ?? modelWindow, open);
  });
  for (const input of [windowLow, windowHigh]) {
    input.addEventListener("change", () => {
      const [low, high] = [windowLow.valueAsNumber, windowHigh.valueAsNumber];
      if (low < high) reopen([low, high], open);
      else announce(FILE.windowOrder);
    });
  }
}

/**
 * @param {FileList} files
 * @param {(make: Make) => void} open
 */
function openFirst(files, open) {
  const [file] = files;
  open(async (info, signal) => {
    const source = await openFile(file, file.name, info.window, signal);
    if (files.length > 1) announce(FILE.several);
    return source.at(source.start, info, signal);
  });
}

/**
 * @param {[number, number]} window
 * @param {(make: Make) => void} open
 */
function reopen(window, open) {
  const source = shown;
  if (!source) return;
  open(async (info, signal) => {
    const again = await openFile(source.blob, source.name, window, signal);
    return again.at(0, info, signal);
  });
}

/**
 * @param {Blob} blob
 * @param {string} name
 * @param {[number, number]} window
 * @param {AbortSignal} signal
 */
async function openFile(blob, name, window, signal) {
  progress(STATUS.opening(name));
  return new ScanSource(await openScan(blob, name, { window, signal }), blob, name, window);
}

/**
 * What is looked at, with the slice's number in a volume.
 *
 * @param {Subject} subject
 */
export function nameOf({ source, index }) {
  const count = source instanceof ScanSource ? source.count : 1;
  return count > 1 ? `${source.name}, ${FILE.sliceOf(index, count)}` : source.name;
}

/** @param {Subject} subject */
export function showName(subject) {
  element("source-name", HTMLElement).textContent = nameOf(subject);
}

/**
 * Shows the name and the controls that belong to what is looked at.
 *
 * @param {Subject} subject
 * @param {ModelInfo} info
 */
export function showSource(subject, info) {
  const { source, index } = subject;
  showName(subject);
  shown = source instanceof ScanSource ? source : null;
  modelWindow = info.window;
  const count = shown?.count ?? 1;
  element("slice-field", HTMLElement).hidden = count < 2;
  sliceSlider.max = String(count - 1);
  sliceSlider.value = String(index);
  showSliceNumber(index, count);
  element("window-field", HTMLElement).hidden = !shown?.scan.info.needsWindow;
  if (shown) showWindow(shown.window);
}

/** @param {[number, number]} window */
function showWindow(window) {
  const same = (/** @type {[number, number]} */ other) => other[0] === window[0] && other[1] === window[1];
  const named = Object.entries(WINDOWS);
  windowChoice.replaceChildren(
    new Option(WINDOW.model(modelWindow), "model"),
    ...named.map(([value, { name, window }]) => new Option(WINDOW.named(name, window), value)),
    new Option(WINDOW.custom, "custom"),
  );
  windowChoice.value = same(modelWindow) ? "model" : (named.find(([, { window }]) => same(window))?.[0] ?? "custom");
  windowCustom.hidden = windowChoice.value !== "custom";
  [windowLow.value, windowHigh.value] = window.map(String);
}

/**
 * @param {number} index
 * @param {number} count
 */
function showSliceNumber(index, count) {
  element("slice-number", HTMLOutputElement).value = FILE.sliceOf(index, count);
}
