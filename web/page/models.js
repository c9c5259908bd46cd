import { create, element } from "./dom.js";
import { download } from "./download.js";
import { MODEL, metric } from "./strings.js";

/**
 * An entry of models/index.json, or a model file of the user (`own`).
 *
 * @typedef {{name: string, title: string, file: string, bytes: number, own?: Blob}} ModelEntry
 */
/** @typedef {import("../coin.js").ModelInfo} ModelInfo */

const chooser = element("model", HTMLSelectElement);

/** File extension of models. */
const EXTENSION = ".safetensors";

const FIRST_SENTENCE = /^.*?\.(?=\s|$)/s;

/** Sets up the list of models. @param {(name: string) => void} onChoice */
export function initModelList(onChoice) {
  chooser.addEventListener("change", () => onChoice(chooser.value));
}

/**
 * Fills the list of models.
 *
 * @param {ModelEntry[]} entries
 */
export function setModelOptions(entries) {
  chooser.replaceChildren(...modelOptions(entries));
}

/** Options of a list of models. @param {ModelEntry[]} entries */
export function modelOptions(entries) {
  return entries.map(({ title, name }) => new Option(title, name));
}

/**
 * Finds a model among files of the user.
 *
 * @param {{source: Blob, name: string}[]} files
 * @returns {ModelEntry | null}
 */
export function ownModel(files) {
  const found = files.find(({ name }) => name.toLowerCase().endsWith(EXTENSION));
  if (!found) return null;
  const { name, source } = found;
  return { name: MODEL.own(name), title: MODEL.own(name), file: name, bytes: source.size, own: source };
}

/**
 * Loads a model file.
 *
 * @param {ModelEntry} entry
 * @param {(received: number, total: number) => void} onProgress
 * @param {AbortSignal} signal
 */
export async function bytesOfModel({ title, file, bytes, own }, onProgress, signal) {
  const blob = own ?? (await download(`models/${file}`, title, (received) => onProgress(received, bytes), signal));
  return new Uint8Array(await blob.arrayBuffer());
}

/** Selects the model in use. @param {string} name */
export function selectModel(name) {
  chooser.value = name;
  // A long title does not fit.
  chooser.title = chooser.selectedOptions[0]?.text ?? "";
}

/**
 * Style of the synthetic anomalies that a model was trained on; an undefined diameter means that of the paper.
 *
 * @param {ModelInfo} info
 */
export function anomalyOf({ anomaly, window }) {
  return { diameterMm: anomaly?.diameter_mm, window };
}

/** Lists the details of a model. @param {ModelInfo} info */
export function showModel({ title, size, window, unit, modality, finding, threshold, seedThreshold, verification, segmenter, temperature, licence, data, results, limits }) {
  const { slices, classifier, methods } = results ?? {};
  const { iou, iou_ci95, iou_mean, iou_mean_ci95, ceiling_iou, dice, cv } = methods?.coin ?? {};
  /** @type {[string, string | null][]} */
  const facts = [
    [MODEL.iou, known(iou, (iou) => MODEL.iouOf(iou, threshold))],
    [MODEL.interval, known(iou_ci95, ([low, high]) => MODEL.intervalOf(low, high))],
    [MODEL.iouMean, known(iou_mean, metric)],
    [MODEL.interval, known(iou_mean_ci95, ([low, high]) => MODEL.intervalOf(low, high))],
    [MODEL.ceiling, known(ceiling_iou, metric)],
    [MODEL.dice, known(dice, metric)],
    [MODEL.segmenter, segmenter && known(methods?.distilled?.iou, (iou) => MODEL.iouOf(iou, segmenter.threshold))],
    [MODEL.interval, segmenter && known(methods?.distilled?.iou_ci95, ([low, high]) => MODEL.intervalOf(low, high))],
    [MODEL.cv, known(cv, metric)],
    [MODEL.auroc, known(classifier?.auroc, metric)],
    [MODEL.slices, known(slices, ({ total, abnormal }) => MODEL.slicesOf(total, abnormal))],
    [MODEL.seedThreshold, seedThreshold > 0 ? MODEL.seedThresholdOf(seedThreshold) : null],
    [MODEL.verification, verification && MODEL.verificationOf(verification)],
    [MODEL.temperature, known(temperature, MODEL.temperatureOf)],
    [MODEL.limits, limits],
    [MODEL.data, data],
    [MODEL.finding, finding],
    [MODEL.modality, modality],
    [MODEL.window, unit ? MODEL.windowOf(window, unit) : null],
    [MODEL.grid, MODEL.gridOf(size)],
    [MODEL.licence, licence],
  ];
  element("batch-model", HTMLElement).textContent = title;
  element("model-limits", HTMLElement).textContent = limits.match(FIRST_SENTENCE)?.[0] ?? limits;
  element("model-facts", HTMLElement).replaceChildren(
    ...facts.flatMap(([name, value]) => (value ? [create("dt", {}, name), create("dd", {}, value)] : [])),
  );
}

/**
 * Formats a value; null if it is unknown.
 *
 * @template T
 * @param {T | null | undefined} value
 * @param {(value: T) => string} format
 */
function known(value, format) {
  return value === null || value === undefined ? null : format(value);
}
