import { openScans } from "../coin.js";
import { create, element } from "./dom.js";
import { droppedFiles } from "./dropped.js";
import { ownModel } from "./models.js";
import { showOrientation } from "./panes.js";
import { progress, showNotice } from "./progress.js";
import { EXPORT, FILE, STATUS, WINDOW } from "./strings.js";
import { showViewer } from "./tabs.js";
import { chooseTool, chosenTool } from "./tools.js";
import { unitOf } from "./units.js";
import { WINDOWS, windowOptions } from "./windows.js";

/** @typedef {import("./main.js").LoadInput} LoadInput */
/** @typedef {import("./main.js").ImageSource} ImageSource */
/** @typedef {import("./main.js").InputSlice} InputSlice */
/** @typedef {import("../coin.js").Scan} Scan */
/** @typedef {import("../coin.js").ModelInfo} ModelInfo */

/**
 * Files that were opened together, and their scans.
 *
 * @typedef {Object} Study
 * @property {{source: Blob, name: string}[]} files
 * @property {[number, number]} window HU of black and white in images without HU
 * @property {Scan[]} scans
 * @property {number} users reference count of the scans
 */

/** @typedef {{name?: string, sample?: string, start?: number, credit?: string, caveat?: string}} ScanOptions display name, sample and first slice of a scan */

/** A scan of a study. @implements {ImageSource} */
export class ScanSource {
  /**
   * @param {Study} study
   * @param {number} series index of the scan
   * @param {ScanOptions} [options]
   */
  constructor(study, series, { name, sample, start, credit, caveat } = {}) {
    this.study = study;
    this.retain();
    this.series = series;
    this.scan = study.scans[series];
    this.name = name ?? this.scan.info.name;
    this.sample = sample ?? null;
    this.start = start ?? Math.floor(this.scan.info.slices / 2);
    this.credit = credit ?? null;
    this.caveat = caveat ?? null;
    this.count = this.scan.info.slices;
  }

  /**
   * Reads a slice.
   *
   * @param {number} index
   * @param {ModelInfo} info
   * @param {AbortSignal} signal
   * @returns {Promise<InputSlice>}
   */
  async load(index, { casePercentiles }, signal) {
    const slice = await this.scan.slice(index, { percentiles: casePercentiles, signal });
    return { source: this, index, slice, truth: null, plain: slice, edited: false };
  }

  /** Adds a reference to the study; {@link ScanSource.close} releases it. */
  retain() {
    this.study.users += 1;
  }

  /** Releases the reference to the study; the last one closes its scans. */
  close() {
    this.study.users -= 1;
    if (this.study.users <= 0) for (const scan of this.study.scans) scan.close();
  }
}

const sliceSlider = element("slice", HTMLInputElement);
const seriesChoice = element("series", HTMLSelectElement);
const windowChoice = element("window", HTMLSelectElement);
const windowCustom = element("window-custom", HTMLElement);
const windowLow = element("window-low", HTMLInputElement);
const windowHigh = element("window-high", HTMLInputElement);
const dropHint = element("drop-hint", HTMLElement);
const dropTargets = [...dropHint.querySelectorAll("[data-drop]")].filter((target) => target instanceof HTMLElement);

/** Set with the first slice. @type {ModelInfo["window"]} */
let modelWindow = [0, 255];
/** Unit of the shown intensities; may be empty. */
let unit = "HU";
/** The source of the shown slice. @type {ScanSource | null} */
let shownSource = null;

/**
 * Sets up opening files and models, and the controls for series, slice and HU range.
 *
 * @param {(load: LoadInput) => void} open
 * @param {(model: import("./models.js").ModelEntry) => void} openModel
 * @param {(transfer: DataTransfer) => Promise<void>} openBatch
 */
export function initFiles(open, openModel, openBatch) {
  const openTogether = (/** @type {{source: File, name: string}[]} */ files) => {
    const model = ownModel(files);
    showViewer();
    if (model) openModel(model);
    else openImages(files, open);
  };
  const picker = element("file", HTMLInputElement);
  picker.addEventListener("change", () => {
    if (picker.files) openTogether([...picker.files].map((source) => ({ source, name: source.name })));
    picker.value = "";
  });

  addEventListener("dragover", (event) => {
    event.preventDefault();
    dropHint.hidden = !event.dataTransfer?.types.includes("Files");
    for (const target of dropTargets) target.classList.toggle("chosen", target === (targetOf(event) ?? dropTargets[0]));
  });
  addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) dropHint.hidden = true;
  });
  addEventListener("drop", (event) => {
    event.preventDefault();
    dropHint.hidden = true;
    if (!event.dataTransfer) return;
    // The dropped items are only accessible during the event.
    const opened = targetOf(event)?.dataset.drop === "batch" ? openBatch(event.dataTransfer) : droppedFiles(event.dataTransfer).then(openTogether);
    opened.catch((error) => showNotice(FILE.unreadable(error)));
  });

  seriesChoice.addEventListener("change", () => {
    const source = shownSource;
    if (!source) return;
    const series = Number(seriesChoice.value);
    open((info, signal) => {
      const chosen = new ScanSource(source.study, series);
      return chosen.load(chosen.start, info, signal);
    });
  });

  sliceSlider.addEventListener("input", () => {
    const source = shownSource;
    const index = sliceSlider.valueAsNumber;
    if (!source) return;
    showSliceNumber(index, source.count);
    open((info, signal) => source.load(index, info, signal));
  });

  windowChoice.addEventListener("change", () => {
    windowCustom.hidden = windowChoice.value !== "custom";
    if (windowCustom.hidden) reopen(WINDOWS[windowChoice.value]?.window ?? modelWindow, open);
  });
  for (const input of [windowLow, windowHigh]) {
    input.addEventListener("change", () => {
      const [low, high] = [windowLow.valueAsNumber, windowHigh.valueAsNumber];
      if (low < high) reopen([low, high], open);
      else showNotice(FILE.windowOrder);
    });
  }
}

/** Where files are dragged to. @param {DragEvent} event */
function targetOf({ target }) {
  return dropTargets.find((known) => target instanceof Node && known.contains(target));
}

/**
 * Opens image files and shows their first scan.
 *
 * @param {{source: File, name: string}[]} files
 * @param {(load: LoadInput) => void} open
 */
function openImages(files, open) {
  if (files.length === 0) return;
  open(async (info, signal) => {
    const { source, notes } = await openStudy(files, info.window, signal);
    const input = await source.load(source.start, info, signal);
    if (notes.length > 0) showNotice(FILE.notes(notes));
    return input;
  });
}

/**
 * Opens the shown files again with another HU range.
 *
 * @param {[number, number]} window
 * @param {(load: LoadInput) => void} open
 */
function reopen(window, open) {
  const source = shownSource;
  if (!source) return;
  open(async (info, signal) => {
    const reopened = await openStudy(source.study.files, window, signal, { series: source.series });
    return reopened.source.load(sliceSlider.valueAsNumber || 0, info, signal);
  });
}

/**
 * Opens files that belong together.
 *
 * @param {{source: Blob, name: string}[]} files
 * @param {[number, number]} window HU of black and white in images without HU
 * @param {AbortSignal} signal
 * @param {ScanOptions & {series?: number}} [options] `series`: index of the scan to show
 */
export async function openStudy(files, window, signal, { series = 0, ...options } = {}) {
  progress(STATUS.opening(files.length === 1 ? files[0].name : FILE.count(files.length)));
  const { scans, notes } = await openScans(files, { window, signal });
  const source = new ScanSource({ files, window, scans, users: 0 }, series, options);
  const ofSeries = scans.flatMap(({ info }, i) => info.notes.map((note) => (scans.length > 1 ? FILE.ofSeries(i + 1, note) : note)));
  return { source, notes: [...notes, ...ofSeries] };
}

/**
 * Name of the source, with the slice number in a volume.
 *
 * @param {InputSlice} input
 */
export function nameOf({ source, index }) {
  const count = source instanceof ScanSource ? source.count : 1;
  return count > 1 ? `${source.name}, ${FILE.sliceOf(index, count)}` : source.name;
}

/**
 * Shows the name of the source and the series' description above the input; what follows them is never cut off.
 *
 * @param {InputSlice} input
 */
export function showName(input) {
  const { name, scan } = input.source;
  const description = scan?.info.description;
  const described = description ? `${name} · ${description}` : name;
  const rest = [nameOf(input).slice(name.length), input.edited && input.truth ? `, ${EXPORT.inserted}` : ""].join("");
  const shown = element("source-name", HTMLElement);
  shown.replaceChildren(create("span", {}, described), rest);
  shown.title = described;
}

/**
 * Shows name and controls of a slice's source.
 *
 * @param {InputSlice} input
 * @param {ModelInfo} info
 * @param {boolean} isPassing another slice is already asked for
 */
export function showSource(input, info, isPassing) {
  const { source, index } = input;
  showName(input);
  const scan = source instanceof ScanSource ? source : null;
  // A click on an image of the user must not change it.
  if (scan && !scan.sample && scan.study.files !== shownSource?.study.files && chosenTool() === "insert") chooseTool("pan");
  const keepsControls = isPassing && scan === shownSource;
  shownSource = scan;
  modelWindow = info.window;
  unit = unitOf(info, shownSource?.scan);
  const count = shownSource?.count ?? 1;
  element("slice-field", HTMLElement).hidden = count < 2;
  sliceSlider.max = String(count - 1);
  // They show what was asked for last, from which the next step counts.
  if (!keepsControls) {
    sliceSlider.value = String(index);
    showSliceNumber(index, count);
    showSeries(shownSource);
  }
  showOrientation(shownSource?.scan.info.isOriented ?? false);
  element("window-field", HTMLElement).hidden = !(unit && shownSource?.scan.info.needsWindow);
  if (shownSource) showWindow(shownSource.study.window);
}

/**
 * The source, if it is a volume.
 *
 * @param {ImageSource} source
 */
export function volumeOf(source) {
  return source instanceof ScanSource && source.count > 1 ? source : null;
}

/** Lists the series of a study. @param {ScanSource | null} source */
function showSeries(source) {
  const scans = source?.study.scans ?? [];
  element("series-field", HTMLElement).hidden = scans.length < 2;
  seriesChoice.replaceChildren(...scans.map(({ info }, i) => new Option(FILE.series(i + 1, info), String(i))));
  seriesChoice.value = String(source?.series ?? 0);
}

/** Lists the HU ranges and selects one. @param {[number, number]} window */
function showWindow(window) {
  const same = (/** @type {[number, number]} */ other) => other[0] === window[0] && other[1] === window[1];
  windowChoice.replaceChildren(...windowOptions(modelWindow, unit), new Option(WINDOW.custom, "custom"));
  windowChoice.value = same(modelWindow) ? "model" : (Object.entries(WINDOWS).find(([, { window }]) => same(window))?.[0] ?? "custom");
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
