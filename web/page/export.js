import { captureOf } from "../coin.js";
import { FALSE_NEGATIVE_COLOUR, MASK_COLOUR, TRUE_POSITIVE_COLOUR } from "../pictures.js";
import { countPixels } from "../geometry.js";
import { csvOf, rounded } from "./csv.js";
import { element } from "./dom.js";
import { editsOf } from "./edits.js";
import { drawFigureOf, isInserted, save, saveFigure, stem, stemOf } from "./figure.js";
import { lengthOf, measuredComponents } from "./measurements.js";
import { canvases } from "./panes.js";
import { printReport } from "./report.js";
import { EXPORT } from "./strings.js";
import { unitOf } from "./units.js";

/** @typedef {import("./main.js").Result} Result */
/** @typedef {"counterfactual" | "mask" | "segmentation"} ScanFile */

const buttons = {
  figure: element("save-figure", HTMLButtonElement),
  capture: element("save-capture", HTMLButtonElement),
  summary: element("save-summary", HTMLButtonElement),
  components: element("save-components", HTMLButtonElement),
  report: element("print-report", HTMLButtonElement),
};

/** File name suffixes of the files on the scan's grid. */
const SUFFIXES = { counterfactual: "counterfactual.nii.gz", mask: "mask.nii.gz", segmentation: "segmentation.dcm" };

const FILES = /** @type {const} */ ([
  { button: element("save-counterfactual", HTMLButtonElement), file: "counterfactual" },
  { button: element("save-mask", HTMLButtonElement), file: "mask" },
  { button: element("save-segmentation", HTMLButtonElement), file: "segmentation" },
]);

/**
 * Sets up the save buttons.
 *
 * @param {() => Result | null} current
 * @param {(error: unknown) => void} showError
 */
export function initExport(current, showError) {
  buttons.figure.addEventListener("click", () => {
    const result = current();
    if (result) saveFigure(result, drawFigure(result)).catch(showError);
  });
  buttons.capture.addEventListener("click", () => {
    const result = current();
    if (result) saveCapture(result).catch(showError);
  });
  buttons.summary.addEventListener("click", () => {
    const result = current();
    if (!result) return;
    componentsOf(result)
      .then((components) => {
        const text = `${JSON.stringify({ ...summaryOf(result), components }, null, 2)}\n`;
        save(new Blob([text], { type: "application/json" }), `${stem(result)}.json`);
      })
      .catch(showError);
  });
  buttons.report.addEventListener("click", () => {
    const result = current();
    if (result) printReport(result).catch(showError);
  });
  buttons.components.addEventListener("click", () => {
    const result = current();
    if (!result) return;
    componentsOf(result)
      .then((components) => save(new Blob([csvOf(components, ["component"])], { type: "text/csv" }), `${stem(result)}-${correctedMark(!editsOf(result).isEmpty)}components.csv`))
      .catch(showError);
  });
  for (const { button, file } of FILES) {
    button.addEventListener("click", async () => {
      const result = current();
      if (!result) return;
      button.disabled = true;
      const { input, explanation, mask, model } = result;
      const slices = mask ? [{ index: input.index, explanation, mask }] : [];
      await saveScan(input.source, file, slices, model, String(input.index + 1), !editsOf(result).isEmpty).catch(showError);
      button.disabled = false;
    });
  }
}

/**
 * Saves explained slices on the grid of their scan.
 *
 * @param {import("./main.js").ImageSource} source
 * @param {ScanFile} file
 * @param {import("../coin.js").ExplainedSlice[]} slices
 * @param {import("../coin.js").ModelInfo} model
 * @param {string} which slice number or "all", for the file name
 * @param {boolean} corrected a mask was edited by hand
 */
export async function saveScan(source, file, slices, model, which, corrected) {
  const content = await source.scan?.write(file, slices, { model, corrected });
  if (!content) throw new Error(EXPORT.nothing);
  const mark = correctedMark(corrected && file !== "counterfactual");
  save(new Blob([content]), `${stemOf(source, which)}-${mark}${SUFFIXES[file]}`);
}

/** What the name of a file says of a mask that was edited by hand. @param {boolean} corrected */
export function correctedMark(corrected) {
  return corrected ? "corrected-" : "";
}

/**
 * Enables the save buttons that apply to a result; null disables all, while the panes do not show the same slice.
 *
 * @param {Result | null} result
 */
export function enableExport(result) {
  for (const button of Object.values(buttons)) button.disabled = !result;
  for (const { button, file } of FILES) {
    button.disabled = !result;
    if (result) button.hidden = !isOnGrid(result, file);
  }
}

/**
 * Whether a file can be written for a result. Slices with an inserted anomaly are not written to the grid of the scan.
 *
 * @param {Result} result
 * @param {ScanFile} file
 */
function isOnGrid({ input: { source, slice, plain } }, file) {
  const info = source.scan?.info;
  const can = file === "segmentation" ? info?.isSegmentable : info?.isVolume;
  return slice === plain && can === true;
}

/**
 * Measurements of the mask's components, for the summary and the table; lengths are null without a pixel spacing.
 *
 * @param {Result} result
 */
async function componentsOf(result) {
  const { pixelMm } = result.explanation.square;
  const { components } = await measuredComponents(result);
  const mm = (/** @type {number} */ pixels) => (pixelMm ? rounded(pixels * pixelMm) : null);
  return components.map(({ pixels, longest, perpendicular, before, after, difference, box }, i) => ({
    component: i + 1,
    pixels,
    area_mm2: pixelMm ? rounded(pixels * pixelMm ** 2) : null,
    longest_mm: mm(lengthOf(longest)),
    perpendicular_mm: mm(lengthOf(perpendicular)),
    mean_before: rounded(before.mean),
    sd_before: rounded(before.sd),
    mean_after: rounded(after.mean),
    sd_after: rounded(after.sd),
    mean_difference: rounded(difference),
    left: box.left,
    top: box.top,
    right: box.right,
    bottom: box.bottom,
  }));
}

/** Content of the JSON summary. @param {Result} result */
function summaryOf(result) {
  const { input, explanation, model, device, mask, maskRule, overlap } = result;
  const { source, index } = input;
  const { source: maskFrom, ...rule } = maskRule ?? { source: null };
  return {
    use: EXPORT.use,
    made: new Date().toISOString(),
    input: { name: source.name, slice: index + 1, credit: source.credit, inserted: isInserted(input) },
    model: { name: model.name, licence: model.licence, window: explanation.window, unit: unitOf(model, source.scan) },
    device: { engine: device.engine, name: device.name },
    before: explanation.before,
    after: explanation.after,
    temperature: model.temperature,
    oodScore: explanation.oodScore,
    mask_from: maskFrom,
    ...rule,
    corrected: !editsOf(result).isEmpty,
    mask_pixels: mask && countPixels(mask),
    grid: explanation.size,
    square: explanation.square,
    iou: overlap?.iou ?? null,
    dice: overlap?.dice ?? null,
    milliseconds: explanation.milliseconds,
  };
}

/** Saves the figure as DICOM secondary capture. @param {Result} result */
async function saveCapture(result) {
  const { input: { source, index }, model } = result;
  const figure = drawFigure(result);
  const picture = figure.getContext("2d")?.getImageData(0, 0, figure.width, figure.height);
  if (!picture) return;
  const content = await (source.scan ? source.scan.capture(picture, index, model) : captureOf(picture, model));
  save(new Blob([content], { type: "application/dicom" }), `${stem(result)}-figure.dcm`);
}

/** Draws the four panes as a figure. @param {Result} result */
function drawFigure(result) {
  const panes = canvases.map((canvas, i) => ({ canvas, name: EXPORT.panes[i] }));
  const key = isInserted(result.input)
    ? [{ text: EXPORT.falseNegative, ...FALSE_NEGATIVE_COLOUR }, { text: EXPORT.falsePositive, ...MASK_COLOUR }, { text: EXPORT.truePositive, ...TRUE_POSITIVE_COLOUR }]
    : [{ text: EXPORT.mask, ...MASK_COLOUR }];
  return drawFigureOf(result, panes, { maskRule: result.maskRule, corrected: !editsOf(result).isEmpty }, key);
}
