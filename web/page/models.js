import { create, element } from "./dom.js";
import { download } from "./download.js";
import { MODEL, RESULTS } from "./strings.js";

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

/** @param {ModelInfo} info */
export function showModel(info) {
  const { maxError, tolerance } = info.selfTest;
  /** @type {[string, unknown][]} */
  const facts = [
    [MODEL.grid, MODEL.gridOf(info.size)],
    [MODEL.window, MODEL.windowOf(info.window)],
    [MODEL.data, info.data],
    [MODEL.recipe, info.recipe],
    ...Object.entries(info.results ?? {}),
    [MODEL.selfTest, MODEL.selfTestOf(maxError, tolerance)],
    [MODEL.licence, info.licence],
  ];
  element("model-facts", HTMLElement).replaceChildren(
    ...facts.flatMap(([name, value]) => [create("dt", {}, labelOf(name)), create("dd", {}, textOf(value))]),
  );
}

/** @param {string} name */
function labelOf(name) {
  return RESULTS[name] ?? name.replaceAll("_", " ");
}

/**
 * @param {unknown} value as found in the bundle
 * @returns {string}
 */
function textOf(value) {
  if (typeof value === "number") return String(Number(value.toPrecision(3)));
  if (Array.isArray(value)) return value.map(textOf).join(", ");
  if (value && typeof value === "object") return Object.entries(value).map(([key, inner]) => `${labelOf(key)} ${textOf(inner)}`).join(", ");
  return value === null || value === undefined ? MODEL.unstated : String(value);
}
