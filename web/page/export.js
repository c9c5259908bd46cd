import { create, element } from "./dom.js";
import { count } from "./geometry.js";
import { canvases } from "./panes.js";
import { EXPORT, VERDICT, probability } from "./strings.js";
import { maskOptions } from "./threshold.js";

/** @typedef {import("./main.js").Result} Result */

const buttons = { figure: element("save-figure", HTMLButtonElement), summary: element("save-summary", HTMLButtonElement) };

const PANE = 512;
const GAP = 24;
const STRIP = 48;
const LINE = 36;

/** @param {() => Result | null} current */
export function acceptSaving(current) {
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
}

/**
 * While something new is computed, the panes do not all show the same slice.
 *
 * @param {boolean} allowed
 */
export function allowSaving(allowed) {
  buttons.figure.disabled = !allowed;
  buttons.summary.disabled = !allowed;
}

/** @param {Result} result */
function summaryOf({ subject, explanation, model, device, mask, iou }) {
  const { source, index } = subject;
  return {
    use: EXPORT.use,
    made: new Date().toISOString(),
    input: { name: source.name, slice: index, credit: source.credit, anomaly_known: subject.truth !== null },
    model: { name: model.name, licence: model.licence, window: model.window },
    device: { engine: device.engine, name: device.name },
    before: explanation.before,
    after: explanation.after,
    ...maskOptions(),
    mask_pixels: mask && count(mask),
    grid: explanation.size,
    iou,
    milliseconds: explanation.milliseconds,
  };
}

/** @param {Result} result */
function drawFigure({ subject, explanation, model }) {
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

  const write = (/** @type {string} */ text, /** @type {number} */ x, /** @type {number} */ y, /** @type {number} */ limit) => {
    context.fillStyle = "#e6e9ee";
    context.font = "22px sans-serif";
    context.fillText(text, x, y, limit);
  };
  const whole = width - 2 * GAP;
  const { threshold, postprocess } = maskOptions();
  write(`${VERDICT.before} ${VERDICT.abnormal(probability(explanation.before))} \u2192 ${VERDICT.after} ${probability(explanation.after)}`, GAP, STRIP + LINE * 0.6, whole);
  canvases.forEach((pane, i) => {
    const x = GAP + i * (PANE + GAP);
    write(EXPORT.panes[i], x, STRIP + LINE * 1.5, PANE);
    context.drawImage(pane, x, top, PANE, PANE);
    // Again in each picture, in case it is cut out.
    context.fillStyle = "rgb(255 212 121 / 80%)";
    context.font = "16px sans-serif";
    context.fillText(EXPORT.burnt, x + 8, top + PANE - 14, PANE - 16);
  });
  write(EXPORT.settings(model.name, threshold, postprocess), GAP, top + PANE + LINE * 0.7, whole);
  write([subject.source.name, subject.source.credit].filter(Boolean).join(", "), GAP, top + PANE + LINE * 1.5, whole);
  return canvas;
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
