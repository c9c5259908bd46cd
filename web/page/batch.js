/** Explains many cases one after the other and lists their results. */

import { EngineStopped, packFiles } from "../coin.js";
import { newResultsFolder, writeFiles, writesFolders } from "./batch-folder.js";
import { forgetAll, forgetCase, keepCase, keptCases } from "./batch-store.js";
import { casesOf } from "./cases.js";
import { csvOf, rounded } from "./csv.js";
import { create, element } from "./dom.js";
import { droppedFiles } from "./dropped.js";
import { save } from "./figure.js";
import { openStudy } from "./files.js";
import { loadPreference, savePreference } from "./preferences.js";
import { showNotice } from "./progress.js";
import { explainCase } from "./scan-summary.js";
import { BATCH, COMPONENTS, duration, probability, translated } from "./strings.js";
import { showTab, showViewer } from "./tabs.js";
import { Task } from "./task.js";
import { maskOptions } from "./threshold.js";

/** @typedef {import("./main.js").LoadInput} LoadInput */
/** @typedef {import("./cases.js").NamedFile} NamedFile */
/** @typedef {import("./scan-summary.js").ScanSummary} ScanSummary */

/**
 * @typedef {Object} BatchCase
 * @property {number} id
 * @property {string} label
 * @property {NamedFile[]} files
 * @property {"waiting" | "done" | "failed"} state
 * @property {string} reason of a failure
 * @property {ScanSummary[]} scans
 * @property {string[]} notes of the reader
 */

/** A row of the table: a scan of a case, or a case without results. @typedef {{of: BatchCase, scan: ScanSummary | null}} Row */

/** Columns that sort the table, by the id of their button. @type {Record<string, (row: Row) => string | number>} */
const SORTS = {
  case: ({ of, scan }) => scan?.label ?? of.label,
  slices: ({ scan }) => scan?.slices ?? -1,
  abnormal: ({ scan }) => scan?.abnormalSlices ?? -1,
  before: ({ scan }) => scan?.before ?? -1,
  after: ({ scan }) => scan?.after ?? -1,
  mask: ({ scan }) => scan?.maskMm3 ?? scan?.maskMm2 ?? scan?.maskVoxels ?? -1,
  components: ({ scan }) => scan?.components ?? -1,
  largest: ({ scan }) => scan?.largest?.longestMm ?? -1,
  warnings: ({ of, scan }) => (of.state === "failed" ? 3 : 0) + (scan?.otherModality ? 2 : 0) + (scan && scan.oodWarnings > 0 ? 1 : 0),
};

const task = new Task("batch-start", "batch");
const body = element("batch-rows", HTMLTableSectionElement);
const keep = element("batch-keep", HTMLInputElement);
const removeAll = element("batch-remove", HTMLButtonElement);
const saves = { table: element("batch-save-table", HTMLButtonElement), masks: element("batch-save-masks", HTMLButtonElement) };
const chooseResults = element("batch-results-folder", HTMLButtonElement);
const written = element("batch-results-written", HTMLElement);

/** @type {BatchCase[]} */
let cases = [];
let lastId = 0;
/** The folder into which results are written as they come. @type {Awaited<ReturnType<typeof newResultsFolder>>} */
let resultsFolder = null;
/** Ends when all results are written. @type {Promise<void>} */
let writing = Promise.resolve();
/** The case that is being explained, and the controller that interrupts it. @type {{id: number, controller: AbortController} | null} */
let running = null;
let sort = { by: "", descending: false };
/** Shows an error. @type {(error: unknown) => void} */
let showError = () => {};

/**
 * Sets up the batch.
 *
 * @param {() => Promise<import("../coin.js").Explainer>} explainerOf the explainer of the chosen model
 * @param {(load: LoadInput) => void} open shows a slice
 * @param {(error: unknown) => void} onError
 */
export async function initBatch(explainerOf, open, onError) {
  showError = onError;
  for (const id of ["batch-folder", "batch-files"]) {
    const picker = element(id, HTMLInputElement);
    picker.addEventListener("change", () => {
      addToBatch([...(picker.files ?? [])].map((source) => ({ source, name: source.webkitRelativePath || source.name })));
      picker.value = "";
    });
  }
  element("batch-start", HTMLButtonElement).addEventListener("click", () => task.run((signal) => explainWaiting(explainerOf, signal), BATCH.paused));
  removeAll.addEventListener("click", () => remove(cases));
  saves.table.addEventListener("click", () => save(new Blob([tableOf(rows())], { type: "text/csv" }), "coin-scans.csv"));
  saves.masks.addEventListener("click", () => saveMasks().catch(showError));
  chooseResults.hidden = !writesFolders;
  chooseResults.addEventListener("click", () => writeIntoFolder().catch(showError));
  for (const by of Object.keys(SORTS)) element(`batch-sort-${by}`, HTMLButtonElement).addEventListener("click", () => sortBy(by));
  body.addEventListener("click", ({ target }) => {
    const button = target instanceof Element && target.closest("button");
    const row = button && shown[Number(button.dataset.row)];
    if (!row) return;
    if (button.dataset.action === "remove") remove([row.of]);
    else openRow(row, open);
  });
  keep.checked = loadPreference("batch") === "kept";
  keep.addEventListener("change", () => {
    savePreference("batch", keep.checked ? "kept" : "");
    keepOrForget().catch(showError);
  });
  if (!keep.checked) return;
  // Some may have been added meanwhile.
  cases = [...(await keptCases()), ...cases];
  cases.forEach(nameFolders);
  render();
}

/** Whether there are cases that are lost when the page closes. */
export function hasUnkeptCases() {
  return !keep.checked && cases.length > 0;
}

/** A number that no case has, of another tab neither; later cases have larger ones. */
function newId() {
  lastId = Math.max(lastId + 1, 1000 * Date.now() + Math.floor(1000 * Math.random()));
  return lastId;
}

/**
 * Adds files to the batch, and shows it.
 *
 * @param {NamedFile[]} files
 */
export function addToBatch(files) {
  const added = casesOf(files).map(({ label, files }) => /** @type {BatchCase} */ ({ id: newId(), label, files, state: "waiting", reason: "", scans: [], notes: [] }));
  cases = [...cases, ...added];
  showTab("tab-batch");
  render();
  if (keep.checked) keepAll(added).catch(showError);
}

/**
 * Adds dropped files and folders to the batch.
 *
 * @param {DataTransfer} transfer
 */
export async function dropOnBatch(transfer) {
  addToBatch(await droppedFiles(transfer));
}

/**
 * Explains the waiting cases.
 *
 * @param {() => Promise<import("../coin.js").Explainer>} explainerOf
 * @param {AbortSignal} signal
 */
async function explainWaiting(explainerOf, signal) {
  const start = performance.now();
  const ended = { done: 0, failed: 0 };
  for (let next = firstWaiting(); next; next = firstWaiting()) {
    signal.throwIfAborted();
    const explainer = await explainerOf();
    const one = next;
    const controller = new AbortController();
    running = { id: one.id, controller };
    const both = AbortSignal.any([signal, controller.signal]);
    render();
    const done = () => cases.filter(({ state }) => state !== "waiting").length;
    const onSlice = (/** @type {number} */ slices, /** @type {number} */ all) => task.progress(BATCH.progress(done() + 1, cases.length, one.label, slices, all), done() + slices / all, cases.length);
    task.progress(BATCH.opening(done() + 1, cases.length, one.label), done(), cases.length);
    try {
      Object.assign(one, await explainCase(one, explainer, maskOptions(), { signal: both, onSlice }), { state: "done" });
      nameFolders(one);
      ended.done += 1;
    } catch (error) {
      // Cancelling in the viewer stops the workers of an engine: the case starts again.
      const interrupted = both.aborted || (error instanceof EngineStopped && error.cause === undefined);
      if (!interrupted) {
        Object.assign(one, { state: "failed", reason: translated(error instanceof Error ? error.message : String(error)) });
        ended.failed += 1;
      }
    } finally {
      running = null;
      render();
    }
    if (!cases.includes(one)) continue;
    if (keep.checked) await keepAll([one]);
    if (one.state === "done") await writeResults([one]);
  }
  return BATCH.done(ended.done, ended.failed, duration(performance.now() - start));
}

function firstWaiting() {
  return cases.find(({ state }) => state === "waiting");
}

/** Removes cases; a running one is interrupted. @param {BatchCase[]} removed */
function remove(removed) {
  if (running && removed.some(({ id }) => id === running?.id)) running.controller.abort();
  cases = cases.filter((one) => !removed.includes(one));
  render();
  writeResults([]);
  if (!keep.checked) return;
  const forgotten = cases.length === 0 ? forgetAll() : Promise.all(removed.map(({ id }) => forgetCase(id)));
  forgotten.catch(showError);
}

async function keepOrForget() {
  if (keep.checked) await keepAll(cases);
  else await forgetAll();
}

/** Keeps cases in the browser; if it has no room, nothing is kept. @param {BatchCase[]} changed */
async function keepAll(changed) {
  try {
    // Cases can be removed, and keeping them ended, meanwhile.
    for (const one of changed) if (keep.checked && cases.includes(one)) await keepCase(one);
  } catch (error) {
    keep.checked = false;
    await forgetAll().catch(() => {});
    showNotice(BATCH.notKept(error instanceof Error ? error.message : String(error)));
  }
}

/** The rows that the table shows, in its order. @type {Row[]} */
let shown = [];

/** @returns {Row[]} */
function rows() {
  /** @type {Row[]} */
  const all = cases.flatMap((of) => [...of.scans, ...(of.scans.length > 0 ? [] : [null])].map((scan) => ({ of, scan })));
  const value = SORTS[sort.by];
  if (!value) return all;
  const compared = all.sort((a, b) => {
    const [x, y] = [value(a), value(b)];
    return typeof x === "string" && typeof y === "string" ? x.localeCompare(y, undefined, { numeric: true }) : Number(x) - Number(y);
  });
  return sort.descending ? compared.reverse() : compared;
}

/** Sorts by a column; the same one again reverses the order. @param {string} by */
function sortBy(by) {
  // The largest values are of interest first.
  sort = sort.by === by ? { by, descending: !sort.descending } : { by, descending: by !== "case" };
  for (const name of Object.keys(SORTS)) {
    const header = element(`batch-sort-${name}`, HTMLButtonElement).closest("th");
    if (header) header.ariaSort = name !== by ? "none" : sort.descending ? "descending" : "ascending";
  }
  render();
}

function render() {
  shown = rows();
  const focused = document.activeElement instanceof HTMLElement && body.contains(document.activeElement) ? document.activeElement.dataset : null;
  body.replaceChildren(...shown.map(rowOf));
  const row = body.rows[Math.min(Number(focused?.row), shown.length - 1)];
  for (const button of row?.querySelectorAll("button") ?? []) if (button.dataset.action === focused?.action) button.focus();
  element("batch-results", HTMLElement).hidden = cases.length === 0;
  const done = cases.some(({ scans }) => scans.length > 0);
  for (const button of Object.values(saves)) button.disabled = !done;
  removeAll.disabled = cases.length === 0;
  task.enable(firstWaiting() !== undefined);
}

/**
 * @param {Row} row
 * @param {number} index
 */
function rowOf({ of, scan }, index) {
  const label = scan?.label ?? of.label;
  const button = (/** @type {string} */ text, /** @type {string} */ action, name = text) => {
    const made = create("button", { type: "button", ariaLabel: name }, text);
    Object.assign(made.dataset, { row: String(index), action });
    return made;
  };
  const cells = scan
    ? [String(scan.slices), String(scan.abnormalSlices), probability(scan.before), probability(scan.after), maskSize(scan), String(scan.components), largestOf(scan), warningsOf(of, scan)]
    : ["", "", "", "", "", "", "", of.id === running?.id ? BATCH.running : of.state === "failed" ? of.reason : BATCH.waiting];
  const remove = create("td", {}, button("\u00d7", "remove", BATCH.remove(label)));
  return create("tr", {}, create("th", { scope: "row" }, button(label, "open")), ...cells.map((text) => create("td", {}, text)), remove);
}

/** Volume or area of the mask. @param {ScanSummary} scan */
function maskSize({ maskMm3, maskMm2, maskVoxels }) {
  if (maskMm3 !== null) return COMPONENTS.volume(maskMm3);
  return maskMm2 !== null ? COMPONENTS.area(maskMm2) : COMPONENTS.pixels(maskVoxels);
}

/** Volume and diameters of the largest component. @param {ScanSummary} scan */
function largestOf({ largest }) {
  const { mm3, longestMm, perpendicularMm } = largest ?? { mm3: null, longestMm: null, perpendicularMm: null };
  const diameters = longestMm !== null && perpendicularMm !== null ? COMPONENTS.diameters(longestMm, perpendicularMm) : "";
  return [mm3 !== null ? COMPONENTS.volume(mm3) : "", diameters].filter(Boolean).join(", ");
}

/**
 * @param {BatchCase} of
 * @param {ScanSummary} scan
 */
function warningsOf({ notes }, { otherModality, oodWarnings }) {
  return [otherModality ? BATCH.otherModality(otherModality) : "", oodWarnings > 0 ? BATCH.ood(oodWarnings) : "", ...notes].filter(Boolean).join("; ");
}

/**
 * Opens a row in the viewer, at the key slice of the largest component.
 *
 * @param {Row} row
 * @param {(load: LoadInput) => void} open
 */
function openRow({ of, scan }, open) {
  showViewer();
  open(async (info, signal) => {
    const start = scan ? (scan.largest?.keySlice ?? scan.slice) : undefined;
    const { source } = await openStudy(of.files, info.window, signal, { series: scan?.series ?? 0, start });
    return source.load(source.start, info, signal);
  });
}

/** The table as CSV, with the columns of the program `explain`. @param {Row[]} rows */
function tableOf(rows) {
  const scans = rows.flatMap(({ scan }) => (scan ? [scan] : []));
  const measure = (/** @type {number | null | undefined} */ value) => (value === null || value === undefined ? null : rounded(value));
  return csvOf(
    scans.map(({ label, model, maskRule, largest, ...scan }) => ({
      scan: label,
      model,
      // Batches of earlier versions have no source.
      mask_from: maskRule.source ?? "difference",
      threshold: maskRule.threshold,
      slices: scan.slices,
      abnormal_slices: scan.abnormalSlices,
      most_abnormal_slice: scan.slice + 1,
      before: scan.before,
      after: scan.after,
      temperature: scan.temperature,
      mask_mm3: measure(scan.maskMm3),
      mask_mm2: measure(scan.maskMm2),
      mask_voxels: scan.maskVoxels,
      components: scan.components,
      largest_key_slice: largest && largest.keySlice + 1,
      largest_mm3: measure(largest?.mm3),
      largest_longest_mm: measure(largest?.longestMm),
      largest_perpendicular_mm: measure(largest?.perpendicularMm),
      ood_warnings: scan.oodWarnings,
      other_modality: scan.otherModality !== null,
      seconds: scan.seconds,
    })),
  );
}

/** Saves the masks of all scans and the table in an archive. */
async function saveMasks() {
  save(new Blob([await packFiles(resultFiles(cases))], { type: "application/zip" }), "coin-masks.zip");
}

/** Asks for a folder, and writes the results there, also those to come. */
async function writeIntoFolder() {
  const folder = await newResultsFolder();
  if (!folder) return;
  resultsFolder = folder;
  written.textContent = BATCH.writtenTo(folder.path);
  await writeResults(cases);
}

/**
 * Writes the results of cases and the table of all into the chosen folder, after what is being written.
 *
 * @param {BatchCase[]} changed
 */
function writeResults(changed) {
  const folder = resultsFolder;
  const write = async () => {
    // The table is that of now, not of when this was asked for.
    if (folder && folder === resultsFolder && shown.some(({ scan }) => scan)) await writeFiles(folder.handle, resultFiles(changed));
  };
  writing = writing.then(write).catch((error) => {
    if (!folder || folder !== resultsFolder) return;
    resultsFolder = null;
    written.textContent = "";
    showNotice(BATCH.notWritten(folder.path, error instanceof Error ? error.message : String(error)));
  });
  return writing;
}

/** Longest name of a scan's folder, in characters. */
const LONGEST_NAME = 80;

/** Names that Windows keeps for devices. */
const RESERVED = /^(con|prn|aux|nul|com\d|lpt\d)$/i;

/** Gives the scans of a case folders of their own for their results. @param {BatchCase} one */
function nameFolders(one) {
  const taken = new Set(cases.flatMap(({ scans }) => scans.flatMap(({ folder }) => folder?.toLowerCase() ?? [])));
  for (const scan of one.scans) {
    if (scan.folder) continue;
    const plain = scan.label.normalize("NFC").replace(/[^\p{L}\p{N}_-]+/gu, "-").replace(/^-+|-+$/g, "");
    const name = RESERVED.test(plain) ? `scan-${plain}` : plain.slice(0, LONGEST_NAME) || "scan";
    scan.folder = name;
    for (let i = 2; taken.has(scan.folder.toLowerCase()); i++) scan.folder = `${name}-${i}`;
    taken.add(scan.folder.toLowerCase());
  }
}

/**
 * The masks of cases, a folder for each scan, and the table of all.
 *
 * @param {BatchCase[]} wanted
 */
function resultFiles(wanted) {
  const masks = wanted.flatMap(({ scans }) => scans.flatMap(({ folder, masks }) => masks.map(({ name, content }) => ({ name: `${folder}/${name}`, content }))));
  return [...masks, { name: "scans.csv", content: new TextEncoder().encode(tableOf(rows())) }];
}
