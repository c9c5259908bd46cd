import { insertAnomaly } from "../coin.js";
import { pixelAt } from "../geometry.js";
import { element } from "./dom.js";
import { anomalyOf } from "./models.js";
import { INSERT } from "./strings.js";

/** @typedef {import("./main.js").Make} Make */
/** @typedef {import("./main.js").Result} Result */
/** @typedef {import("./tools.js").Point} Point */

/** A drag this short, as a share of the picture, is a click. */
const CLICK = 0.015;
/** How wide a slice is taken to be that does not say: as in crates/coin-imaging/src/slice.rs. */
const ASSUMED_WIDTH_MM = 384;

const circle = element("insert-circle", HTMLElement);
const size = element("diameter", HTMLInputElement);
const sizeNumber = element("diameter-number", HTMLOutputElement);
const [smallest, largest] = [Number(size.min), Number(size.max)];
let inserted = 0;
/** Whether the reader has chosen a size; a model's own is used until then. */
let sized = false;

/**
 * Inserts where the reader clicks on the input, as wide as the slider says, or as wide as the reader drags; inserting again
 * moves the anomaly.
 *
 * @param {() => Result | null} current
 * @param {(make: Make) => void} open
 * @returns {{tool: import("./tools.js").Tool, insertAt: (at: Point) => void}}
 */
export function acceptInsertion(current, open) {
  const insertAt = (/** @type {Point} */ at) => {
    const result = current();
    if (!result) return;
    const { subject, explanation } = result;
    const { window } = explanation;
    const pixel = pixelAt(subject.plain, explanation.square, at.x, at.y);
    if (!pixel) return;
    const diameterMm = size.valueAsNumber;
    open(async (info) => {
      inserted += 1;
      const { slice, mask } = await insertAnomaly(subject.plain, { ...pixel, ...anomalyOf(info), window, diameterMm, seed: inserted });
      return { ...subject, slice, truth: mask, edited: true };
    });
  };

  size.addEventListener("input", () => {
    sized = true;
    showSize();
  });
  element("remove-inserted", HTMLButtonElement).addEventListener("click", () => {
    const result = current();
    if (result) open(async () => ({ ...result.subject, slice: result.subject.plain, truth: null, edited: true }));
  });

  const widthOf = (/** @type {Point} */ from, /** @type {Point} */ to) => {
    const result = current();
    const share = 2 * Math.hypot(to.x - from.x, to.y - from.y);
    if (!result || share < CLICK) return null;
    return Math.min(largest, Math.max(smallest, share * widthMm(result)));
  };
  const hide = () => (circle.hidden = true);
  return {
    insertAt,
    tool: {
      drag(from, to) {
        const result = current();
        const wanted = widthOf(from, to);
        circle.hidden = wanted === null;
        if (!result || wanted === null) return;
        circle.style.left = `${100 * from.x}%`;
        circle.style.top = `${100 * from.y}%`;
        circle.style.width = `${(100 * wanted) / widthMm(result)}%`;
      },
      end(from, to) {
        hide();
        const wanted = widthOf(from, to);
        if (wanted !== null) {
          sized = true;
          setSize(wanted);
        }
        insertAt(from);
      },
      cancel: hide,
    },
  };
}

/**
 * @param {import("./main.js").Subject} subject
 * @param {import("../coin.js").ModelInfo} info
 */
export function showInsertion({ truth }, info) {
  element("remove-inserted", HTMLButtonElement).hidden = !truth;
  if (!sized) setSize(anomalyOf(info).diameterMm ?? size.valueAsNumber);
}

/** @param {Result} result */
function widthMm({ subject, explanation: { size, square } }) {
  return square.pixelMm ? size * square.pixelMm : (square.width * ASSUMED_WIDTH_MM) / subject.plain.width;
}

/** @param {number} mm */
function setSize(mm) {
  size.value = String(Math.round(mm));
  showSize();
}

function showSize() {
  sizeNumber.value = INSERT.size(size.valueAsNumber);
}
