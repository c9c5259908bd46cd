import { maskOf } from "../coin.js";
import { count } from "../geometry.js";
import { element } from "./dom.js";
import { drawHistogram } from "./histogram.js";
import { coalesce } from "./coalesce.js";
import { overlapOf } from "./overlap.js";
import { drawMask } from "./panes.js";
import { yieldToBrowser } from "./yield.js";
import { MASK } from "./strings.js";
import { timed } from "./times.js";

/** @typedef {import("./main.js").Result} Result */

const slider = element("threshold", HTMLInputElement);
const postprocess = element("postprocess", HTMLInputElement);
const opacity = element("mask-opacity", HTMLInputElement);

/** The component that the reader points at. @type {Uint8Array | null} */
let chosen = null;

const hysteresis = element("seed-threshold", HTMLInputElement);

/** Of the model: components that nowhere exceed it are left out, unless the reader wants them. */
let seedThreshold = 0;

/** @returns {{threshold: number, seedThreshold: number, postprocess: boolean}} */
export function maskOptions() {
  return { threshold: slider.valueAsNumber, seedThreshold: hysteresis.checked ? seedThreshold : 0, postprocess: postprocess.checked };
}

/**
 * Takes over a model's defaults, or what an address asks for.
 *
 * @param {{threshold: number, seedThreshold: number, postprocess: boolean}} options
 * @param {boolean} [withHysteresis] whether the model's seed threshold is used
 */
export function setMaskOptions(options, withHysteresis = true) {
  seedThreshold = options.seedThreshold;
  hysteresis.checked = withHysteresis;
  element("seed-threshold-switch", HTMLElement).hidden = seedThreshold === 0;
  slider.value = String(options.threshold);
  postprocess.checked = options.postprocess;
  showThreshold();
}

/**
 * @param {() => void} changed the mask is another one
 * @param {() => void} redraw it only looks different
 */
export function onMaskOptions(changed, redraw) {
  for (const input of [slider, hysteresis, postprocess]) {
    input.addEventListener("input", () => {
      showThreshold();
      changed();
    });
  }
  opacity.addEventListener("input", redraw);
}

/** Computes and draws the mask of a result, and notes it there. */
export const updateMask = coalesce(async (/** @type {Result} */ result) => {
  const options = maskOptions();
  const mask = await timed("mask", () => maskOf(result.explanation, options));
  result.mask = mask;
  result.maskRule = options;
  result.overlap = result.truth && overlapOf(mask, result.truth);
  chosen = null;
  redrawMask(result);
  await yieldToBrowser();
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
 * Marks a component of the mask.
 *
 * @param {Result} result
 * @param {Uint8Array | null} component
 */
export function markComponent(result, component) {
  chosen = component;
  redrawMask(result);
}

/**
 * @param {Result} result
 * @param {Uint8Array} mask
 */
function factsOf({ explanation, maskRule, overlap }, mask) {
  const pixels = count(mask);
  if (pixels === 0) return [maskRule && maskRule.seedThreshold > maskRule.threshold ? MASK.low(maskRule.seedThreshold) : MASK.empty];
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
