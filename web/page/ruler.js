import { create, element } from "./dom.js";
import { lineLayer } from "./lines.js";
import { RULER } from "./strings.js";

/** @typedef {import("./main.js").Result} Result */
/** @typedef {import("./tools.js").Point} Point */

const length = element("ruler-length", HTMLOutputElement);
const drawLines = lineLayer("ruler");
/** The length beside the end of the line, in every pane. */
const labels = [...document.querySelectorAll("#panes .sheet")].map((sheet) => sheet.appendChild(create("span", { className: "ruler-label", ariaHidden: "true", hidden: true })));

/** First end point set with the keyboard, until the second is set. @type {Point | null} */
let first = null;

/**
 * Sets up the measure tool, which shows the same line in all panes.
 *
 * @param {() => Result | null} current
 * @returns {{tool: import("./tools.js").Tool, setEnd: (at: Point) => void, moveEnd: (at: Point) => void}} `setEnd` sets the
 *   first and then the second end point; `moveEnd` previews the second
 */
export function initRuler(current) {
  const measure = (/** @type {Point} */ from, /** @type {Point} */ to) => {
    const result = current();
    if (!result) return;
    drawLines([{ x1: from.x, y1: from.y, x2: to.x, y2: to.y }]);
    const { size, square } = result.explanation;
    const across = Math.hypot(to.x - from.x, to.y - from.y);
    const mm = square.pixelMm && across * size * square.pixelMm;
    const pixels = across * Math.max(square.width, square.height);
    length.value = mm === null ? RULER.pixels(pixels) : RULER.mm(mm);
    for (const label of labels) {
      label.hidden = across === 0;
      label.textContent = mm === null ? RULER.shortPixels(pixels) : RULER.shortMm(mm);
      label.style.left = `${100 * to.x}%`;
      label.style.top = `${100 * to.y}%`;
    }
  };
  return {
    tool: { begin: (at) => measure(at, at), drag: measure },
    setEnd(at) {
      measure(first ?? at, at);
      first = first ? null : at;
    },
    moveEnd(at) {
      if (first) measure(first, at);
    },
  };
}

/** Removes the line, because another slice is shown. */
export function clearRuler() {
  first = null;
  length.value = "";
  for (const label of labels) label.hidden = true;
  drawLines([]);
}
