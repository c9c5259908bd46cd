import { create, element } from "./dom.js";
import { distance, lengthsOf, measured, onImage, onSlice } from "./lengths.js";
import { lineLayer } from "./lines.js";
import { RULER } from "./strings.js";
import { chosenTool } from "./tools.js";

/** @typedef {import("./main.js").Result} Result */
/** @typedef {import("./lengths.js").Length} Length */
/** @typedef {import("./tools.js").Point} Point */

/** CSS pixels within which a press takes hold of an end, or a click meets a line: a finger is less exact. */
const REACH = matchMedia("(pointer: coarse)").matches ? 20 : 8;

const area = element("insert", HTMLElement);
const output = element("ruler-length", HTMLOutputElement);
const drawLines = lineLayer("ruler");
const sheets = [...document.querySelectorAll("#panes .sheet")];
/** The lengths beside the ends of the lines, in every pane. */
const labels = sheets.map((sheet) => sheet.appendChild(create("div", { className: "ruler-labels", ariaHidden: "true" })));

/**
 * The line that is being drawn; the length whose end it moves, if any; and whether it was moved farther than a click.
 *
 * @type {{line: Length, moves: Length | null, isDragged: boolean} | null}
 */
let draft = null;

/**
 * Sets up the length tool, which shows the same lines in all panes. A drag adds a line or moves the end of one; a click on a line,
 * or Delete for the last one, removes it.
 *
 * @param {() => Result | null} current
 * @returns {{tool: import("./tools.js").Tool, setEnd: (at: Point) => void, moveEnd: (at: Point) => void}} `setEnd` sets the
 *   first and then the second end point; `moveEnd` previews the second
 */
export function initRuler(current) {
  const begin = (/** @type {Point} */ at) => {
    const result = current();
    if (!result) return;
    const here = onSlice(at, result);
    const isNear = (/** @type {Point} */ end) => apart(onImage(end, result), at) <= reach();
    const held = lengthsOf(result).findLast(({ from, to }) => isNear(from) || isNear(to)) ?? null;
    const fixed = held && (isNear(held.to) ? held.from : held.to);
    draft = { line: { from: fixed ?? here, to: here }, moves: held, isDragged: false };
    showDraft(result);
  };
  const drag = (/** @type {Point} */ from, /** @type {Point} */ to) => {
    const result = current();
    if (!result || !draft) return;
    draft.line.to = onSlice(to, result);
    draft.isDragged ||= apart(from, to) > reach() / 2;
    showDraft(result);
  };
  const end = (/** @type {Point} */ _, /** @type {Point} */ to) => {
    const [result, ended] = [current(), draft];
    draft = null;
    if (!result || !ended) return;
    const lengths = lengthsOf(result);
    if (ended.isDragged) return keep(result, ended.line, ended.moves);
    const near = lengths.findLastIndex((length) => distance(to, endsOf(length, result)) <= reach());
    if (near >= 0) lengths.splice(near, 1);
    showRuler(result);
  };
  const cancel = () => {
    draft = null;
    const result = current();
    if (result) showRuler(result);
  };
  area.addEventListener("keydown", (event) => {
    const isPlain = !event.ctrlKey && !event.metaKey && !event.altKey && !event.repeat;
    const result = current();
    if (!result || !isPlain || chosenTool() !== "length" || (event.key !== "Delete" && event.key !== "Backspace")) return;
    if (!draft) lengthsOf(result).pop();
    showRuler(result);
  });
  return {
    tool: { begin, drag, end, cancel },
    setEnd(at) {
      const [result, begun] = [current(), draft];
      if (!result) return;
      const here = onSlice(at, result);
      draft = begun ? null : { line: { from: here, to: here }, moves: null, isDragged: true };
      if (begun) keep(result, { ...begun.line, to: here }, begun.moves);
    },
    moveEnd(at) {
      const result = current();
      if (!result || !draft) return;
      draft.line.to = onSlice(at, result);
      showDraft(result);
    },
  };
}

/** Shows the lengths of a slice; what is half drawn is dropped. @param {Result} result */
export function showRuler(result) {
  draft = null;
  showLines(result, lengthsOf(result));
  output.value = lengthTexts(result).join("; ");
}

/** @param {Result} result */
function showDraft(result) {
  if (!draft) return;
  const { line, moves } = draft;
  showLines(result, [...lengthsOf(result).filter((length) => length !== moves), line]);
  output.value = textOf(line, result, RULER.mm, RULER.pixels);
}

/**
 * Keeps a line that was drawn, in the place of the one that it moves.
 *
 * @param {Result} result
 * @param {Length} line
 * @param {Length | null} moves
 */
function keep(result, line, moves) {
  const lengths = lengthsOf(result);
  const at = moves ? lengths.indexOf(moves) : -1;
  if (at >= 0) lengths[at] = line;
  else if (apart(line.from, line.to) > 0) lengths.push(line);
  showLines(result, lengths);
  output.value = textOf(line, result, RULER.mm, RULER.pixels);
}

/** @param {Result} result @param {Length[]} lengths */
function showLines(result, lengths) {
  drawLines(lengths.map((length) => lineOf(length, result)));
  for (const layer of labels) {
    layer.replaceChildren(
      ...lengths.map((length) => {
        const label = create("span", { className: "ruler-label" }, shortTextOf(length, result));
        const { x, y } = onImage(length.to, result);
        label.style.left = `${100 * x}%`;
        label.style.top = `${100 * y}%`;
        return label;
      }),
    );
  }
}

/** The lengths of a result as short texts. @param {Result} result */
export function lengthTexts(result) {
  return lengthsOf(result).map((length) => shortTextOf(length, result));
}

/**
 * Draws the lengths of a result into a picture.
 *
 * @param {CanvasRenderingContext2D} context
 * @param {number} side of the picture in pixels
 * @param {Result} result
 */
export function drawLengths(context, side, result) {
  const [text, margin] = [side / 30, side / 12];
  const within = (/** @type {number} */ at) => Math.min(side - margin, Math.max(margin, at));
  context.save();
  context.strokeStyle = context.fillStyle = getComputedStyle(document.documentElement).getPropertyValue("--truth");
  context.font = `${text}px sans-serif`;
  context.textAlign = "center";
  context.textBaseline = "middle";
  for (const length of lengthsOf(result)) {
    const { x1, y1, x2, y2 } = lineOf(length, result);
    context.lineWidth = side / 250;
    context.beginPath();
    context.moveTo(x1 * side, y1 * side);
    context.lineTo(x2 * side, y2 * side);
    context.stroke();
    // With a dark edge, to be read on bright tissue.
    const at = /** @type {const} */ ([shortTextOf(length, result), within(x2 * side), within(y2 * side + text)]);
    context.save();
    context.strokeStyle = "black";
    context.lineWidth = text / 5;
    context.strokeText(...at);
    context.restore();
    context.fillText(...at);
  }
  context.restore();
}

/** The end points in fractions of the image. @param {Length} length @param {Result} result */
function endsOf({ from, to }, result) {
  return { from: onImage(from, result), to: onImage(to, result) };
}

/** @param {Length} length @param {Result} result @returns {import("../coin.js").Line} */
function lineOf(length, result) {
  const { from, to } = endsOf(length, result);
  return { x1: from.x, y1: from.y, x2: to.x, y2: to.y };
}

/** @param {Length} length @param {Result} result */
function shortTextOf(length, result) {
  return textOf(length, result, RULER.shortMm, RULER.shortPixels);
}

/**
 * @param {Length} length
 * @param {Result} result
 * @param {(mm: number) => string} inMm
 * @param {(pixels: number) => string} inPixels
 */
function textOf(length, result, inMm, inPixels) {
  const { mm, pixels } = measured(length, result);
  return mm === null ? inPixels(pixels) : inMm(mm);
}

/** {@link REACH} in fractions of the image. */
function reach() {
  return REACH / (sheets.map((sheet) => sheet.getBoundingClientRect().width).find((width) => width > 0) ?? Infinity);
}

/** @param {Point} a @param {Point} b */
function apart(a, b) {
  return Math.hypot(a.x - b.x, a.y - b.y);
}
