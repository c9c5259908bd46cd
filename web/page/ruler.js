import { element } from "./dom.js";
import { lineLayer } from "./lines.js";
import { RULER } from "./strings.js";

/** @typedef {import("./main.js").Result} Result */
/** @typedef {import("./tools.js").Point} Point */

const length = element("ruler-length", HTMLOutputElement);
const drawLines = lineLayer("ruler");

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
    length.value = square.pixelMm
      ? RULER.mm(across * size * square.pixelMm)
      : RULER.pixels(across * Math.max(square.width, square.height));
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
  drawLines([]);
}
