import { counterfactualHu } from "../coin.js";
import { element } from "./dom.js";
import { latest } from "./latest.js";
import { drawExplanation } from "./panes.js";
import { WINDOW } from "./strings.js";
import { WINDOWS, windowOptions } from "./windows.js";

/** @typedef {import("./main.js").Result} Result */

/**
 * How greys are shown: the model's input as it is, or the slices' own HU in another window.
 *
 * @typedef {{slice: import("../coin.js").Slice, counterfactual: Float32Array, window: [number, number]}} View
 */

const chooser = element("display", HTMLSelectElement);

/** @param {() => void} changed */
export function onDisplay(changed) {
  chooser.addEventListener("change", changed);
}

/**
 * Offers the windows that suit a result; the choice stays where it can.
 *
 * @param {Result} result
 */
export function offerDisplays({ model, subject }) {
  const wish = subject.source.scan?.info.window;
  const chosen = chooser.value;
  const [own, ...usual] = windowOptions(model.window);
  chooser.replaceChildren(own, ...(wish ? [new Option(WINDOW.file(wish), "file")] : []), ...usual);
  chooser.value = chosen === "file" && !wish ? "model" : chosen || "model";
}

/** Draws a result in the chosen window. */
export const display = latest(async (/** @type {Result} */ result) => {
  const window = WINDOWS[chooser.value]?.window ?? (chooser.value === "file" ? result.subject.source.scan?.info.window : null);
  const { explanation, colours, model, subject } = result;
  if (window) {
    const { slice } = subject;
    // Kept, so that it can be drawn when its engine is gone.
    result.counterfactualHu ??= await counterfactualHu(slice, explanation, { window: model.window });
    result.view = { slice, counterfactual: result.counterfactualHu, window };
  } else {
    result.view = null;
  }
  drawExplanation(explanation, colours, result.view);
});
