import { nameOf } from "./files.js";
import { EXPORT, VERDICT } from "./strings.js";
import { leadOf, verdictOf } from "./verdict.js";
import { create } from "./dom.js";
import { drawOrientation } from "./panes.js";
import { unitOf } from "./units.js";

/** @typedef {import("./main.js").Result} Result */

const PANE = 512;
const GAP = 24;
const STRIP = 48;
const LINE = 36;

/**
 * Draws panes side by side with captions and the burnt-in notice “Research use only”.
 *
 * @param {Result} result
 * @param {{canvas: HTMLCanvasElement, name: string}[]} panes
 * @param {{maskRule: import("../coin.js").MaskRule | null, corrected: boolean}} mask that the panes show
 * @param {{text: string, line: string}[]} [key] colours of the last pane, right to left
 */
export function drawFigureOf(result, panes, { maskRule, corrected }, key = []) {
  const { input, explanation, model, view } = result;
  const width = panes.length * (PANE + GAP) + GAP;
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
  write(`${leadOf(model)} ${before.text} \u2192 ${VERDICT.after} ${after.text}`, GAP, STRIP + LINE * 0.6, whole);
  const burnt = isInserted(input) ? [EXPORT.burnt, EXPORT.inserted] : [EXPORT.burnt];
  panes.forEach(({ canvas: pane, name }, i) => {
    const x = GAP + i * (PANE + GAP);
    write(name, x, STRIP + LINE * 1.5, PANE);
    context.drawImage(pane, x, top, PANE, PANE);
    if (input.source.scan?.info.isOriented) drawOrientation(context, { x, y: top, side: PANE });
    // Repeated in each pane, in case it is cropped.
    context.fillStyle = "rgb(255 212 121 / 80%)";
    context.font = "16px sans-serif";
    burnt.forEach((text, line) => context.fillText(text, x + 8, top + PANE - 14 - 20 * line, PANE - 16));
  });
  // Right-aligned above the last pane.
  context.font = "18px sans-serif";
  let right = width - GAP;
  for (const { text, line } of key) {
    right -= context.measureText(text).width;
    context.fillStyle = line;
    context.fillText(text, right, STRIP + LINE * 1.5);
    right -= GAP / 2;
  }
  const shown = view?.window ?? explanation.window;
  const unit = unitOf(model, input.source.scan);
  if (maskRule) write([EXPORT.settings(model.name, shown, unit, maskRule), corrected ? EXPORT.corrected : ""].filter(Boolean).join(", "), GAP, top + PANE + LINE * 0.7, whole);
  // Without the folders, which are often named after a patient.
  const name = nameOf(input).split("/").at(-1);
  write([name, input.source.credit].filter(Boolean).join(", "), GAP, top + PANE + LINE * 1.5, whole);
  return canvas;
}

/**
 * Saves a figure as PNG.
 *
 * @param {Result} result
 * @param {OffscreenCanvas} canvas
 * @param {string} [suffix] of the file name
 */
export async function saveFigure(result, canvas, suffix) {
  save(await canvas.convertToBlob({ type: "image/png" }), `${[stem(result), suffix].filter(Boolean).join("-")}.png`);
}

/**
 * Whether the slice has a synthetic anomaly, from the user or in a phantom: only these have a ground truth.
 *
 * @param {import("./main.js").InputSlice} input
 */
export function isInserted({ truth }) {
  return truth !== null;
}

/** File name stem for a result. @param {Result} result */
export function stem({ input }) {
  return stemOf(input.source, String(input.index + 1));
}

/**
 * File name stem for slices of a source.
 *
 * @param {import("./main.js").ImageSource} source
 * @param {string} which slice number or "all"
 */
export function stemOf({ name }, which) {
  return `coin-${name.replace(/[^\w-]+/g, "-")}-${which}`;
}

/**
 * Downloads a blob.
 *
 * @param {Blob} blob
 * @param {string} name
 */
export function save(blob, name) {
  const href = URL.createObjectURL(blob);
  create("a", { href, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(href), 10_000);
}
