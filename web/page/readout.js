import { element } from "./dom.js";
import { pixelAt } from "../geometry.js";
import { canvases } from "./panes.js";
import { READOUT } from "./strings.js";
import { unitOf } from "./units.js";

/** @typedef {import("./main.js").Result} Result */

/** Smallest change that does not round to 0. */
const VISIBLE = 0.005;

const readout = element("readout", HTMLOutputElement);

/**
 * Sets up the readout of the values under the pointer, in any pane.
 *
 * @param {() => Result | null} current
 */
export function initReadout(current) {
  for (const canvas of canvases) {
    canvas.addEventListener("pointermove", (event) => {
      const box = canvas.getBoundingClientRect();
      readAt(current(), (event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height);
    });
    canvas.addEventListener("pointerleave", () => (readout.value = READOUT.none));
  }
}

/**
 * Shows the values at a point, in fractions of the image's width and height.
 *
 * @param {Result | null} result
 * @param {number} x
 * @param {number} y
 */
export function readAt(result, x, y) {
  readout.value = (result && valuesAt(result, x, y)) ?? READOUT.none;
}

/**
 * Text with intensity, counterfactual and difference at a point; null outside the slice.
 *
 * @param {Result} result
 * @param {number} x
 * @param {number} y
 */
function valuesAt({ input: { slice, source }, explanation, model, counterfactualHu }, x, y) {
  const { size, square, input, counterfactual, difference } = explanation;
  const pixel = pixelAt(slice, square, x, y);
  if (!pixel) return null;
  const place = pixel.y * slice.width + pixel.x;
  const value = slice.hu[place];
  const at = Math.min(size - 1, Math.floor(y * size)) * size + Math.min(size - 1, Math.floor(x * size));
  const [low, high] = explanation.window;
  const change = (counterfactual[at] - input[at]) / 2;
  const values = READOUT.values(value, counterfactualHu?.[place] ?? value + change * (high - low), difference[at], unitOf(model, source.scan), high - low);
  return difference[at] === 0 && Math.abs(change) >= VISIBLE ? `${values} ${READOUT.unverified}` : values;
}
