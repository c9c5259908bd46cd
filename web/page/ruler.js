import { create, element } from "./dom.js";
import { distance, lengthsOf, measured, onImage, onSlice } from "./lengths.js";
import { lineLayer } from "./lines.js";
import { RULER } from "./strings.js";
import { chosenTool } from "./tools.js";

/** @typedef {import("./main.js").Result} Result */
/** @typedef {import("./lengths.js").Length} Length */
/** @typedef {import("./tools.js").Point} Point */

/** CSS pixels within which a press takes hold of an end, or a click meets a line. */
const REACH = 8;

const area = element("insert", HTMLElement);
const output = element("ruler-length", HTMLOutputElement);
const drawLines = lineLayer("ruler");
const sheets = [...document.querySelectorAll("#panes .sheet")];
/** The lengths beside the ends of the lines, in every pane. */
const labels = sheets.map((sheet) => sheet.appendChild(create("div", { className: "ruler-labels", ariaHidden: "true" })));

/** The line whose end is moved. @type {Length | null} */
let moved = null;
/** Whether the drag has added it. */
let isNew = false;
/** The line whose first end was set with the keyboard, until the second is set. @type {Length | null} */
let begun = null;

/**
 * Sets up the length tool, which shows the same lines in all panes. A drag adds a line or moves the end of one; a click on a line,
 * or Delete for the last one, removes it.
 *
 * @param {() => Result | null} current
 * @returns {{tool: import("./tools.js").Tool, setEnd: (at: Point) => void, moveEnd: (at: Point) => void}} `setEnd` sets the
 *   first and then the second end point; `moveEnd` previews the second
 */
export function initRuler(current) {
  /** @type {(change: (result: Result, lengths: Length[]) => Length | null | undefined) => void} */
  const edit = (change) => {
    const result = current();
    if (!result) return;
    const shown = change(result, lengthsOf(result));
    showLengths(result);
    output.value = shown ? textOf(shown, result, RULER.mm, RULER.pixels) : "";
  };
  const begin = (/** @type {Point} */ at) =>
    edit((result, lengths) => {
      const reach = reachOn(result);
      const here = onSlice(at, result);
      const held = lengths.findLast(({ from, to }) => Math.min(apart(from, here), apart(to, here)) <= reach);
      if (held && apart(held.from, here) < apart(held.to, here)) [held.from, held.to] = [held.to, held.from];
      moved = held ?? { from: here, to: here };
      isNew = !held;
      if (isNew) lengths.push(moved);
      return moved;
    });
  const move = (/** @type {Length | null} */ line, /** @type {Point} */ to) =>
    edit((result) => {
      if (line) line.to = onSlice(to, result);
      return line;
    });
  const remove = (/** @type {Length[]} */ lengths, /** @type {Length | undefined} */ line) => {
    if (line) lengths.splice(lengths.indexOf(line), 1);
  };
  const end = (/** @type {Point} */ from, /** @type {Point} */ to) => {
    const line = moved;
    moved = null;
    edit((result, lengths) => {
      const [pressed, released] = [onSlice(from, result), onSlice(to, result)];
      if (!line || apart(pressed, released) > reachOn(result) / 2) return line;
      // A click.
      if (isNew) remove(lengths, line);
      const near = lengths.findLast((other) => distance(released, other) <= reachOn(result));
      remove(lengths, near);
    });
  };
  const cancel = () => {
    edit((_, lengths) => void (isNew && moved && remove(lengths, moved)));
    moved = null;
  };
  area.addEventListener("keydown", ({ key }) => {
    if (chosenTool() !== "length" || (key !== "Delete" && key !== "Backspace")) return;
    begun = null;
    edit((_, lengths) => void lengths.pop());
  });
  return {
    tool: { begin, drag: (_, to) => move(moved, to), end, cancel },
    setEnd(at) {
      if (begun) {
        move(begun, at);
        begun = null;
      } else {
        edit((result, lengths) => {
          const here = onSlice(at, result);
          begun = { from: here, to: here };
          lengths.push(begun);
          return begun;
        });
      }
    },
    moveEnd(at) {
      if (begun) move(begun, at);
    },
  };
}

/** Shows the lengths of a slice that is now shown. @param {Result} result */
export function showRuler(result) {
  [moved, begun] = [null, null];
  output.value = "";
  showLengths(result);
}

/** @param {Result} result */
function showLengths(result) {
  const lengths = lengthsOf(result);
  drawLines(lengths.map((length) => linesOf(length, result)));
  for (const layer of labels) {
    layer.replaceChildren(
      ...lengths.map((length) => {
        const label = create("span", { className: "ruler-label" }, textOf(length, result, RULER.shortMm, RULER.shortPixels));
        const { x2, y2 } = linesOf(length, result);
        label.style.left = `${100 * x2}%`;
        label.style.top = `${100 * y2}%`;
        return label;
      }),
    );
  }
}

/** The lengths of a result as short texts. @param {Result} result */
export function lengthTexts(result) {
  return lengthsOf(result).map((length) => textOf(length, result, RULER.shortMm, RULER.shortPixels));
}

/**
 * Draws the lengths of a result into a picture.
 *
 * @param {CanvasRenderingContext2D} context
 * @param {number} side of the picture in pixels
 * @param {Result} result
 */
export function drawLengths(context, side, result) {
  context.save();
  context.strokeStyle = context.fillStyle = getComputedStyle(document.documentElement).getPropertyValue("--truth");
  context.lineWidth = side / 250;
  context.font = `${side / 30}px sans-serif`;
  context.textAlign = "center";
  context.textBaseline = "top";
  for (const length of lengthsOf(result)) {
    const { x1, y1, x2, y2 } = linesOf(length, result);
    context.beginPath();
    context.moveTo(x1 * side, y1 * side);
    context.lineTo(x2 * side, y2 * side);
    context.stroke();
    context.fillText(textOf(length, result, RULER.shortMm, RULER.shortPixels), x2 * side, y2 * side + side / 80);
  }
  context.restore();
}

/** @param {Length} length @param {Result} result @returns {import("../coin.js").Line} */
function linesOf(length, result) {
  const [from, to] = [onImage(length.from, result), onImage(length.to, result)];
  return { x1: from.x, y1: from.y, x2: to.x, y2: to.y };
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

/** {@link REACH} in pixels of the slice. @param {Result} result */
function reachOn({ explanation: { square } }) {
  const shown = sheets.map((sheet) => sheet.getBoundingClientRect().width).find((width) => width > 0) ?? Infinity;
  return (REACH / shown) * square.width;
}

/** @param {Point} a @param {Point} b */
function apart(a, b) {
  return Math.hypot(a.x - b.x, a.y - b.y);
}
