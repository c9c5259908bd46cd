import { coloursOf, colourTable, counterfactualHu } from "../coin.js";
import { element } from "./dom.js";
import { coalesce } from "./coalesce.js";
import { drawDifference, drawExplanation, drawLegend } from "./panes.js";
import { yieldToBrowser } from "./yield.js";
import { WINDOW } from "./strings.js";
import { unitOf } from "./units.js";
import { WINDOWS, windowOptions } from "./windows.js";

/** @typedef {import("./main.js").Result} Result */
/** @typedef {import("../coin.js").ColourMap} ColourMap */

/**
 * How greys are shown: the model's input as it is, or the slices' own intensities in another window.
 *
 * @typedef {{slice: import("../coin.js").Slice, counterfactual: Float32Array, window: [number, number]}} View
 */

/** HU that a pixel of the screen is worth when a window is dragged. */
const HU_PER_PIXEL = 2;
/** The same as a share of the model's window, where intensities have no unit. */
const SHARE_PER_PIXEL = 1 / 200;

const chooser = element("display", HTMLSelectElement);
const colours = element("colour-map", HTMLSelectElement);
const reveal = element("reveal", HTMLInputElement);

/** The window that the reader has dragged. @type {[number, number]} */
let dragged = [-160, 240];
/** What a pixel of the screen is worth in it. */
let perPixel = HU_PER_PIXEL;
/** The unit of what is shown. */
let unit = "HU";

/** @param {() => void} changed */
export function onDisplay(changed) {
  chooser.addEventListener("change", changed);
  colours.addEventListener("change", changed);
  reveal.addEventListener("input", showReveal);
  showReveal();
}

/**
 * A drag to the right widens the window, one down raises its level.
 *
 * @param {() => Result | null} current
 * @param {() => void} changed
 * @returns {{tool: import("./tools.js").Tool, dragBy: (x: number, y: number) => void}}
 */
export function acceptWindowing(current, changed) {
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
    offerDragged();
    chooser.value = "custom";
    changed();
  };
  const dragBy = (/** @type {number} */ x, /** @type {number} */ y) => {
    if (chooser.value !== "custom") begin();
    move(x, y);
  };
  return { tool: { begin, drag: (_from, _to, { x, y }) => move(x, y) }, dragBy };
}

/**
 * Offers the windows that suit a result; the choice stays where it can.
 *
 * @param {Result} result
 */
export function offerDisplays({ model, explanation, subject }) {
  const { scan } = subject.source;
  const stated = scan?.info.window;
  const [low, high] = explanation.window;
  unit = unitOf(model, scan);
  perPixel = unit ? HU_PER_PIXEL : (high - low) * SHARE_PER_PIXEL;
  const chosen = chooser.value;
  const [own, ...usual] = windowOptions(explanation.window, unit);
  chooser.replaceChildren(own, ...(stated ? [new Option(WINDOW.file(stated, unit), "file")] : []), ...usual);
  if (chosen === "custom") offerDragged();
  chooser.value = [...chooser.options].some(({ value }) => value === chosen) ? chosen : "model";
}

function offerDragged() {
  const words = WINDOW.dragged(dragged, unit);
  const option = [...chooser.options].find(({ value }) => value === "custom");
  if (option) option.text = words;
  else chooser.add(new Option(words, "custom"));
}

/**
 * What an address has to say; the usual goes without saying, and a window that was dragged cannot be restored.
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
 * Takes over what an address asks for; unknown names change nothing.
 *
 * @param {{display: string | null, colours: string | null}} wanted
 */
export function setDisplayOptions(wanted) {
  if (wanted.display && Object.hasOwn(WINDOWS, wanted.display)) {
    chooser.replaceChildren(new Option(WINDOWS[wanted.display].name, wanted.display));
    chooser.value = wanted.display;
  }
  if ([...colours.options].some(({ value }) => value === wanted.colours)) colours.value = String(wanted.colours);
}

/** Draws a result in the chosen window and colours. */
export const display = coalesce(async (/** @type {Result} */ result) => {
  const { explanation, subject } = result;
  const window = chosenWindow(subject);
  if (window) {
    const { slice } = subject;
    // Kept, so that it can be drawn when its engine is gone.
    result.counterfactualHu ??= await counterfactualHu(slice, explanation);
    result.view = { slice, counterfactual: result.counterfactualHu, window };
  } else {
    result.view = null;
  }
  drawExplanation(explanation, result.view);
  await yieldToBrowser();
  const name = chosenColours();
  drawDifference(explanation, await coloursOf(explanation.difference, name));
  drawLegend(await colourTable(name));
});

/** @param {import("./main.js").Subject} subject */
function chosenWindow({ source }) {
  if (chooser.value === "custom") return dragged;
  return WINDOWS[chooser.value]?.window ?? (chooser.value === "file" ? source.scan?.info.window : null);
}

/** The colours of maps, from 0 to 1. */
export async function showLegend() {
  drawLegend(await colourTable(chosenColours()));
}

export function chosenColours() {
  return /** @type {ColourMap} */ (colours.value);
}

function showReveal() {
  element("panes", HTMLElement).style.setProperty("--reveal", `${reveal.value}%`);
}
