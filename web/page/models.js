import { create, element } from "./dom.js";
import { download } from "./download.js";
import { MODEL, decimals } from "./strings.js";

/**
 * A line of models/index.json, or a file of the reader's own.
 *
 * @typedef {{name: string, title: string, file: string, bytes: number, own?: Blob}} ModelEntry
 */
/** @typedef {import("../coin.js").ModelInfo} ModelInfo */

const chooser = element("model", HTMLSelectElement);

/** Model files end like this. */
const ENDING = ".safetensors";

/** @param {(name: string) => void} choose */
export function acceptModelChoice(choose) {
  chooser.addEventListener("change", () => choose(chooser.value));
}

/**
 * Fills the chooser.
 *
 * @param {ModelEntry[]} entries
 */
export function offerModels(entries) {
  chooser.replaceChildren(...modelOptions(entries));
}

/** @param {ModelEntry[]} entries */
export function modelOptions(entries) {
  return entries.map(({ title, name }) => new Option(title, name));
}

/**
 * The model among files that were dropped or chosen, as an entry.
 *
 * @param {{source: Blob, name: string}[]} files
 * @returns {ModelEntry | null}
 */
export function ownModel(files) {
  const found = files.find(({ name }) => name.toLowerCase().endsWith(ENDING));
  if (!found) return null;
  const { name, source } = found;
  return { name: MODEL.own(name), title: MODEL.own(name), file: name, bytes: source.size, own: source };
}

/**
 * @param {ModelEntry} entry
 * @param {(received: number, total: number) => void} onProgress
 * @param {AbortSignal} signal
 */
export async function bytesOfModel({ title, file, bytes, own }, onProgress, signal) {
  const blob = own ?? (await download(`models/${file}`, title, (received) => onProgress(received, bytes), signal));
  return new Uint8Array(await blob.arrayBuffer());
}

/** @param {string} name of the model that is in use */
export function markModel(name) {
  chooser.value = name;
}

/**
 * The anomalies that a model knows; without a word about it, the paper's.
 *
 * @param {ModelInfo} info
 */
export function anomalyOf({ anomaly, window }) {
  return { diameterMm: anomaly?.diameter_mm, window };
}

/** @param {ModelInfo} info */
export function showModel({ size, window, unit, modality, finding, threshold, seedThreshold, licence, data, results, limits }) {
  const { slices, classifier, methods } = results ?? {};
  const { iou, iou_ci95, iou_mean, iou_mean_ci95, ceiling_iou, dice, cv } = methods?.coin ?? {};
  /** @type {[string, string | null][]} */
  const facts = [
    [MODEL.iou, known(iou, (iou) => MODEL.iouOf(iou, threshold))],
    [MODEL.interval, known(iou_ci95, ([low, high]) => MODEL.intervalOf(low, high))],
    [MODEL.iouMean, known(iou_mean, decimals)],
    [MODEL.interval, known(iou_mean_ci95, ([low, high]) => MODEL.intervalOf(low, high))],
    [MODEL.ceiling, known(ceiling_iou, decimals)],
    [MODEL.dice, known(dice, decimals)],
    [MODEL.cv, known(cv, decimals)],
    [MODEL.auroc, known(classifier?.auroc, decimals)],
    [MODEL.slices, known(slices, ({ total, abnormal }) => MODEL.slicesOf(total, abnormal))],
    [MODEL.seedThreshold, seedThreshold > 0 ? MODEL.seedThresholdOf(seedThreshold) : null],
    [MODEL.limits, limits],
    [MODEL.data, data],
    [MODEL.finding, finding],
    [MODEL.modality, modality],
    [MODEL.window, unit ? MODEL.windowOf(window, unit) : null],
    [MODEL.grid, MODEL.gridOf(size)],
    [MODEL.licence, licence],
  ];
  element("model-facts", HTMLElement).replaceChildren(
    ...facts.flatMap(([name, value]) => (value ? [create("dt", {}, name), create("dd", {}, value)] : [])),
  );
}

/**
 * @template T
 * @param {T | null | undefined} value
 * @param {(value: T) => string} words
 */
function known(value, words) {
  return value === null || value === undefined ? null : words(value);
}
