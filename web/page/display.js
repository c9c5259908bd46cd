import { coloursOf, colourTable, counterfactualHu } from "../coin.js";
import { element } from "./dom.js";
import { coalesce } from "./coalesce.js";
import { drawDifference, drawExplanation, drawLegend } from "./panes.js";
import { loadPreference, savePreference } from "./preferences.js";
import { yieldToBrowser } from "./yield.js";
import { WINDOW } from "./strings.js";
import { unitOf } from "./units.js";
import { WINDOWS, windowOptions } from "./windows.js";

/** @typedef {import("./main.js").Result} Result */
/** @typedef {import("../coin.js").ColourMap} ColourMap */

/**
 * Slice and counterfactual at their own resolution, and the display window.
 *
 * @typedef {{slice: import("../coin.js").Slice, counterfactual: Float32Array, window: [number, number]}} View
 */

/** Change of window level and width per CSS pixel of a drag, in HU. */
const HU_PER_PIXEL = 2;
/** The same as a share of the model's window, for intensities without a unit. */
const SHARE_PER_PIXEL = 1 / 200;

const chooser = element("display", HTMLSelectElement);
const colours = element("colour-map", HTMLSelectElement);
const reveal = element("reveal", HTMLInputElement);
const smooth = element("smooth", HTMLInputElement);

/** The custom window. @type {[number, number]} */
let dragged = [-160, 240];
/** Change of the custom window per CSS pixel. */
let perPixel = HU_PER_PIXEL;
/** Unit of the shown intensities; may be empty. */
let unit = "HU";

/** Sets up the display options. @param {() => void} onChange */
export function onDisplay(onChange) {
  chooser.addEventListener("change", onChange);
  colours.addEventListener("change", onChange);
  reveal.addEventListener("input", showReveal);
  showReveal();
  smooth.checked = loadPreference("interpolation") !== "nearest";
  smooth.addEventListener("change", () => {
    savePreference("interpolation", smooth.checked ? "smooth" : "nearest");
    showInterpolation();
  });
  showInterpolation();
}

/**
 * Sets up the window tool: dragging right widens the window, dragging down raises its level.
 *
 * @param {() => Result | null} current
 * @param {() => void} onChange
 * @returns {{tool: import("./tools.js").Tool, dragBy: (x: number, y: number) => void}}
 */
export function initWindowing(current, onChange) {
  const begin = () => {
    const result = current();
    if (result) dragged = [...(result.view?.window ?? result.explanation.window)];
  };
  const move = (/** @type {number} */ x, /** @type {number} */ y) => {
    const [low, high] = dragged;
    const level = (low + high) / 2 + perPixel * y;
    const half = Math.max(perPixel / 2, (high - low) / 2 + perPixel * x);
    dragged = [level - half, level + half];
    if (unit) dragged = [Math.round(dragged[0]), Math.round(dragged[1])];
    updateCustomOption();
    chooser.value = "custom";
    element("readout", HTMLOutputElement).value = WINDOW.dragged(dragged, unit);
    onChange();
  };
  const dragBy = (/** @type {number} */ x, /** @type {number} */ y) => {
    if (chooser.value !== "custom") begin();
    move(x, y);
  };
  return { tool: { begin, drag: (_from, _to, { x, y }) => move(x, y) }, dragBy };
}

/**
 * Lists the display windows for a result and keeps the selected one if possible.
 *
 * @param {Result} result
 */
export function updateDisplayOptions({ model, explanation, input }) {
  const { scan } = input.source;
  const stated = scan?.info.window;
  const [low, high] = explanation.window;
  unit = unitOf(model, scan);
  perPixel = unit ? HU_PER_PIXEL : (high - low) * SHARE_PER_PIXEL;
  const chosen = chooser.value;
  const [own, ...usual] = windowOptions(explanation.window, unit);
  chooser.replaceChildren(own, ...(stated ? [new Option(WINDOW.file(stated, unit), "file")] : []), ...usual);
  if (chosen === "custom") updateCustomOption();
  chooser.value = [...chooser.options].some(({ value }) => value === chosen) ? chosen : "model";
}

function updateCustomOption() {
  const text = WINDOW.dragged(dragged, unit);
  const option = [...chooser.options].find(({ value }) => value === "custom");
  if (option) option.text = text;
  else chooser.add(new Option(text, "custom"));
}

/**
 * Display options for the address; null for defaults and for custom windows, which cannot be restored.
 *
 * @returns {{display: string | null, colours: string | null}}
 */
export function displayOptions() {
  return {
    display: Object.hasOwn(WINDOWS, chooser.value) ? chooser.value : null,
    colours: colours.selectedIndex === 0 ? null : colours.value,
  };
}

/**
 * Sets display options from the address; unknown names are ignored.
 *
 * @param {{display: string | null, colours: string | null}} options
 */
export function setDisplayOptions(options) {
  if (options.display && Object.hasOwn(WINDOWS, options.display)) {
    chooser.replaceChildren(new Option(WINDOWS[options.display].name, options.display));
    chooser.value = options.display;
  }
  if ([...colours.options].some(({ value }) => value === options.colours)) colours.value = String(options.colours);
}

/** Draws a result in the selected window and colour map. */
export const display = coalesce(async (/** @type {Result} */ result) => {
  const { explanation, input } = result;
  const { slice } = input;
  // Cached, so that it can be drawn after its engine has stopped.
  result.counterfactualHu ??= await counterfactualHu(slice, explanation);
  const window = chosenWindow(input) ?? explanation.window;
  result.view = { slice, counterfactual: result.counterfactualHu, window };
  drawExplanation(explanation, result.view);
  await yieldToBrowser();
  const name = chosenColours();
  drawDifference(explanation, await coloursOf(explanation.difference, name));
  drawLegend(await colourTable(name));
});

/** The selected window; null for the model's. @param {import("./main.js").InputSlice} input */
function chosenWindow({ source }) {
  if (chooser.value === "custom") return dragged;
  return WINDOWS[chooser.value]?.window ?? (chooser.value === "file" ? source.scan?.info.window : null);
}

/** Draws the legend of the selected colour map. */
export async function showLegend() {
  drawLegend(await colourTable(chosenColours()));
}

/** The selected colour map. */
export function chosenColours() {
  return /** @type {ColourMap} */ (colours.value);
}

/** Magnified pixels are blended or shown as squares. */
function showInterpolation() {
  element("panes", HTMLElement).dataset.interpolation = smooth.checked ? "smooth" : "nearest";
}

function showReveal() {
  element("panes", HTMLElement).style.setProperty("--reveal", `${reveal.value}%`);
}
