import { componentNumbers } from "../coin.js";
import { pixelAt } from "../geometry.js";
import { create, element } from "./dom.js";
import { coalesce } from "./coalesce.js";
import { COMPONENTS } from "./strings.js";
import { highlightComponent } from "./threshold.js";
import { unitOf } from "./units.js";
import { resetView, zoomToBox } from "./viewport.js";

/** @typedef {import("./main.js").Result} Result */

/**
 * A connected component of the mask.
 *
 * @typedef {Object} Component
 * @property {Uint8Array} mask
 * @property {number} pixels on the model's grid
 * @property {number} inside number of these pixels that lie on the slice, not in the padding
 * @property {number} intensity mean of the slice
 * @property {number} difference mean of the difference map
 * @property {{left: number, top: number, right: number, bottom: number}} box bounding box in grid pixels, inclusive
 */

const MAX_ROWS = 8;

const body = element("components", HTMLTableSectionElement);
const rest = element("components-rest", HTMLElement);

/** Lists the components of a result's mask, largest first. The button of a row highlights and zooms to its component. */
export const showComponents = coalesce(async (/** @type {Result} */ result) => {
  const { mask, explanation } = result;
  if (!mask) return;
  const numbers = await componentNumbers(mask, explanation.size);
  const components = componentsOf(numbers, result);
  const { pixelMm } = explanation.square;
  body.replaceChildren(...components.slice(0, MAX_ROWS).map((component, i) => rowOf(result, component, i, pixelMm)));
  rest.textContent = components.length === 0 ? COMPONENTS.none : components.length > MAX_ROWS ? COMPONENTS.more(components.length - MAX_ROWS) : "";
});

/**
 * Table row of a component.
 *
 * @param {Result} result
 * @param {Component} component
 * @param {number} index
 * @param {number | null} pixelMm
 */
function rowOf(result, component, index, pixelMm) {
  const show = create("button", { type: "button", ariaPressed: "false" }, COMPONENTS.component(index + 1));
  show.addEventListener("click", () => {
    const selected = show.ariaPressed !== "true";
    for (const other of body.querySelectorAll("button")) other.ariaPressed = "false";
    show.ariaPressed = String(selected);
    highlightComponent(result, selected ? component.mask : null);
    const { size } = result.explanation;
    const { left, top, right, bottom } = component.box;
    if (selected) zoomToBox({ left: left / size, top: top / size, right: (right + 1) / size, bottom: (bottom + 1) / size });
    else resetView();
  });
  const unit = unitOf(result.model, result.input.source.scan);
  const [low, high] = result.explanation.window;
  const area = pixelMm ? COMPONENTS.area(component.pixels * pixelMm ** 2) : COMPONENTS.pixels(component.pixels);
  const cells = [area, COMPONENTS.intensity(component.intensity, unit, high - low), COMPONENTS.difference(component.difference)].map((text) => create("td", {}, text));
  return create("tr", {}, create("th", { scope: "row" }, show), ...cells);
}

/**
 * Measures the components of a mask.
 *
 * @param {Uint32Array} numbers component number of each pixel, 0 outside the mask
 * @param {Result} result
 * @returns {Component[]}
 */
function componentsOf(numbers, { explanation: { size, square, difference }, input: { slice } }) {
  /** @type {Component[]} */
  const components = [];
  numbers.forEach((number, at) => {
    if (number === 0) return;
    const [x, y] = [at % size, Math.floor(at / size)];
    const component = (components[number - 1] ??= { mask: new Uint8Array(numbers.length), pixels: 0, inside: 0, intensity: 0, difference: 0, box: { left: x, top: y, right: x, bottom: y } });
    const { box } = component;
    component.mask[at] = 1;
    component.pixels += 1;
    component.difference += difference[at];
    const pixel = pixelAt(slice, square, (x + 0.5) / size, (y + 0.5) / size);
    if (pixel) {
      component.inside += 1;
      component.intensity += slice.hu[pixel.y * slice.width + pixel.x];
    }
    Object.assign(box, { left: Math.min(box.left, x), right: Math.max(box.right, x), bottom: Math.max(box.bottom, y) });
  });
  return components.map((component) => ({ ...component, intensity: component.intensity / Math.max(1, component.inside), difference: component.difference / component.pixels }));
}
