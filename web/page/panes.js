import { element } from "./dom.js";
import { fitOf } from "./geometry.js";

/** @typedef {import("../coin.js").Slice} Slice */
/** @typedef {import("../coin.js").Explanation} Explanation */
/** @typedef {import("./display.js").View} View */

/** Orange, light green and cyan stay apart for colour-blind eyes by their lightness, and stand out from grey. */
export const MASK_COLOUR = { fill: [255, 159, 28, 110], line: "#ff9f1c", width: 3 };
export const FOUND_COLOUR = { fill: [126, 226, 168, 110], line: "#7ee2a8", width: 3 };
export const MISSED_COLOUR = { fill: [76, 214, 255, 60], line: "#4cd6ff", width: 2 };

const panes = {
  input: canvasOf("pane-input"),
  counterfactual: canvasOf("pane-counterfactual"),
  difference: canvasOf("pane-difference"),
  mask: canvasOf("pane-mask"),
};

/** The four canvases in the order of the figure. */
export const canvases = [panes.input, panes.counterfactual, panes.difference, panes.mask];

/**
 * Shows a slice in the input pane before anything is known about it.
 *
 * @param {Slice} slice
 * @param {[number, number]} window
 */
export function drawPreview(slice, window) {
  drawSlice(panes.input, slice, slice.hu, window);
}

/**
 * @param {Explanation} explanation
 * @param {Uint8ClampedArray<ArrayBuffer>} colours of the difference map
 * @param {View | null} view
 */
export function drawExplanation(explanation, colours, view) {
  const { size, counterfactual } = explanation;
  drawInput(panes.input, explanation, view);
  if (view) drawSlice(panes.counterfactual, view.slice, view.counterfactual, view.window);
  else fill(panes.counterfactual, greys(counterfactual, size, size, -1, 1));
  fill(panes.difference, raster(colours, size, size));
}

/**
 * @param {Explanation} explanation
 * @param {Uint8Array} mask
 * @param {import("./overlap.js").Overlap | null} overlap with what was planted
 * @param {View | null} view
 */
export function drawMask(explanation, mask, overlap, view) {
  const { size } = explanation;
  drawInput(panes.mask, explanation, view);
  overlay(panes.mask, overlap?.wrong ?? mask, size, MASK_COLOUR);
  if (!overlap) return;
  overlay(panes.mask, overlap.missed, size, MISSED_COLOUR);
  overlay(panes.mask, overlap.found, size, FOUND_COLOUR);
}

/**
 * @param {HTMLCanvasElement} canvas
 * @param {Explanation} explanation
 * @param {View | null} view
 */
function drawInput(canvas, { size, input }, view) {
  if (view) drawSlice(canvas, view.slice, view.slice.hu, view.window);
  else fill(canvas, greys(input, size, size, -1, 1));
}

/**
 * @param {HTMLCanvasElement} canvas
 * @param {Slice} slice whose grid `hu` is on
 * @param {Float32Array} hu
 * @param {[number, number]} window
 */
function drawSlice(canvas, slice, hu, [low, high]) {
  const { columns, rows } = fitOf(slice, canvas.width);
  const { width, height } = slice;
  const picture = greys(hu, width, height, low, high);
  blank(canvas).drawImage(picture, -columns.edge / columns.step, -rows.edge / rows.step, width / columns.step, height / rows.step);
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

/**
 * @param {HTMLCanvasElement} canvas
 * @param {Uint8Array} mask
 * @param {number} size
 * @param {{fill: number[], line: string, width: number}} colour
 */
function overlay(canvas, mask, size, colour) {
  const context = contextOf(canvas);
  const scale = canvas.width / size;
  const rgba = new Uint8ClampedArray(mask.length * 4);
  const edges = new Path2D();
  const at = (/** @type {number} */ x, /** @type {number} */ y) => (x < size && y < size ? mask[y * size + x] : 0);
  for (let y = 0; y <= size; y++) {
    for (let x = 0; x <= size; x++) {
      const inside = at(x, y);
      if (inside) rgba.set(colour.fill, (y * size + x) * 4);
      if (inside !== (x > 0 ? at(x - 1, y) : 0)) line(edges, x * scale, y * scale, 0, scale);
      if (inside !== (y > 0 ? at(x, y - 1) : 0)) line(edges, x * scale, y * scale, scale, 0);
    }
  }
  context.imageSmoothingEnabled = false;
  context.drawImage(raster(rgba, size, size), 0, 0, canvas.width, canvas.height);
  context.strokeStyle = colour.line;
  context.lineWidth = colour.width;
  context.lineCap = "round";
  context.stroke(edges);
}

/**
 * @param {Path2D} path
 * @param {number} x
 * @param {number} y
 * @param {number} right
 * @param {number} down
 */
function line(path, x, y, right, down) {
  path.moveTo(x, y);
  path.lineTo(x + right, y + down);
}

/**
 * @param {Float32Array} values
 * @param {number} width
 * @param {number} height
 * @param {number} low black
 * @param {number} high white
 */
function greys(values, width, height, low, high) {
  const rgba = new Uint8ClampedArray(values.length * 4);
  values.forEach((value, i) => {
    rgba.fill(((value - low) / (high - low)) * 255, i * 4, i * 4 + 3);
    rgba[i * 4 + 3] = 255;
  });
  return raster(rgba, width, height);
}

/**
 * @param {Uint8ClampedArray<ArrayBuffer>} rgba
 * @param {number} width
 * @param {number} height
 */
function raster(rgba, width, height) {
  const canvas = new OffscreenCanvas(width, height);
  canvas.getContext("2d")?.putImageData(new ImageData(rgba, width, height), 0, 0);
  return canvas;
}

/**
 * @param {HTMLCanvasElement} canvas
 * @param {OffscreenCanvas} picture
 */
function fill(canvas, picture) {
  blank(canvas).drawImage(picture, 0, 0, canvas.width, canvas.height);
}

/** @param {HTMLCanvasElement} canvas */
function blank(canvas) {
  const context = contextOf(canvas);
  context.fillStyle = "black";
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.imageSmoothingEnabled = true;
  context.imageSmoothingQuality = "high";
  return context;
}

/** @param {HTMLCanvasElement} canvas */
function contextOf(canvas) {
  const context = canvas.getContext("2d");
  if (!context) throw new Error("This browser gives no canvas to draw on.");
  return context;
}

/** @param {string} id */
function canvasOf(id) {
  return element(id, HTMLCanvasElement);
}
