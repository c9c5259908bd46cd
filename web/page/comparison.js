import { Explainer, maskOf, maskOnGrid, maskRuleOf } from "../coin.js";
import { MASK_COLOUR, drawIntensities, drawMask } from "../pictures.js";
import { create, element } from "./dom.js";
import { bytesOfModel, modelOptions } from "./models.js";
import { overlapOf } from "./overlap.js";
import { COMPARISON, duration } from "./strings.js";
import { verdictOf } from "./verdict.js";
import { Task } from "./task.js";

/** @typedef {import("./main.js").Result} Result */
/** @typedef {import("./models.js").ModelEntry} ModelEntry */

const chooser = element("other-model", HTMLSelectElement);
const columns = element("comparison", HTMLElement);
const task = new Task("compare-models", "comparison");

/** The result that the comparison belongs to. @type {Result | null} */
let comparedResult = null;

/**
 * Sets up the comparison of the shown result with that of another model.
 *
 * @param {() => Result | null} current
 * @param {() => ModelEntry[]} models
 */
export function initComparison(current, models) {
  element("compare-models", HTMLButtonElement).addEventListener("click", () => {
    const result = current();
    const entry = models().find(({ name }) => name === chooser.value);
    if (!result || !entry) return;
    comparedResult = result;
    task.run(
      async (signal) => {
        task.progress(COMPARISON.loading(entry.title));
        const bytes = await bytesOfModel(entry, (received, total) => task.progress(COMPARISON.loading(entry.title), received, total), signal);
        // Not abortable: aborting would kill the engine that the page uses as well.
        const other = await Explainer.load(bytes, { device: "cpu" });
        signal.throwIfAborted();
        task.progress(COMPARISON.explaining);
        const { slice, truth: inserted } = result.input;
        // The normalisation belongs to the model in use.
        const { plain } = await result.input.source.load(result.input.index, other.info, signal);
        const explanation = await other.explain({ ...slice, normalisation: plain.normalisation });
        other.close();
        const truth = inserted && (await maskOnGrid(slice, inserted, explanation));
        const mask = await maskOf(explanation, maskRuleOf(other.info));
        signal.throwIfAborted();
        columns.replaceChildren(
          ownColumn(result),
          columnOf(other.info.title, explanation, mask, truth && overlapOf(mask, truth).iou),
        );
        return COMPARISON.done(duration(explanation.milliseconds));
      },
      COMPARISON.cancelled,
    );
  });
}

/**
 * Lists the models to compare with, and clears the comparison if it belongs to another result.
 *
 * @param {Result} result
 * @param {ModelEntry[]} models
 * @param {string | null} used name of the model in use
 */
export function resetComparison(result, models, used) {
  const others = models.filter(({ name }) => name !== used);
  const chosen = chooser.value;
  chooser.replaceChildren(...modelOptions(others));
  if (others.some(({ name }) => name === chosen)) chooser.value = chosen;
  element("comparison-section", HTMLElement).hidden = others.length === 0;
  if (comparedResult === null || comparedResult === result) return;
  comparedResult = null;
  task.reset();
  columns.replaceChildren();
}

/** Shows the changed mask of a result in the comparison that it belongs to. @param {Result} result */
export function redrawComparison(result) {
  if (comparedResult === result) columns.firstElementChild?.replaceWith(ownColumn(result));
}

/** @param {Result} result */
function ownColumn({ model, explanation, mask, overlap }) {
  return columnOf(model.title, explanation, mask, overlap?.iou ?? null);
}

/**
 * Counterfactual, mask and classification of one model.
 *
 * @param {string} title
 * @param {import("../coin.js").Explanation} explanation
 * @param {Uint8Array | null} mask
 * @param {number | null} iou
 */
function columnOf(title, explanation, mask, iou) {
  const { size, input, counterfactual } = explanation;
  const canvasNamed = (/** @type {string} */ name) => create("canvas", { width: 512, height: 512, role: "img", ariaLabel: name });
  const left = canvasNamed(COMPARISON.counterfactual(title));
  drawIntensities(left, counterfactual, size);
  const right = canvasNamed(COMPARISON.mask(title));
  drawIntensities(right, input, size);
  if (mask) drawMask(right, mask, size, MASK_COLOUR);
  const { before, after } = verdictOf(explanation);
  const text = [`${before.text} \u2192 ${after.text}`, ...(iou === null ? [] : [COMPARISON.iou(iou)])].join(" · ");
  const canvases = create("div", { className: "couple" }, left, right);
  return create("figure", {}, create("figcaption", {}, title), canvases, create("p", {}, text));
}
