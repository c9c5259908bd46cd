import { element } from "./dom.js";
import { RULER } from "./strings.js";

/** @typedef {import("./main.js").Result} Result */
/** @typedef {import("./tools.js").Point} Point */

const SVG = "http://www.w3.org/2000/svg";

const length = element("ruler-length", HTMLOutputElement);
const lines = [...document.querySelectorAll("#panes .sheet")].map((sheet) => {
  const picture = document.createElementNS(SVG, "svg");
  picture.setAttribute("viewBox", "0 0 1 1");
  picture.setAttribute("class", "ruler");
  picture.setAttribute("aria-hidden", "true");
  const line = picture.appendChild(document.createElementNS(SVG, "line"));
  sheet.append(picture);
  return line;
});

/** Where the keyboard set the first end. @type {Point | null} */
let first = null;

/**
 * Measures a distance on the slice, the same line in all panes.
 *
 * @param {() => Result | null} current
 * @returns {{tool: import("./tools.js").Tool, press: (at: Point) => void, follow: (at: Point) => void}} `press` sets one end
 *   and then the other, `follow` moves that until then
 */
export function acceptMeasuring(current) {
  const measure = (/** @type {Point} */ from, /** @type {Point} */ to) => {
    const result = current();
    if (!result) return;
    draw(from, to);
    const { size, square } = result.explanation;
    const across = Math.hypot(to.x - from.x, to.y - from.y);
    length.value = square.pixelMm
      ? RULER.mm(across * size * square.pixelMm)
      : RULER.pixels(across * Math.max(square.width, square.height));
  };
  return {
    tool: { begin: (at) => measure(at, at), drag: measure },
    press(at) {
      measure(first ?? at, at);
      first = first ? null : at;
    },
    follow(at) {
      if (first) measure(first, at);
    },
  };
}

/** For another slice, on which a line would mean nothing. */
export function clearRuler() {
  first = null;
  length.value = "";
  draw({ x: 0, y: 0 }, { x: 0, y: 0 });
}

/**
 * @param {Point} from
 * @param {Point} to
 */
function draw(from, to) {
  for (const line of lines) {
    for (const [name, value] of Object.entries({ x1: from.x, y1: from.y, x2: to.x, y2: to.y })) line.setAttribute(name, String(value));
  }
}
