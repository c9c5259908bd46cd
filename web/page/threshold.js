import { mapOf, maskOf, maskRuleOf } from "../coin.js";
import { countPixels } from "../geometry.js";
import { element } from "./dom.js";
import { editsOf } from "./edits.js";
import { drawHistogram } from "./histogram.js";
import { coalesce } from "./coalesce.js";
import { overlapOf } from "./overlap.js";
import { drawMask } from "./panes.js";
import { yieldToBrowser } from "./yield.js";
import { COMPONENTS, MASK, decimal } from "./strings.js";
import { measureTime } from "./times.js";

/** @typedef {import("./main.js").Result} Result */
/** @typedef {import("../coin.js").MaskRule} MaskRule */

const slider = element("threshold", HTMLInputElement);
const postprocess = element("postprocess", HTMLInputElement);
const opacity = element("mask-opacity", HTMLInputElement);
const stability = element("stability", HTMLInputElement);

/** Change of the threshold to either side whose masks show how stable the mask is. */
const BAND = 0.05;

/** Mask of the selected component. @type {Uint8Array | null} */
let highlighted = null;

const hysteresis = element("seed-threshold", HTMLInputElement);
const segmenter = element("segmenter", HTMLInputElement);

/** The rule of the loaded model for the selected source. @type {MaskRule} */
let usual = { source: "difference", threshold: 0.25, seedThreshold: 0, postprocess: false };
/** The loaded model. @type {import("../coin.js").ModelInfo | null} */
let info = null;

/**
 * The mask options for results of a model: those that the user selected, or the model's own while another model is loaded.
 *
 * @param {import("../coin.js").ModelInfo} model
 */
export function maskOptionsFor(model) {
  const isLoaded = info !== null && info.name === model.name && (info.segmenter === null) === (model.segmenter === null);
  return isLoaded ? maskOptions() : maskRuleOf(model);
}

/** The mask options that the user selected. @returns {MaskRule} */
export function maskOptions() {
  return {
    source: usual.source,
    threshold: slider.valueAsNumber,
    seedThreshold: hysteresis.checked ? usual.seedThreshold : 0,
    postprocess: postprocess.checked,
  };
}

/**
 * Mask options with a lower and a higher threshold.
 *
 * @param {ReturnType<typeof maskOptions>} options
 */
function bandOf(options) {
  return [-BAND, BAND].map((change) => ({ ...options, threshold: options.threshold + change })).filter(({ threshold }) => threshold > 0 && threshold < 1);
}

/**
 * Sets the mask options for a model.
 *
 * @param {import("../coin.js").ModelInfo} model
 * @param {MaskRule} rule the model's own, or that of the address
 */
export function setMaskOptions(model, rule) {
  info = model;
  usual = maskRuleOf(model, rule.source);
  segmenter.checked = rule.source === "segmenter";
  element("segmenter-switch", HTMLElement).hidden = model.segmenter === null;
  hysteresis.checked = rule.seedThreshold > 0 || usual.seedThreshold === 0;
  element("seed-threshold-switch", HTMLElement).hidden = usual.seedThreshold === 0;
  slider.value = String(rule.threshold);
  postprocess.checked = rule.postprocess;
  showThreshold();
}

/**
 * Sets up the mask options.
 *
 * @param {() => void} onChange the mask changes
 * @param {() => void} onOpacity only its opacity changes
 */
export function onMaskOptions(onChange, onOpacity) {
  segmenter.addEventListener("input", () => {
    if (!info) return;
    setMaskOptions(info, maskRuleOf(info, segmenter.checked ? "segmenter" : "difference"));
    onChange();
  });
  for (const input of [slider, hysteresis, postprocess, stability]) {
    input.addEventListener("input", () => {
      showThreshold();
      onChange();
    });
  }
  opacity.addEventListener("input", onOpacity);
}

/**
 * Stores a mask in its result and draws it.
 *
 * @param {Result} result
 * @param {Uint8Array} mask
 */
export function setMask(result, mask) {
  result.mask = mask;
  result.overlap = result.truth && overlapOf(mask, result.truth);
  highlighted = null;
  redrawMask(result);
}

/** Computes the mask of a result, with the edits by hand, stores it in the result and draws it. */
export const updateMask = coalesce(async (/** @type {Result} */ result) => {
  const options = maskOptionsFor(result.model);
  result.computedMask = await measureTime("mask", () => maskOf(result.explanation, options));
  result.maskRule = options;
  result.band = stability.checked ? await Promise.all(bandOf(options).map((nearby) => maskOf(result.explanation, nearby))) : [];
  const mask = editsOf(result).apply(result.computedMask);
  setMask(result, mask);
  await yieldToBrowser();
  drawHistogram(mapOf(result.explanation, options.source), options.threshold);
  element("mask-key", HTMLElement).hidden = result.truth !== null;
  element("truth-key", HTMLElement).hidden = result.truth === null;
  element("mask-facts", HTMLElement).textContent = factsOf(result, mask).join(" · ");
});

/**
 * Draws the mask of a result again.
 *
 * @param {Result} result
 */
export function redrawMask({ explanation, mask, overlap, view, band }) {
  if (mask && view) drawMask(explanation, mask, overlap, { view, opacity: opacity.valueAsNumber, highlighted, band });
}

/**
 * Highlights a component of the mask.
 *
 * @param {Result} result
 * @param {Uint8Array | null} component
 */
export function highlightComponent(result, component) {
  highlighted = component;
  redrawMask(result);
}

/**
 * Area of the mask, and IoU and Dice if the ground truth is known, as texts.
 *
 * @param {Result} result
 * @param {Uint8Array} mask
 */
function factsOf({ input: { slice }, explanation: { square }, computedMask, maskRule, overlap }, mask) {
  const pixels = countPixels(mask);
  if (pixels === 0) {
    // Emptied by hand.
    if (computedMask && countPixels(computedMask) > 0) return [COMPONENTS.none];
    return [maskRule && maskRule.seedThreshold > maskRule.threshold ? MASK.low(maskRule.seedThreshold) : MASK.empty];
  }
  const { pixelMm } = square;
  // The square can be a part of the slice, or have a margin around it.
  const facts = [MASK.share(((pixels / mask.length) * square.width * square.height) / (slice.width * slice.height))];
  if (pixelMm) facts.push(MASK.area((pixels * pixelMm ** 2) / 100));
  if (overlap && overlap.iou !== null && overlap.dice !== null) facts.push(MASK.iou(overlap.iou), MASK.dice(overlap.dice));
  return facts;
}

showThreshold();

function showThreshold() {
  const { threshold } = maskOptions();
  element("threshold-number", HTMLOutputElement).value = decimal(threshold, 2);
  const mark = element("legend-threshold", HTMLElement);
  mark.style.left = `${100 * threshold}%`;
  // The scale is that of the difference map.
  mark.hidden = usual.source !== "difference";
  element("legend-hint", HTMLElement).textContent = usual.source === "difference" ? MASK.mark : MASK.noMark;
  element("histogram", HTMLCanvasElement).setAttribute("aria-label", MASK.histogram[usual.source]);
}
