import { componentNumbers } from "../coin.js";
import { pixelAt } from "../geometry.js";
import { create, element } from "./dom.js";
import { coalesce } from "./coalesce.js";
import { COMPONENTS } from "./strings.js";
import { markComponent } from "./threshold.js";
import { unitOf } from "./units.js";
import { showBox, showWhole } from "./viewport.js";

/** @typedef {import("./main.js").Result} Result */

/**
 * @typedef {Object} Component
 * @property {Uint8Array} mask
 * @property {number} pixels
 * @property {number} inside of them, on the slice and not on what surrounds it
 * @property {number} intensity its mean in the slice
 * @property {number} difference its mean
 * @property {{left: number, top: number, right: number, bottom: number}} box in pixels of the grid
 */

/** More rows say nothing. */
const MOST = 8;

const body = element("components", HTMLTableSectionElement);
const rest = element("components-rest", HTMLElement);

/** Lists the components of a result's mask, the largest first; a row shows its component. */
export const showComponents = coalesce(async (/** @type {Result} */ result) => {
  const { mask, explanation } = result;
  if (!mask) return;
  const numbers = await componentNumbers(mask, explanation.size);
  const components = componentsOf(numbers, result);
  const { pixelMm } = explanation.square;
  body.replaceChildren(...components.slice(0, MOST).map((component, i) => rowOf(result, component, i, pixelMm)));
  rest.textContent = components.length === 0 ? COMPONENTS.none : components.length > MOST ? COMPONENTS.more(components.length - MOST) : "";
});

/**
 * @param {Result} result
 * @param {Component} component
 * @param {number} index
 * @param {number | null} pixelMm
 */
function rowOf(result, component, index, pixelMm) {
  const show = create("button", { type: "button", ariaPressed: "false" }, COMPONENTS.component(index + 1));
  show.addEventListener("click", () => {
    const pressed = show.ariaPressed !== "true";
    for (const other of body.querySelectorAll("button")) other.ariaPressed = "false";
    show.ariaPressed = String(pressed);
    markComponent(result, pressed ? component.mask : null);
    const { size } = result.explanation;
    const { left, top, right, bottom } = component.box;
    if (pressed) showBox({ left: left / size, top: top / size, right: (right + 1) / size, bottom: (bottom + 1) / size });
    else showWhole();
  });
  const unit = unitOf(result.model, result.subject.source.scan);
  const [low, high] = result.explanation.window;
  const area = pixelMm ? COMPONENTS.area(component.pixels * pixelMm ** 2) : COMPONENTS.pixels(component.pixels);
  const cells = [area, COMPONENTS.intensity(component.intensity, unit, high - low), component.difference.toFixed(2)].map((words) => create("td", {}, words));
  return create("tr", {}, create("th", { scope: "row" }, show), ...cells);
}

/**
 * @param {Uint32Array} numbers
 * @param {Result} result
 * @returns {Component[]}
 */
function componentsOf(numbers, { explanation: { size, square, difference }, subject: { slice } }) {
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
