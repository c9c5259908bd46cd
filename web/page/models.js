import { create, element } from "./dom.js";
import { download } from "./download.js";
import { MODEL, decimals } from "./strings.js";

/** @typedef {{name: string, title: string, file: string, bytes: number}} ModelEntry a line of models/index.json */
/** @typedef {import("../coin.js").ModelInfo} ModelInfo */

const chooser = element("model", HTMLSelectElement);

/**
 * Fills the chooser.
 *
 * @param {ModelEntry[]} entries
 * @param {(entry: ModelEntry) => void} choose
 */
export function offerModels(entries, choose) {
  chooser.replaceChildren(...entries.map(({ title, name }) => new Option(title, name)));
  chooser.addEventListener("change", () => choose(entries[chooser.selectedIndex]));
}

/**
 * @param {ModelEntry} entry
 * @param {(received: number, total: number) => void} onProgress
 * @param {AbortSignal} signal
 */
export async function downloadModel({ title, file, bytes }, onProgress, signal) {
  const blob = await download(`models/${file}`, title, (received) => onProgress(received, bytes), signal);
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
export function showModel({ size, window, threshold, licence, data, results }) {
  const { slices, classifier, methods } = results ?? {};
  const { iou, iou_mean, iou_mean_ci95, ceiling_iou, dice, cv } = methods?.coin ?? {};
  /** @type {[string, string | null][]} */
  const facts = [
    [MODEL.iou, known(iou, (iou) => MODEL.iouOf(iou, threshold))],
    [MODEL.iouMean, known(iou_mean, decimals)],
    [MODEL.interval, known(iou_mean_ci95, ([low, high]) => MODEL.intervalOf(low, high))],
    [MODEL.ceiling, known(ceiling_iou, decimals)],
    [MODEL.dice, known(dice, decimals)],
    [MODEL.cv, known(cv, decimals)],
    [MODEL.auroc, known(classifier?.auroc, decimals)],
    [MODEL.slices, known(slices, ({ total, abnormal }) => MODEL.slicesOf(total, abnormal))],
    [MODEL.data, data],
    [MODEL.window, MODEL.windowOf(window)],
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
