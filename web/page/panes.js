import { MASK_COLOUR, FOUND_COLOUR, MISSED_COLOUR, blank, drawColours, drawIntensities, drawMask as overlay, drawSlice } from "../pictures.js";
import { wholeSquare } from "../geometry.js";
import { element } from "./dom.js";

/** @typedef {import("../coin.js").Slice} Slice */
/** @typedef {import("../coin.js").Explanation} Explanation */
/** @typedef {import("./display.js").View} View */

const panes = {
  input: canvasOf("pane-input"),
  counterfactual: canvasOf("pane-counterfactual"),
  difference: canvasOf("pane-difference"),
  mask: canvasOf("pane-mask"),
};
/** The input once more, over the counterfactual, to be uncovered by the slider between the two. */
const before = canvasOf("pane-before");

/** The four canvases in the order of the figure. */
export const canvases = [panes.input, panes.counterfactual, panes.difference, panes.mask];

/**
 * Shows a slice in the input pane before anything is known about it.
 *
 * @param {Slice} slice
 * @param {[number, number]} window
 */
export function drawPreview(slice, window) {
  drawSlice(panes.input, slice, slice.hu, window, wholeSquare(slice));
}

/**
 * The least and the largest intensity of a slice.
 *
 * @param {Slice} slice
 * @returns {[number, number]}
 */
export function extent({ hu }) {
  return [hu.reduce((least, value) => Math.min(least, value)), hu.reduce((most, value) => Math.max(most, value))];
}

/**
 * Input and counterfactual.
 *
 * @param {Explanation} explanation
 * @param {View | null} view
 */
export function drawExplanation(explanation, view) {
  const { size, square, counterfactual } = explanation;
  drawInput(panes.input, explanation, view);
  blank(before).drawImage(panes.input, 0, 0);
  if (view) drawSlice(panes.counterfactual, view.slice, view.counterfactual, view.window, square);
  else drawIntensities(panes.counterfactual, counterfactual, size);
}

/**
 * @param {Explanation} explanation
 * @param {Uint8ClampedArray<ArrayBuffer>} colours of the difference map
 */
export function drawDifference({ size }, colours) {
  drawColours(panes.difference, colours, size);
}

/**
 * @param {Explanation} explanation
 * @param {Uint8Array} mask
 * @param {import("./overlap.js").Overlap | null} overlap with what was inserted
 * @param {{view: View | null, opacity: number, chosen: Uint8Array | null}} look `chosen`: the component that the reader points at
 */
export function drawMask(explanation, mask, overlap, { view, opacity, chosen }) {
  const { size } = explanation;
  drawInput(panes.mask, explanation, view);
  overlay(panes.mask, overlap?.wrong ?? mask, size, MASK_COLOUR, opacity);
  if (overlap) {
    overlay(panes.mask, overlap.missed, size, MISSED_COLOUR, opacity / 2);
    overlay(panes.mask, overlap.found, size, FOUND_COLOUR, opacity);
  }
  if (chosen) overlay(panes.mask, chosen, size, { ...MASK_COLOUR, line: "#ffffff" }, 0);
}

/**
 * @param {HTMLCanvasElement} canvas
 * @param {Explanation} explanation
 * @param {View | null} view
 */
export function drawInput(canvas, { size, square, input }, view) {
  if (view) drawSlice(canvas, view.slice, view.slice.hu, view.window, square);
  else drawIntensities(canvas, input, size);
}

/** The patient's sides, where they are known. @param {boolean} known */
export function showMarks(known) {
  element("marks", HTMLElement).hidden = !known;
}

/** @param {Uint8ClampedArray<ArrayBuffer>} colours one line of them */
export function drawLegend(colours) {
  const legend = canvasOf("legend");
  legend.getContext("2d")?.putImageData(new ImageData(colours, legend.width, 1), 0, 0);
}

/** @param {string} id */
function canvasOf(id) {
  return element(id, HTMLCanvasElement);
}
