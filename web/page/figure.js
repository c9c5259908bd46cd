import { nameOf } from "./files.js";
import { EXPORT, VERDICT } from "./strings.js";
import { verdictOf } from "./verdict.js";
import { create } from "./dom.js";
import { unitOf } from "./units.js";

/** @typedef {import("./main.js").Result} Result */

const PANE = 512;
const GAP = 24;
const STRIP = 48;
const LINE = 36;

/**
 * Panes side by side with what they are of, and what they are for burnt in.
 *
 * @param {Result} result
 * @param {{canvas: HTMLCanvasElement, name: string}[]} panes
 * @param {{words: string, line: string}[]} [key] to the last pane's colours, from the right
 */
export function drawFigureOf({ subject, explanation, model, maskRule, view }, panes, key = []) {
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
  write(`${VERDICT.before} ${before.words} \u2192 ${VERDICT.after} ${after.words}`, GAP, STRIP + LINE * 0.6, whole);
  const burnt = isInserted(subject) ? [EXPORT.burnt, EXPORT.inserted] : [EXPORT.burnt];
  panes.forEach(({ canvas: pane, name }, i) => {
    const x = GAP + i * (PANE + GAP);
    write(name, x, STRIP + LINE * 1.5, PANE);
    context.drawImage(pane, x, top, PANE, PANE);
    // Again in each picture, in case it is cut out.
    context.fillStyle = "rgb(255 212 121 / 80%)";
    context.font = "16px sans-serif";
    burnt.forEach((text, line) => context.fillText(text, x + 8, top + PANE - 14 - 20 * line, PANE - 16));
  });
  // The key stands at the right of the last pane's name.
  context.textAlign = "right";
  key.forEach(({ words, line }, i) => write(words, width - GAP - i * PANE * 0.24, STRIP + LINE * 1.5, PANE, line));
  context.textAlign = "left";
  const shown = view?.window ?? explanation.window;
  const unit = unitOf(model, subject.source.scan);
  if (maskRule) write(EXPORT.settings(model.name, shown, unit, maskRule), GAP, top + PANE + LINE * 0.7, whole);
  write([nameOf(subject), subject.source.credit].filter(Boolean).join(", "), GAP, top + PANE + LINE * 1.5, whole);
  return canvas;
}

/**
 * Saves a figure of a result.
 *
 * @param {Result} result
 * @param {OffscreenCanvas} canvas
 * @param {string} [ending] of the file's name
 */
export async function saveFigure(result, canvas, ending) {
  save(await canvas.convertToBlob({ type: "image/png" }), `${[stem(result), ending].filter(Boolean).join("-")}.png`);
}

/**
 * The truth is known of synthetic anomalies alone, be it by the reader or in a phantom.
 *
 * @param {import("./main.js").Subject} subject
 */
export function isInserted({ truth }) {
  return truth !== null;
}

/** @param {Result} result */
export function stem({ subject }) {
  return stemOf(subject.source, String(subject.index + 1));
}

/**
 * How the name of a saved file begins.
 *
 * @param {import("./main.js").Source} source
 * @param {string} which of its slices
 */
export function stemOf({ name }, which) {
  return `coin-${name.replace(/[^\w-]+/g, "-")}-${which}`;
}

/**
 * @param {Blob} blob
 * @param {string} name
 */
export function save(blob, name) {
  const href = URL.createObjectURL(blob);
  create("a", { href, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(href), 10_000);
}
