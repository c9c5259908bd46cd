import { FOUND_COLOUR, MASK_COLOUR, MISSED_COLOUR } from "../pictures.js";
import { count } from "../geometry.js";
import { element } from "./dom.js";
import { drawFigureOf, isInserted, save, saveFigure, stem, stemOf } from "./figure.js";
import { canvases } from "./panes.js";
import { EXPORT } from "./strings.js";
import { unitOf } from "./units.js";

/** @typedef {import("./main.js").Result} Result */
/** @typedef {"counterfactual" | "mask" | "segmentation"} ScanFile */

const buttons = { figure: element("save-figure", HTMLButtonElement), summary: element("save-summary", HTMLButtonElement) };

/** What is written on the scan's own grid, and how the file's name ends. */
const ENDINGS = { counterfactual: "counterfactual.nii.gz", mask: "mask.nii.gz", segmentation: "segmentation.dcm" };

const FILES = /** @type {const} */ ([
  { button: element("save-counterfactual", HTMLButtonElement), file: "counterfactual" },
  { button: element("save-mask", HTMLButtonElement), file: "mask" },
  { button: element("save-segmentation", HTMLButtonElement), file: "segmentation" },
]);

/**
 * @param {() => Result | null} current
 * @param {(error: unknown) => void} complain
 */
export function acceptSaving(current, complain) {
  buttons.figure.addEventListener("click", () => {
    const result = current();
    if (result) saveFigure(result, drawFigure(result)).catch(complain);
  });
  buttons.summary.addEventListener("click", () => {
    const result = current();
    if (!result) return;
    const text = `${JSON.stringify(summaryOf(result), null, 2)}\n`;
    save(new Blob([text], { type: "application/json" }), `${stem(result)}.json`);
  });
  for (const { button, file } of FILES) {
    button.addEventListener("click", async () => {
      const result = current();
      if (!result) return;
      button.disabled = true;
      const { subject, explanation, mask, model } = result;
      const slices = mask ? [{ index: subject.index, explanation, mask }] : [];
      await saveScan(subject.source, file, slices, model, String(subject.index + 1)).catch(complain);
      button.disabled = false;
    });
  }
}

/**
 * Saves explained slices on their scan's own grid.
 *
 * @param {import("./main.js").Source} source
 * @param {ScanFile} file
 * @param {import("../coin.js").ExplainedSlice[]} slices
 * @param {import("../coin.js").ModelInfo} model
 * @param {string} which of the slices, for the file's name
 */
export async function saveScan(source, file, slices, model, which) {
  const content = await source.scan?.write(file, slices, { model });
  if (!content) throw new Error(EXPORT.nothing);
  save(new Blob([content]), `${stemOf(source, which)}-${ENDINGS[file]}`);
}

/**
 * While something new is computed, the panes do not all show the same slice.
 *
 * @param {Result | null} result that may be saved
 */
export function allowSaving(result) {
  buttons.figure.disabled = !result;
  buttons.summary.disabled = !result;
  for (const { button, file } of FILES) {
    button.disabled = !result;
    if (result) button.hidden = !isOnGrid(result, file);
  }
}

/**
 * Whether a file of the scan can be told of. What was inserted into a slice is nothing to tell of it.
 *
 * @param {Result} result
 * @param {ScanFile} file
 */
function isOnGrid({ subject: { source, slice, plain } }, file) {
  const info = source.scan?.info;
  const can = file === "segmentation" ? info?.isSegmentable : info?.isVolume;
  return slice === plain && can === true;
}

/** @param {Result} result */
function summaryOf({ subject, explanation, model, device, mask, maskRule, overlap }) {
  const { source, index } = subject;
  return {
    use: EXPORT.use,
    made: new Date().toISOString(),
    input: { name: source.name, slice: index + 1, credit: source.credit, inserted: isInserted(subject) },
    model: { name: model.name, licence: model.licence, window: explanation.window, unit: unitOf(model, source.scan) },
    device: { engine: device.engine, name: device.name },
    before: explanation.before,
    after: explanation.after,
    oodScore: explanation.oodScore,
    ...maskRule,
    mask_pixels: mask && count(mask),
    grid: explanation.size,
    square: explanation.square,
    iou: overlap?.iou ?? null,
    dice: overlap?.dice ?? null,
    milliseconds: explanation.milliseconds,
  };
}

/** @param {Result} result */
function drawFigure(result) {
  const panes = canvases.map((canvas, i) => ({ canvas, name: EXPORT.panes[i] }));
  const key = isInserted(result.subject)
    ? [{ words: EXPORT.missed, ...MISSED_COLOUR }, { words: EXPORT.wrong, ...MASK_COLOUR }, { words: EXPORT.found, ...FOUND_COLOUR }]
    : [{ words: EXPORT.changed, ...MASK_COLOUR }];
  return drawFigureOf(result, panes, key);
}
