import { mapOf, maskOf } from "../coin.js";
import { initBrushOutline } from "./brush-outline.js";
import { element } from "./dom.js";
import { connectedTo, editsOf, editsOfSlice } from "./edits.js";
import { INSERT } from "./strings.js";
import { maskOptionsFor, setMask } from "./threshold.js";

/** @typedef {import("./main.js").Result} Result */
/** @typedef {import("./tools.js").Point} Point */
/** @typedef {import("./tools.js").Tool} Tool */
/** @typedef {import("./edits.js").Edits} Edits */

/** A click adds the connected pixels with at least this share of the value under it. */
const GROWN_SHARE = 0.5;

const size = element("brush-size", HTMLInputElement);
const sizeNumber = element("brush-size-number", HTMLOutputElement);
const buttons = {
  undo: element("undo", HTMLButtonElement),
  redo: element("redo", HTMLButtonElement),
  clear: element("clear-edits", HTMLButtonElement),
};

/**
 * Masks of the slices of a volume with the current options, as edited.
 *
 * @param {import("./volume.js").Volume} volume
 * @returns {Promise<{explained: import("../coin.js").ExplainedSlice[], corrected: boolean}>}
 */
export async function editedMasks({ source, model, slices }) {
  const options = maskOptionsFor(model);
  let corrected = false;
  const explained = [...slices].map(async ([index, explanation]) => {
    const edits = editsOfSlice(source.scan, model.name, index, explanation.size);
    corrected ||= !edits.isEmpty;
    return { index, explanation, mask: edits.apply(await maskOf(explanation, options)) };
  });
  return { explained: await Promise.all(explained), corrected };
}

/**
 * Sets up brush, eraser and component tool, and undoing.
 *
 * @param {() => Result | null} current
 * @param {(result: Result) => void} onChange the mask of a result was edited
 * @returns {{brush: Tool, eraser: Tool, component: Tool}}
 */
export function initCorrection(current, onChange) {
  const changed = (/** @type {Result} */ result) => {
    showButtons(editsOf(result));
    onChange(result);
  };
  const stroke = (/** @type {boolean} */ adds) => {
    /** @type {Point | null} */
    let last = null;
    /** The result that the stroke belongs to. @type {Result | null} */
    let painted = null;
    const paint = (/** @type {Result} */ result, /** @type {Point} */ to) => {
      const { explanation, computedMask } = result;
      const edits = editsOf(result);
      edits.paint(last ?? to, to, size.valueAsNumber / 2 / explanation.square.pixelMmOrAssumed, adds);
      last = to;
      if (computedMask) setMask(result, edits.apply(computedMask));
    };
    const finish = (/** @type {boolean} */ keeps) => {
      const result = painted;
      last = painted = null;
      if (!result) return;
      if (!keeps) editsOf(result).cancel();
      if (result === current()) changed(result);
    };
    return {
      begin(/** @type {Point} */ at) {
        const result = current();
        if (!result) return;
        painted = result;
        editsOf(result).begin();
        paint(result, at);
      },
      drag(/** @type {Point} */ _from, /** @type {Point} */ to) {
        // Another slice may be shown by now.
        if (painted && painted === current()) paint(painted, to);
      },
      end: () => finish(true),
      cancel: () => finish(false),
    };
  };
  const component = {
    end(/** @type {Point} */ at) {
      const result = current();
      if (!result?.mask) return;
      const { explanation, maskRule } = result;
      const map = mapOf(explanation, maskRule?.source ?? "difference");
      toggleComponent(result.mask, map, explanation.size, at, editsOf(result));
      changed(result);
    },
  };
  const step = (/** @type {"undo" | "redo" | "clear"} */ action) => {
    const result = current();
    if (!result) return;
    editsOf(result)[action]();
    changed(result);
  };
  for (const action of /** @type {const} */ (["undo", "redo", "clear"])) buttons[action].addEventListener("click", () => step(action));
  addEventListener("keydown", (event) => {
    if (!(event.ctrlKey || event.metaKey) || event.altKey || isTyping(event.target) || !isViewing()) return;
    const key = event.key.toLowerCase();
    const action = key === "y" || (key === "z" && event.shiftKey) ? "redo" : key === "z" ? "undo" : null;
    if (!action) return;
    event.preventDefault();
    step(action);
  });
  size.addEventListener("input", showSize);
  showSize();
  initBrushOutline(current, () => size.valueAsNumber);
  return { brush: stroke(true), eraser: stroke(false), component };
}

/**
 * Removes the component of the mask at a point. Where there is none, adds the region of the mask's map around the point.
 *
 * @param {Uint8Array} mask
 * @param {Float32Array} map
 * @param {number} size of the mask and the map
 * @param {Point} at
 * @param {Edits} edits
 */
function toggleComponent(mask, map, size, { x, y }, edits) {
  const pixel = (/** @type {number} */ fraction) => Math.min(size - 1, Math.max(0, Math.floor(fraction * size)));
  const start = pixel(y) * size + pixel(x);
  edits.begin();
  if (mask[start]) edits.set(connectedTo(start, size, (other) => mask[other] === 1), false);
  else if (map[start] > 0) edits.set(connectedTo(start, size, (other) => map[other] >= GROWN_SHARE * map[start]), true);
}

/** Enables the buttons that apply to edits. @param {Edits} edits */
export function showButtons(edits) {
  buttons.undo.disabled = !edits.canUndo;
  buttons.redo.disabled = !edits.canRedo;
  buttons.clear.disabled = edits.isEmpty;
  element("corrected", HTMLElement).hidden = edits.isEmpty;
}

function showSize() {
  sizeNumber.value = INSERT.size(size.valueAsNumber);
}

/** Whether the mask is in view, behind no dialog. */
function isViewing() {
  return !element("viewer", HTMLElement).hidden && document.querySelector("dialog[open]") === null;
}

/** @param {EventTarget | null} target */
function isTyping(target) {
  return target instanceof HTMLTextAreaElement || (target instanceof HTMLInputElement && ["number", "text"].includes(target.type));
}
