import { element } from "./dom.js";

/** @typedef {import("./tools.js").Point} Point */

/** Share of the image that an arrow key moves the crosshair. */
const STEP = 0.02;

/** @type {Record<string, [number, number]>} */
const MOVES = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

const area = element("insert", HTMLElement);
const crosshair = element("crosshair", HTMLElement);
const at = { x: 0.5, y: 0.5 };

/**
 * Sets up the crosshair, which points at the input with the keyboard.
 *
 * @param {(at: Point) => void} onMove
 * @param {(at: Point) => void} onPress Enter or space
 * @param {(x: number, y: number) => boolean} onArrow returns true if it handled the arrow key, so that the crosshair stays
 */
export function initCrosshair(onMove, onPress, onArrow) {
  area.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const move = MOVES[event.key];
    if (move && onArrow(...move)) {
      crosshair.hidden = true;
    } else if (move) {
      at.x = Math.min(1, Math.max(0, at.x + move[0] * STEP));
      at.y = Math.min(1, Math.max(0, at.y + move[1] * STEP));
      showCrosshair();
      onMove(at);
    } else if (event.key === "Enter" || event.key === " ") {
      onPress({ ...at });
    } else {
      return;
    }
    event.preventDefault();
  });
  area.addEventListener("focus", () => {
    if (area.matches(":focus-visible")) showCrosshair();
  });
  area.addEventListener("blur", () => (crosshair.hidden = true));
}

function showCrosshair() {
  crosshair.hidden = false;
  crosshair.style.left = `${100 * at.x}%`;
  crosshair.style.top = `${100 * at.y}%`;
}
