import { componentDiameters, componentNumbers } from "../coin.js";
import { pixelAt } from "../geometry.js";

/** @typedef {import("./main.js").Result} Result */
/** @typedef {import("../coin.js").Line} Line */

/**
 * A connected component of the mask.
 *
 * @typedef {Object} Component
 * @property {Uint8Array} mask
 * @property {number} pixels on the model's grid
 * @property {Line} longest longest diameter, in pixels of the model's grid
 * @property {Line} perpendicular longest diameter at a right angle to it
 * @property {Statistics} before intensities of the slice
 * @property {Statistics} after intensities of the counterfactual
 * @property {number} difference mean of the difference map
 * @property {{left: number, top: number, right: number, bottom: number}} box bounding box in grid pixels, inclusive
 */

/**
 * Mean and standard deviation.
 *
 * @typedef {{mean: number, sd: number}} Statistics
 */

/** Components that are measured; the mask may have hundreds of single pixels. */
export const MOST_COMPONENTS = 50;

/**
 * Measures the components of a result's mask, largest first.
 *
 * @param {Result} result
 * @returns {Promise<{components: Component[], others: number}>} `others`: number of components beyond {@link MOST_COMPONENTS}
 */
export async function measuredComponents(result) {
  const { mask, explanation, input, counterfactualHu } = result;
  if (!mask || !counterfactualHu) return { components: [], others: 0 };
  const { size, square, difference } = explanation;
  const [numbers, diameters] = await Promise.all([componentNumbers(mask, size), componentDiameters(mask, size, MOST_COMPONENTS)]);
  const all = numbers.reduce((most, number) => Math.max(most, number), 0);
  const measured = diameters.map((lines) => ({
    ...lines,
    mask: new Uint8Array(numbers.length),
    pixels: 0,
    changed: 0,
    before: new Moments(),
    after: new Moments(),
    box: { left: size, top: size, right: 0, bottom: 0 },
  }));
  numbers.forEach((number, at) => {
    const component = measured[number - 1];
    if (!component) return;
    const { mask: own, box, before, after } = component;
    const [x, y] = [at % size, Math.floor(at / size)];
    own[at] = 1;
    Object.assign(box, { left: Math.min(box.left, x), top: Math.min(box.top, y), right: Math.max(box.right, x), bottom: Math.max(box.bottom, y) });
    component.pixels += 1;
    component.changed += difference[at];
    // Padding of the model's grid is not on the slice.
    const pixel = pixelAt(input.slice, square, (x + 0.5) / size, (y + 0.5) / size);
    if (!pixel) return;
    const on = pixel.y * input.slice.width + pixel.x;
    before.add(input.slice.hu[on]);
    after.add(counterfactualHu[on]);
  });
  const components = measured.map(({ changed, before, after, ...component }) => ({
    ...component,
    difference: changed / component.pixels,
    before: before.statistics,
    after: after.statistics,
  }));
  return { components, others: all - components.length };
}

/** Length of a line in pixels of the grid. @param {Line} line */
export function lengthOf({ x1, y1, x2, y2 }) {
  return Math.hypot(x2 - x1, y2 - y1);
}

/** Mean and standard deviation, updated value by value (Welford). */
class Moments {
  #count = 0;
  #mean = 0;
  #squares = 0;

  /** @param {number} value */
  add(value) {
    this.#count += 1;
    const apart = value - this.#mean;
    this.#mean += apart / this.#count;
    this.#squares += apart * (value - this.#mean);
  }

  /** @returns {Statistics} */
  get statistics() {
    return { mean: this.#mean, sd: Math.sqrt(this.#squares / Math.max(1, this.#count)) };
  }
}
