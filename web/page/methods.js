import { coloursOf, maskOf, maskRuleOf } from "../coin.js";
import { drawColours, drawMask, MASK_COLOUR } from "../pictures.js";
import { chosenColours } from "./display.js";
import { create, element } from "./dom.js";
import { editsOf } from "./edits.js";
import { drawFigureOf, saveFigure } from "./figure.js";
import { overlapOf } from "./overlap.js";
import { drawInput } from "./panes.js";
import { METHODS, duration, translated } from "./strings.js";
import { Task } from "./task.js";

/** @typedef {import("./main.js").Result} Result */
/** @typedef {import("../coin.js").SaliencyMethod} SaliencyMethod */

const list = element("methods-list", HTMLElement);
const save = element("save-methods", HTMLButtonElement);
const task = new Task("compare-methods", "methods");

/** The result that the maps belong to. @type {Result | null} */
let mappedResult = null;
/** Maps by title of the method. @type {Map<string, Float32Array>} */
let maps = new Map();

/**
 * Sets up the saliency maps of the shown slice.
 *
 * @param {() => Result | null} current
 * @param {(result: Result, method: SaliencyMethod, options: {signal: AbortSignal, onProgress: (done: number, all: number) => void}) => Promise<Float32Array>} attribute
 * @param {(result: Result) => void} onDone
 * @param {(error: unknown) => void} showError
 */
export function initMethods(current, attribute, onDone, showError) {
  const compare = () => {
    const result = current();
    if (!result) return;
    mappedResult = result;
    maps = new Map();
    return task.run(
      async (signal) => {
        await draw(result);
        const start = performance.now();
        /** @type {string[]} */
        const failures = [];
        for (const [method, title] of result.model.saliencyMethods) {
          task.progress(METHODS.running(title, null));
          const onProgress = (/** @type {number} */ done, /** @type {number} */ all) => task.progress(METHODS.running(title, { done, all }), done, all);
          const map = await attribute(result, method, { signal, onProgress }).catch((error) => {
            signal.throwIfAborted();
            failures.push(METHODS.failed(title, translated(error.message)));
            return null;
          });
          // Another slice is shown by now.
          if (mappedResult !== result) return "";
          if (map) maps.set(title, map);
          await draw(result);
        }
        onDone(result);
        return [...failures, METHODS.done(duration(performance.now() - start))].join(" ");
      },
      METHODS.cancelled,
    );
  };
  element("compare-methods", HTMLButtonElement).addEventListener("click", compare);
  save.addEventListener("click", () => {
    if (mappedResult) saveFigure(mappedResult, drawFigureOf(mappedResult, panesOf(mappedResult), maskOfCoin(mappedResult)), "methods").catch(showError);
  });
  return { compare };
}

/** Whether the maps of a result are shown. @param {Result} result */
export function hasMethods(result) {
  return mappedResult === result && maps.size > 0;
}

/** Redraws the maps with the current threshold, window and colour map. @param {Result} result */
export async function redrawMethods(result) {
  if (hasMethods(result)) await draw(result);
}

/** Clears the maps if they belong to another result. @param {Result} result */
export function resetMethods(result) {
  if (mappedResult === null || mappedResult === result) return;
  mappedResult = null;
  maps = new Map();
  task.reset();
  list.replaceChildren();
  save.hidden = true;
}

/**
 * COIN's mask in the comparison: methods are compared by their own maps, not by what a segmenter learned from them.
 *
 * @param {Result} result
 */
function maskOfCoin(result) {
  if (result.maskRule?.source === "segmenter") return { maskRule: maskRuleOf(result.model, "difference"), corrected: false };
  return { maskRule: result.maskRule, corrected: !editsOf(result).isEmpty };
}

/** Draws the difference map and the saliency maps. @param {Result} result */
async function draw(result) {
  const { explanation, model } = result;
  const figure = async (/** @type {string} */ title, /** @type {Float32Array} */ map, /** @type {Uint8Array | null} */ mask) =>
    figureOf(result, title, map, mask, result.truth && mask && overlapOf(mask, result.truth).iou);
  const { maskRule } = maskOfCoin(result);
  const own = maskRule && maskRule !== result.maskRule ? await maskOf(explanation, maskRule) : result.mask;
  const figures = [...maps].map(async ([title, map]) =>
    figure(title, map, await maskOf({ difference: map, size: explanation.size }, { threshold: model.saliencyThreshold })),
  );
  const all = await Promise.all([figure(METHODS.coin, explanation.difference, own), ...figures]);
  if (mappedResult !== result) return;
  list.replaceChildren(...all);
  save.hidden = maps.size === 0;
}

/**
 * Draws a map over the slice, with the contour of its mask.
 *
 * @param {Result} result
 * @param {string} name
 * @param {Float32Array} map
 * @param {Uint8Array | null} mask
 * @param {number | null} iou
 */
async function figureOf({ explanation, view }, name, map, mask, iou) {
  const { size } = explanation;
  const canvas = create("canvas", { width: 512, height: 512, role: "img", ariaLabel: METHODS.overlay(name) });
  if (view) drawInput(canvas, explanation.square, view);
  const heat = create("canvas", { width: 512, height: 512 });
  drawColours(heat, await coloursOf(map, chosenColours()), size);
  const context = canvas.getContext("2d");
  if (context) {
    context.globalAlpha = 0.6;
    context.drawImage(heat, 0, 0);
    context.globalAlpha = 1;
  }
  if (mask) drawMask(canvas, mask, size, MASK_COLOUR, 0);
  const text = iou === null ? name : METHODS.withIou(name, iou);
  return create("figure", {}, create("div", { className: "canvas" }, canvas), create("figcaption", {}, text));
}

/** Panes of the saved figure: the input and the shown maps. @param {Result} result */
function panesOf(result) {
  const shown = [...list.querySelectorAll("figure")].flatMap((figure) => {
    const canvas = figure.querySelector("canvas");
    return canvas ? [{ canvas, name: figure.querySelector("figcaption")?.textContent ?? "" }] : [];
  });
  const input = create("canvas", { width: 512, height: 512 });
  if (result.view) drawInput(input, result.explanation.square, result.view);
  return [{ canvas: input, name: METHODS.input }, ...shown];
}
