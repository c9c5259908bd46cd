import { plantAnomaly } from "../coin.js";
import { element } from "./dom.js";
import { fitOf, pixelAt } from "./geometry.js";
import { anomalyOf } from "./models.js";
import { readAt } from "./readout.js";

/** @typedef {import("./main.js").Make} Make */
/** @typedef {import("./main.js").Result} Result */

/** How far an arrow key moves the crosshair; a fraction of the picture. */
const STEP = 0.02;

const area = element("plant", HTMLElement);
const crosshair = element("crosshair", HTMLElement);
const at = { x: 0.5, y: 0.5 };
let planted = 0;

/**
 * Plants where the reader clicks on the input; a second click moves the anomaly.
 *
 * @param {() => Result | null} current
 * @param {(make: Make) => void} open
 */
export function acceptPlanting(current, open) {
  const plantAt = (/** @type {number} */ x, /** @type {number} */ y) => {
    const result = current();
    if (!result) return;
    const { subject, explanation } = result;
    const fit = fitOf(subject.plain, explanation.size);
    const pixel = pixelAt(subject.plain, fit, x * explanation.size, y * explanation.size);
    if (!pixel) return;
    open(async (info) => {
      planted += 1;
      const { slice, mask } = await plantAnomaly(subject.plain, { ...pixel, ...anomalyOf(info), seed: planted });
      return { ...subject, slice, truth: mask, edited: true };
    });
  };

  area.addEventListener("click", (event) => {
    const box = area.getBoundingClientRect();
    plantAt((event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height);
  });
  area.addEventListener("keydown", (event) => {
    const move = MOVES[event.key];
    if (move) {
      at.x = Math.min(1, Math.max(0, at.x + move[0] * STEP));
      at.y = Math.min(1, Math.max(0, at.y + move[1] * STEP));
      showCrosshair();
      readAt(current(), at.x, at.y);
    } else if (event.key === "Enter" || event.key === " ") {
      plantAt(at.x, at.y);
      crosshair.hidden = true;
    } else {
      return;
    }
    event.preventDefault();
  });
  area.addEventListener("focus", () => {
    if (area.matches(":focus-visible")) showCrosshair();
  });
  area.addEventListener("blur", () => (crosshair.hidden = true));

  element("unplant", HTMLButtonElement).addEventListener("click", () => {
    const result = current();
    if (result) open(async () => ({ ...result.subject, slice: result.subject.plain, truth: null, edited: true }));
  });
}

/** @param {import("./main.js").Subject} subject */
export function showPlanting({ truth }) {
  element("unplant", HTMLButtonElement).hidden = !truth;
}

/** @type {Record<string, [number, number]>} */
const MOVES = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

function showCrosshair() {
  crosshair.hidden = false;
  crosshair.style.left = `${100 * at.x}%`;
  crosshair.style.top = `${100 * at.y}%`;
}
