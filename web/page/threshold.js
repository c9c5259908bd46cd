import { maskOf } from "../coin.js";
import { count } from "../geometry.js";
import { element } from "./dom.js";
import { drawHistogram } from "./histogram.js";
import { latest } from "./latest.js";
import { overlapOf } from "./overlap.js";
import { drawMask } from "./panes.js";
import { pause } from "./pause.js";
import { MASK } from "./strings.js";
import { timed } from "./times.js";

/** @typedef {import("./main.js").Result} Result */

const slider = element("threshold", HTMLInputElement);
const postprocess = element("postprocess", HTMLInputElement);
const opacity = element("mask-opacity", HTMLInputElement);

/** The piece that the reader points at. @type {Uint8Array | null} */
let chosen = null;

const peaks = element("peak", HTMLInputElement);

/** Of the model: pieces that nowhere exceed it are left out, unless the reader wants them. */
let peak = 0;

/** @returns {{threshold: number, peak: number, postprocess: boolean}} */
export function maskOptions() {
  return { threshold: slider.valueAsNumber, peak: peaks.checked ? peak : 0, postprocess: postprocess.checked };
}

/**
 * Takes over a model's defaults, or what an address asks for.
 *
 * @param {{threshold: number, peak: number, postprocess: boolean}} options
 * @param {boolean} [withPeak] whether the model's peak is heeded
 */
export function setMaskOptions(options, withPeak = true) {
  peak = options.peak;
  peaks.checked = withPeak;
  element("peak-switch", HTMLElement).hidden = peak === 0;
  slider.value = String(options.threshold);
  postprocess.checked = options.postprocess;
  showThreshold();
}

/**
 * @param {() => void} changed the mask is another one
 * @param {() => void} redraw it only looks different
 */
export function onMaskOptions(changed, redraw) {
  for (const input of [slider, peaks, postprocess]) {
    input.addEventListener("input", () => {
      showThreshold();
      changed();
    });
  }
  opacity.addEventListener("input", redraw);
}

/** Computes and draws the mask of a result, and notes it there. */
export const updateMask = latest(async (/** @type {Result} */ result) => {
  const options = maskOptions();
  const mask = await timed("mask", () => maskOf(result.explanation, options));
  result.mask = mask;
  result.masking = options;
  result.overlap = result.truth && overlapOf(mask, result.truth);
  chosen = null;
  redrawMask(result);
  await pause();
  drawHistogram(result.explanation.difference, options.threshold);
  element("mask-key", HTMLElement).hidden = result.truth !== null;
  element("truth-key", HTMLElement).hidden = result.truth === null;
  element("mask-facts", HTMLElement).textContent = factsOf(result, mask).join(" · ");
});

/**
 * Draws the mask that is there.
 *
 * @param {Result} result
 */
export function redrawMask({ explanation, mask, overlap, view }) {
  if (mask) drawMask(explanation, mask, overlap, { view, opacity: opacity.valueAsNumber, chosen });
}

/**
 * Marks a piece of the mask.
 *
 * @param {Result} result
 * @param {Uint8Array | null} piece
 */
export function markPiece(result, piece) {
  chosen = piece;
  redrawMask(result);
}

/**
 * @param {Result} result
 * @param {Uint8Array} mask
 */
function factsOf({ explanation, masking, overlap }, mask) {
  const pixels = count(mask);
  if (pixels === 0) return [masking && masking.peak > masking.threshold ? MASK.low(masking.peak) : MASK.empty];
  const facts = [MASK.share(pixels / mask.length)];
  const { pixelMm } = explanation.square;
  if (pixelMm) facts.push(MASK.area((pixels * pixelMm ** 2) / 100));
  if (overlap && overlap.iou !== null && overlap.dice !== null) facts.push(MASK.iou(overlap.iou), MASK.dice(overlap.dice));
  return facts;
}

showThreshold();

function showThreshold() {
  const { threshold } = maskOptions();
  element("threshold-number", HTMLOutputElement).value = threshold.toFixed(2);
  element("legend-threshold", HTMLElement).style.left = `${100 * threshold}%`;
}
