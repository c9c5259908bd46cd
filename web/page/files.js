import { openScans } from "../coin.js";
import { element } from "./dom.js";
import { droppedFiles } from "./dropped.js";
import { ownModel } from "./models.js";
import { showMarks } from "./panes.js";
import { announce, progress } from "./progress.js";
import { FILE, STATUS, WINDOW } from "./strings.js";
import { unitOf } from "./units.js";
import { WINDOWS, windowOptions } from "./windows.js";

/** @typedef {import("./main.js").Make} Make */
/** @typedef {import("./main.js").Source} Source */
/** @typedef {import("./main.js").Subject} Subject */
/** @typedef {import("../coin.js").Scan} Scan */
/** @typedef {import("../coin.js").ModelInfo} ModelInfo */

/**
 * Files that were opened together, and what they hold.
 *
 * @typedef {Object} Study
 * @property {{source: Blob, name: string}[]} files
 * @property {[number, number]} window what the greys of pictures mean
 * @property {Scan[]} scans
 * @property {number} users sources that show one of the scans
 */

/** @typedef {{name?: string, sample?: string, start?: number, credit?: string, caveat?: string}} Introduction what is said of a scan, and the slice that is seen first */

/** One scan of a study. @implements {Source} */
export class ScanSource {
  /**
   * @param {Study} study
   * @param {number} series which of its scans
   * @param {Introduction} [introduction]
   */
  constructor(study, series, { name, sample, start, credit, caveat } = {}) {
    this.study = study;
    this.hold();
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
   * @param {number} index
   * @param {ModelInfo} _info
   * @param {AbortSignal} signal
   * @returns {Promise<Subject>}
   */
  async at(index, _info, signal) {
    const slice = await this.scan.slice(index, { signal });
    return { source: this, index, slice, truth: null, plain: slice, edited: false };
  }

  /** Keeps the study open until one more {@link ScanSource.close}. */
  hold() {
    this.study.users += 1;
  }

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

/** @type {ModelInfo["window"]} */
let modelWindow = [-100, 300];
/** Of the intensities that are shown. */
let unit = "HU";
/** @type {ScanSource | null} */
let shown = null;

/**
 * Lets the reader open files, move through a volume and say what a picture's greys mean.
 *
 * @param {(make: Make) => void} open
 * @param {(model: import("./models.js").ModelEntry) => void} openModel
 */
export function acceptFiles(open, openModel) {
  const openTogether = (/** @type {{source: File, name: string}[]} */ files) => {
    const model = ownModel(files);
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
  });
  addEventListener("dragleave", (event) => {
    if (!event.relatedTarget) dropHint.hidden = true;
  });
  addEventListener("drop", (event) => {
    event.preventDefault();
    dropHint.hidden = true;
    // What was dropped is gone once this event is.
    const dropped = event.dataTransfer && droppedFiles(event.dataTransfer);
    dropped?.then(
      openTogether,
      (error) => announce(FILE.unreadable(error)),
    );
  });

  seriesChoice.addEventListener("change", () => {
    const source = shown;
    if (!source) return;
    open((info, signal) => {
      const chosen = new ScanSource(source.study, Number(seriesChoice.value));
      return chosen.at(chosen.start, info, signal);
    });
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
 * @param {{source: File, name: string}[]} files
 * @param {(make: Make) => void} open
 */
function openImages(files, open) {
  if (files.length === 0) return;
  open(async (info, signal) => {
    const { source, notes } = await openStudy(files, info.window, signal);
    const subject = await source.at(source.start, info, signal);
    if (notes.length > 0) announce(FILE.notes(notes));
    return subject;
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
    const again = await openStudy(source.study.files, window, signal, { series: source.series });
    return again.source.at(sliceSlider.valueAsNumber || 0, info, signal);
  });
}

/**
 * @param {{source: Blob, name: string}[]} files
 * @param {[number, number]} window
 * @param {AbortSignal} signal
 * @param {Introduction & {series?: number}} [shown] the series to show, and what is said of it
 */
export async function openStudy(files, window, signal, { series = 0, ...introduction } = {}) {
  progress(STATUS.opening(files.length === 1 ? files[0].name : FILE.count(files.length)));
  const { scans, notes } = await openScans(files, { window, signal });
  const source = new ScanSource({ files, window, scans, users: 0 }, series, introduction);
  const ofSeries = scans.flatMap(({ info }, i) => info.notes.map((note) => (scans.length > 1 ? FILE.ofSeries(i + 1, note) : note)));
  return { source, notes: [...notes, ...ofSeries] };
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
  unit = unitOf(info, shown?.scan);
  const count = shown?.count ?? 1;
  element("slice-field", HTMLElement).hidden = count < 2;
  sliceSlider.max = String(count - 1);
  sliceSlider.value = String(index);
  showSliceNumber(index, count);
  showSeries(shown);
  showMarks(shown?.scan.info.isOriented ?? false);
  element("window-field", HTMLElement).hidden = !(unit && shown?.scan.info.needsWindow);
  if (shown) showWindow(shown.study.window);
}

/**
 * The volume that is shown, if it is one.
 *
 * @param {Source} source
 */
export function volumeOf(source) {
  return source instanceof ScanSource && source.count > 1 ? source : null;
}

/** @param {ScanSource | null} source */
function showSeries(source) {
  const scans = source?.study.scans ?? [];
  element("series-field", HTMLElement).hidden = scans.length < 2;
  seriesChoice.replaceChildren(...scans.map(({ info }, i) => new Option(FILE.series(i + 1, info), String(i))));
  seriesChoice.value = String(source?.series ?? 0);
}

/** @param {[number, number]} window */
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
