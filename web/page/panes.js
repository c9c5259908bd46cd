import { FALSE_NEGATIVE_COLOUR, MASK_COLOUR, TRUE_POSITIVE_COLOUR, clear, drawColours, drawMask as overlay, drawOutline, drawSlice } from "../pictures.js";
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
/** A copy of the input over the counterfactual; a slider reveals it. */
const before = canvasOf("pane-before");

/** Outlines of the mask at nearby thresholds. */
const BAND_COLOUR = "rgb(255 255 255 / 60%)";

/** The orientation labels and their places on a pane: the patient as seen from the feet. */
const LETTERS = /** @type {const} */ ([["A", 0.5, 0.035], ["R", 0.03, 0.5], ["L", 0.97, 0.5], ["P", 0.5, 0.965]]);
const LETTER_COLOUR = "#5fd7ff";

/** Range of the sides of the canvases, in pixels. */
const SIDES = [512, 2048];

/** Orientation labels over each pane; those of the input are in index.html. */
const orientations = [...document.querySelectorAll("#panes .canvas")].map((pane) => {
  const letters = element("orientation", HTMLElement);
  if (pane.contains(letters)) return letters;
  const copy = /** @type {HTMLElement} */ (letters.cloneNode(true));
  copy.removeAttribute("id");
  return pane.appendChild(copy);
});

/** The four panes in display order. */
export const canvases = [panes.input, panes.counterfactual, panes.difference, panes.mask];

/**
 * Draws a whole slice into the input pane, before its explanation is ready.
 *
 * @param {Slice} slice
 * @param {[number, number]} window
 */
export function drawPreview(slice, window) {
  const square = wholeSquare(slice);
  setResolution(square);
  drawSlice(panes.input, slice, slice.hu, window, square);
}

/**
 * Gives the canvases the resolution of the slice, so that no detail is lost.
 *
 * @param {{width: number, height: number}} square what they show, in pixels of the slice
 */
function setResolution({ width, height }) {
  const side = Math.min(SIDES[1], Math.max(SIDES[0], Math.round(Math.max(width, height))));
  for (const canvas of [...canvases, before]) {
    if (canvas.width !== side) canvas.width = canvas.height = side;
  }
}

/**
 * Minimum and maximum intensity of a slice.
 *
 * @param {Slice} slice
 * @returns {[number, number]}
 */
export function extent({ hu }) {
  return [hu.reduce((lowest, value) => Math.min(lowest, value)), hu.reduce((highest, value) => Math.max(highest, value))];
}

/**
 * Draws input and counterfactual.
 *
 * @param {Explanation} explanation
 * @param {View} view
 */
export function drawExplanation({ square }, view) {
  setResolution(square);
  drawInput(panes.input, square, view);
  clear(before).drawImage(panes.input, 0, 0);
  drawSlice(panes.counterfactual, view.slice, view.counterfactual, view.window, square);
}

/**
 * Draws the difference map.
 *
 * @param {Explanation} explanation
 * @param {Uint8ClampedArray<ArrayBuffer>} colours RGBA, size x size
 */
export function drawDifference({ size }, colours) {
  drawColours(panes.difference, colours, size);
}

/**
 * Draws the mask over the input; with a ground truth, in the colours of true positives, false positives and false negatives.
 *
 * @param {Explanation} explanation
 * @param {Uint8Array} mask
 * @param {import("./overlap.js").Overlap | null} overlap with the ground truth
 * @param {{view: View, opacity: number, highlighted: Uint8Array | null, band: Uint8Array[]}} style `highlighted`: the selected
 *   component; `band`: masks at nearby thresholds
 */
export function drawMask(explanation, mask, overlap, { view, opacity, highlighted, band }) {
  const { size, square } = explanation;
  drawInput(panes.mask, square, view);
  overlay(panes.mask, overlap?.falsePositive ?? mask, size, MASK_COLOUR, opacity);
  if (overlap) {
    overlay(panes.mask, overlap.falseNegative, size, FALSE_NEGATIVE_COLOUR, opacity / 2);
    overlay(panes.mask, overlap.truePositive, size, TRUE_POSITIVE_COLOUR, opacity);
  }
  for (const nearby of band) drawOutline(panes.mask, nearby, size, BAND_COLOUR);
  if (highlighted) overlay(panes.mask, highlighted, size, { ...MASK_COLOUR, line: "#ffffff" }, 0);
}

/**
 * Draws the input in the display window.
 *
 * @param {HTMLCanvasElement} canvas
 * @param {Explanation["square"]} square
 * @param {View} view
 */
export function drawInput(canvas, square, view) {
  drawSlice(canvas, view.slice, view.slice.hu, view.window, square);
}

/** Shows the orientation labels A, P, R and L. @param {boolean} known whether the file has the orientation */
export function showOrientation(known) {
  for (const letters of orientations) letters.hidden = !known;
}

/**
 * Draws the orientation labels onto a copy of a pane.
 *
 * @param {CanvasRenderingContext2D | OffscreenCanvasRenderingContext2D} context
 * @param {{x: number, y: number, side: number}} pane
 */
export function drawOrientation(context, { x, y, side }) {
  context.save();
  context.font = `bold ${side / 24}px sans-serif`;
  context.fillStyle = LETTER_COLOUR;
  context.textAlign = "center";
  context.textBaseline = "middle";
  for (const [letter, across, down] of LETTERS) context.fillText(letter, x + across * side, y + down * side);
  context.restore();
}

/** Draws the colour scale. @param {Uint8ClampedArray<ArrayBuffer>} colours 256 colours as RGBA */
export function drawLegend(colours) {
  const legend = canvasOf("legend");
  legend.getContext("2d")?.putImageData(new ImageData(colours, legend.width, 1), 0, 0);
}

/** @param {string} id */
function canvasOf(id) {
  return element(id, HTMLCanvasElement);
}
