import { coloursOf, maskOf } from "../coin.js";
import { drawColours, drawMask, MASK_COLOUR } from "../pictures.js";
import { chosenColours } from "./display.js";
import { create, element } from "./dom.js";
import { drawFigureOf, saveFigure } from "./figure.js";
import { overlapOf } from "./overlap.js";
import { drawInput } from "./panes.js";
import { METHODS, seconds } from "./strings.js";
import { Task } from "./task.js";

/** @typedef {import("./main.js").Result} Result */
/** @typedef {import("../coin.js").SaliencyMethod} SaliencyMethod */

/** The paper's threshold on a saliency map. */
const THRESHOLD = 0.975;

/** In the order of the paper's figure. @type {SaliencyMethod[]} */
const ALL = ["rise", "score-cam", "layer-cam", "grad-cam"];

const list = element("methods-list", HTMLElement);
const save = element("save-methods", HTMLButtonElement);
const task = new Task("compare-methods", "methods");

/** Of which slice the maps are. @type {Result | null} */
let of = null;
/** @type {Map<string, Float32Array>} */
let maps = new Map();

/**
 * Saliency methods beside COIN, on the slice that is shown.
 *
 * @param {() => Result | null} current
 * @param {(result: Result, method: SaliencyMethod, options: {signal: AbortSignal, onProgress: (done: number, all: number) => void}) => Promise<Float32Array>} attribute
 * @param {(result: Result) => void} onShown
 * @param {(error: unknown) => void} complain
 */
export function acceptMethods(current, attribute, onShown, complain) {
  const compare = () => {
    const result = current();
    if (!result) return;
    of = result;
    maps = new Map();
    return task.run(
      async (signal) => {
        await draw(result);
        const start = performance.now();
        /** @type {string[]} */
        const unable = [];
        for (const method of ALL) {
          task.progress(METHODS.running(method, null));
          const onProgress = (/** @type {number} */ done, /** @type {number} */ all) => task.progress(METHODS.running(method, { done, all }), done, all);
          const map = await attribute(result, method, { signal, onProgress }).catch((error) => {
            signal.throwIfAborted();
            unable.push(METHODS.unable(method, error.message));
            return null;
          });
          // Another slice has come meanwhile.
          if (of !== result) return "";
          if (map) maps.set(method, map);
          await draw(result);
        }
        onShown(result);
        return [...unable, METHODS.done(seconds(performance.now() - start))].join(" ");
      },
      METHODS.cancelled,
    );
  };
  element("compare-methods", HTMLButtonElement).addEventListener("click", compare);
  save.addEventListener("click", () => {
    if (of) saveFigure(of, drawFigureOf(of, panesOf(of)), "methods").catch(complain);
  });
  return { compare };
}

/** Whether maps of a result are shown. @param {Result} result */
export function hasMethods(result) {
  return of === result && maps.size > 0;
}

/** With another threshold, window or colours. @param {Result} result */
export async function redrawMethods(result) {
  if (hasMethods(result)) await draw(result);
}

/** For another slice, which the maps do not explain. @param {Result} result */
export function followMethods(result) {
  if (of === null || of === result) return;
  of = null;
  maps = new Map();
  task.leave();
  list.replaceChildren();
  save.hidden = true;
}

/** @param {Result} result */
async function draw(result) {
  const { explanation, overlap } = result;
  const coin = await figureOf(result, METHODS.coin, explanation.difference, result.mask, overlap?.iou ?? null);
  const figures = [...maps].map(async ([method, map]) => {
    const mask = await maskOf({ difference: map, size: explanation.size }, { threshold: THRESHOLD });
    const iou = result.truth && overlapOf(mask, result.truth).iou;
    return figureOf(result, METHODS.names[/** @type {SaliencyMethod} */ (method)], map, mask, iou);
  });
  const all = await Promise.all(figures);
  if (of !== result) return;
  list.replaceChildren(coin, ...all);
  save.hidden = maps.size === 0;
}

/**
 * A map over the slice, with its mask outlined.
 *
 * @param {Result} result
 * @param {string} name
 * @param {Float32Array} map
 * @param {Uint8Array | null} mask
 * @param {number | null} iou
 */
async function figureOf({ explanation, view }, name, map, mask, iou) {
  const { size } = explanation;
  const canvas = create("canvas", { width: 512, height: 512, role: "img", ariaLabel: METHODS.picture(name) });
  drawInput(canvas, explanation, view);
  const heat = create("canvas", { width: 512, height: 512 });
  drawColours(heat, await coloursOf(map, chosenColours()), size);
  const context = canvas.getContext("2d");
  if (context) {
    context.globalAlpha = 0.6;
    context.drawImage(heat, 0, 0);
    context.globalAlpha = 1;
  }
  if (mask) drawMask(canvas, mask, size, MASK_COLOUR, 0);
  const words = iou === null ? name : METHODS.withIou(name, iou);
  return create("figure", {}, create("div", { className: "canvas" }, canvas), create("figcaption", {}, words));
}

/** @param {Result} result */
function panesOf(result) {
  const shown = [...list.querySelectorAll("figure")].flatMap((figure) => {
    const canvas = figure.querySelector("canvas");
    return canvas ? [{ canvas, name: figure.querySelector("figcaption")?.textContent ?? "" }] : [];
  });
  const input = create("canvas", { width: 512, height: 512 });
  drawInput(input, result.explanation, result.view);
  return [{ canvas: input, name: METHODS.input }, ...shown];
}
