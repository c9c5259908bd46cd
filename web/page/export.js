import { create, element } from "./dom.js";
import { nameOf } from "./files.js";
import { count } from "./geometry.js";
import { FOUND_COLOUR, MASK_COLOUR, MISSED_COLOUR, canvases } from "./panes.js";
import { EXPORT, VERDICT } from "./strings.js";
import { verdictOf } from "./verdict.js";

/** @typedef {import("./main.js").Result} Result */

const buttons = { figure: element("save-figure", HTMLButtonElement), summary: element("save-summary", HTMLButtonElement) };

/** What is written on the scan's own grid: the button, what `Scan.write` calls it, and how the file's name ends. */
const FILES = /** @type {const} */ ([
  { button: element("save-counterfactual", HTMLButtonElement), file: "counterfactual", ending: "counterfactual.nii.gz" },
  { button: element("save-mask", HTMLButtonElement), file: "mask", ending: "mask.nii.gz" },
  { button: element("save-segmentation", HTMLButtonElement), file: "segmentation", ending: "segmentation.dcm" },
]);

const PANE = 512;
const GAP = 24;
const STRIP = 48;
const LINE = 36;

/**
 * @param {() => Result | null} current
 * @param {(error: unknown) => void} complain
 */
export function acceptSaving(current, complain) {
  buttons.figure.addEventListener("click", async () => {
    const result = current();
    if (result) save(await drawFigure(result).convertToBlob({ type: "image/png" }), `${stem(result)}.png`);
  });
  buttons.summary.addEventListener("click", () => {
    const result = current();
    if (!result) return;
    const text = `${JSON.stringify(summaryOf(result), null, 2)}\n`;
    save(new Blob([text], { type: "application/json" }), `${stem(result)}.json`);
  });
  for (const { button, file, ending } of FILES) {
    button.addEventListener("click", async () => {
      const result = current();
      if (!result) return;
      button.disabled = true;
      await saveOnGrid(result, file, ending).catch(complain);
      button.disabled = false;
    });
  }
}

/**
 * @param {Result} result
 * @param {"counterfactual" | "mask" | "segmentation"} file
 * @param {string} ending
 */
async function saveOnGrid(result, file, ending) {
  const { subject, explanation, mask, model } = result;
  const content = mask && (await subject.source.scan?.write(file, subject.index, explanation, { mask, model }));
  if (!content) throw new Error(EXPORT.nothing);
  save(new Blob([content]), `${stem(result)}-${ending}`);
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
 * Whether a file of the scan can be told of. What was planted into a slice is nothing to tell of it.
 *
 * @param {Result} result
 * @param {"counterfactual" | "mask" | "segmentation"} file
 */
function isOnGrid({ subject: { source, slice, plain } }, file) {
  const info = source.scan?.info;
  const can = file === "segmentation" ? info?.isSegmentable : info?.isVolume;
  return slice === plain && can === true;
}

/** @param {Result} result */
function summaryOf({ subject, explanation, model, device, mask, masking, overlap }) {
  const { source, index } = subject;
  return {
    use: EXPORT.use,
    made: new Date().toISOString(),
    input: { name: source.name, slice: index + 1, credit: source.credit, planted: isPlanted(subject) },
    model: { name: model.name, licence: model.licence, window: model.window },
    device: { engine: device.engine, name: device.name },
    before: explanation.before,
    after: explanation.after,
    ...masking,
    mask_pixels: mask && count(mask),
    grid: explanation.size,
    iou: overlap?.iou ?? null,
    dice: overlap?.dice ?? null,
    milliseconds: explanation.milliseconds,
  };
}

/** @param {Result} result */
function drawFigure({ subject, explanation, model, masking, view }) {
  const width = canvases.length * (PANE + GAP) + GAP;
  const top = STRIP + 2 * LINE;
  const height = top + PANE + 2 * LINE + STRIP;
  const canvas = new OffscreenCanvas(width, height);
  const context = /** @type {OffscreenCanvasRenderingContext2D} */ (canvas.getContext("2d"));
  context.fillStyle = "#0d1117";
  context.fillRect(0, 0, width, height);

  context.textBaseline = "middle";
  for (const y of [0, height - STRIP]) {
    context.fillStyle = "#ffd479";
    context.fillRect(0, y, width, STRIP);
    context.fillStyle = "#1a1300";
    context.font = "bold 24px sans-serif";
    context.fillText(EXPORT.burnt, GAP, y + STRIP / 2, width - 2 * GAP);
  }

  const write = (/** @type {string} */ text, /** @type {number} */ x, /** @type {number} */ y, /** @type {number} */ limit, colour = "#e6e9ee") => {
    context.fillStyle = colour;
    context.font = "22px sans-serif";
    context.fillText(text, x, y, limit);
  };
  const whole = width - 2 * GAP;
  const { before, after } = verdictOf(explanation);
  write(`${VERDICT.before} ${before.words} \u2192 ${VERDICT.after} ${after.words}`, GAP, STRIP + LINE * 0.6, whole);
  const planted = isPlanted(subject);
  const burnt = planted ? [EXPORT.burnt, EXPORT.planted] : [EXPORT.burnt];
  canvases.forEach((pane, i) => {
    const x = GAP + i * (PANE + GAP);
    write(EXPORT.panes[i], x, STRIP + LINE * 1.5, PANE);
    context.drawImage(pane, x, top, PANE, PANE);
    // Again in each picture, in case it is cut out.
    context.fillStyle = "rgb(255 212 121 / 80%)";
    context.font = "16px sans-serif";
    burnt.forEach((text, line) => context.fillText(text, x + 8, top + PANE - 14 - 20 * line, PANE - 16));
  });
  // The key stands at the right of the last pane's name.
  context.textAlign = "right";
  const key = planted
    ? [{ words: EXPORT.missed, ...MISSED_COLOUR }, { words: EXPORT.wrong, ...MASK_COLOUR }, { words: EXPORT.found, ...FOUND_COLOUR }]
    : [{ words: EXPORT.changed, ...MASK_COLOUR }];
  key.forEach(({ words, line }, i) => write(words, width - GAP - i * PANE * 0.24, STRIP + LINE * 1.5, PANE, line));
  context.textAlign = "left";
  const shown = view?.window ?? model.window;
  if (masking) write(EXPORT.settings(model.name, shown, masking), GAP, top + PANE + LINE * 0.7, whole);
  write([nameOf(subject), subject.source.credit].filter(Boolean).join(", "), GAP, top + PANE + LINE * 1.5, whole);
  return canvas;
}

/**
 * The truth is known of planted anomalies alone, be it by the reader or in a phantom.
 *
 * @param {import("./main.js").Subject} subject
 */
function isPlanted({ truth }) {
  return truth !== null;
}

/** @param {Result} result */
function stem({ subject }) {
  return `coin-${subject.source.name.replace(/[^\w-]+/g, "-")}-${subject.index + 1}`;
}

/**
 * @param {Blob} blob
 * @param {string} name
 */
function save(blob, name) {
  const href = URL.createObjectURL(blob);
  create("a", { href, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(href), 10_000);
}
