import { Explainer, maskOf } from "../coin.js";
import { MASK_COLOUR, drawIntensities, drawMask } from "../pictures.js";
import { create, element } from "./dom.js";
import { bytesOfModel, modelOptions } from "./models.js";
import { maskOnGrid } from "../geometry.js";
import { overlapOf } from "./overlap.js";
import { COMPARISON, seconds } from "./strings.js";
import { verdictOf } from "./verdict.js";
import { Task } from "./task.js";

/** @typedef {import("./main.js").Result} Result */
/** @typedef {import("./models.js").ModelEntry} ModelEntry */

const chooser = element("other-model", HTMLSelectElement);
const shown = element("comparison", HTMLElement);
const task = new Task("compare-models", "comparison");

/** @type {Result | null} */
let of = null;

/**
 * Explains the slice that is shown with another model, too, and puts both side by side.
 *
 * @param {() => Result | null} current
 * @param {() => ModelEntry[]} models
 */
export function acceptComparison(current, models) {
  element("compare-models", HTMLButtonElement).addEventListener("click", () => {
    const result = current();
    const entry = models().find(({ name }) => name === chooser.value);
    if (!result || !entry) return;
    of = result;
    task.run(
      async (signal) => {
        task.progress(COMPARISON.loading(entry.title));
        const bytes = await bytesOfModel(entry, (received, total) => task.progress(COMPARISON.loading(entry.title), received, total), signal);
        // Not cancelled in the middle: the engine is that of the page, too.
        const other = await Explainer.load(bytes, { device: "cpu" });
        signal.throwIfAborted();
        task.progress(COMPARISON.explaining);
        const { slice, truth: inserted } = result.subject;
        const explanation = await other.explain(slice);
        other.close();
        const truth = inserted && maskOnGrid(inserted, slice, explanation);
        const mask = await maskOf(explanation, other.info);
        signal.throwIfAborted();
        const columns = [
          columnOf(result.model.title, result.explanation, result.mask, result.overlap?.iou ?? null),
          columnOf(other.info.title, explanation, mask, truth && overlapOf(mask, truth).iou),
        ];
        shown.replaceChildren(...columns);
        return COMPARISON.done(seconds(explanation.milliseconds));
      },
      COMPARISON.cancelled,
    );
  });
}

/**
 * For another slice or model, which the comparison is not of; the models to compare with are the others.
 *
 * @param {Result} result
 * @param {ModelEntry[]} models
 * @param {string | null} used name of the model in use
 */
export function followComparison(result, models, used) {
  const others = models.filter(({ name }) => name !== used);
  const chosen = chooser.value;
  chooser.replaceChildren(...modelOptions(others));
  if (others.some(({ name }) => name === chosen)) chooser.value = chosen;
  element("comparison-section", HTMLElement).hidden = others.length === 0;
  if (of === null || of === result) return;
  of = null;
  task.leave();
  shown.replaceChildren();
}

/**
 * @param {string} title
 * @param {import("../coin.js").Explanation} explanation
 * @param {Uint8Array | null} mask
 * @param {number | null} iou
 */
function columnOf(title, explanation, mask, iou) {
  const { size, input, counterfactual } = explanation;
  const picture = (/** @type {string} */ name) => create("canvas", { width: 512, height: 512, role: "img", ariaLabel: name });
  const repainted = picture(COMPARISON.counterfactual(title));
  drawIntensities(repainted, counterfactual, size);
  const masked = picture(COMPARISON.mask(title));
  drawIntensities(masked, input, size);
  if (mask) drawMask(masked, mask, size, MASK_COLOUR);
  const { before, after } = verdictOf(explanation);
  const words = [`${before.words} \u2192 ${after.words}`, ...(iou === null ? [] : [COMPARISON.iou(iou)])].join(" · ");
  const pair = create("div", { className: "couple" }, repainted, masked);
  return create("figure", {}, create("figcaption", {}, title), pair, create("p", {}, words));
}
