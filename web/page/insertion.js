import { insertAnomaly } from "../coin.js";
import { pixelAt } from "../geometry.js";
import { element } from "./dom.js";
import { anomalyOf } from "./models.js";
import { INSERT } from "./strings.js";

/** @typedef {import("./main.js").LoadInput} LoadInput */
/** @typedef {import("./main.js").Result} Result */
/** @typedef {import("./tools.js").Point} Point */

/** Longest drag that counts as a click, as a share of the image. */
const CLICK = 0.015;

const circle = element("insert-circle", HTMLElement);
const size = element("diameter", HTMLInputElement);
const sizeNumber = element("diameter-number", HTMLOutputElement);
const [smallest, largest] = [Number(size.min), Number(size.max)];
/** Seed of the next anomaly. */
let seed = 0;
/** The user set a diameter; until then, the model's is used. */
let sizeChosen = false;

/**
 * Sets up the insert tool: a click inserts a synthetic anomaly of the selected diameter, a drag sets the diameter. Inserting
 * again replaces the anomaly.
 *
 * @param {() => Result | null} current
 * @param {(load: LoadInput) => void} open
 * @returns {{tool: import("./tools.js").Tool, insertAt: (at: Point) => void}}
 */
export function initInsertion(current, open) {
  const insertAt = (/** @type {Point} */ at) => {
    const result = current();
    if (!result) return;
    const { input, explanation } = result;
    const { window } = explanation;
    const pixel = pixelAt(input.plain, explanation.square, at.x, at.y);
    if (!pixel) return;
    const diameterMm = size.valueAsNumber;
    open(async (info) => {
      seed += 1;
      const { slice, mask } = await insertAnomaly(input.plain, { ...pixel, ...anomalyOf(info), window, diameterMm, seed });
      // The anomaly must not change how the rest of the slice is normalised.
      const normalisation = info.unit ? undefined : window;
      return { ...input, slice: { ...slice, normalisation }, truth: mask, edited: true };
    });
  };

  size.addEventListener("input", () => {
    sizeChosen = true;
    showSize();
  });
  element("remove-inserted", HTMLButtonElement).addEventListener("click", () => {
    const result = current();
    // The slice of a scan is again that of its volume; a phantom without its lesion is another one.
    if (result) open(async () => ({ ...result.input, slice: result.input.plain, truth: null, edited: result.input.source.scan === null }));
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
        const diameter = widthOf(from, to);
        circle.hidden = diameter === null;
        if (!result || diameter === null) return;
        circle.style.left = `${100 * from.x}%`;
        circle.style.top = `${100 * from.y}%`;
        circle.style.width = `${(100 * diameter) / widthMm(result)}%`;
      },
      end(from, to) {
        hide();
        const diameter = widthOf(from, to);
        if (diameter !== null) {
          sizeChosen = true;
          setSize(diameter);
        }
        insertAt(from);
      },
      cancel: hide,
    },
  };
}

/**
 * Updates the insertion controls for a slice and a model.
 *
 * @param {import("./main.js").InputSlice} input
 * @param {import("../coin.js").ModelInfo} info
 */
export function showInsertion({ truth }, info) {
  element("remove-inserted", HTMLButtonElement).hidden = !truth;
  if (!sizeChosen) setSize(anomalyOf(info).diameterMm ?? size.valueAsNumber);
}

/** Width of the input pane in mm. @param {Result} result */
function widthMm({ explanation: { size, square } }) {
  return size * square.pixelMmOrAssumed;
}

/** @param {number} mm */
function setSize(mm) {
  size.value = String(Math.round(mm));
  showSize();
}

function showSize() {
  sizeNumber.value = INSERT.size(size.valueAsNumber);
}
