import { create, element } from "./dom.js";
import { coalesce } from "./coalesce.js";
import { lineLayer } from "./lines.js";
import { lengthOf, measuredComponents } from "./measurements.js";
import { COMPONENTS } from "./strings.js";
import { highlightComponent } from "./threshold.js";
import { unitOf } from "./units.js";
import { resetView, zoomToBox } from "./viewport.js";

/** @typedef {import("./main.js").Result} Result */
/** @typedef {import("./measurements.js").Component} Component */

const MAX_ROWS = 8;

const body = element("components", HTMLTableSectionElement);
const rest = element("components-rest", HTMLElement);
const drawDiameters = lineLayer("diameters");

/**
 * Lists the components of a result's mask, largest first. The button of a row highlights its component, zooms to it and draws
 * its diameters.
 */
export const showComponents = coalesce(async (/** @type {Result} */ result) => {
  const { components, others } = await measuredComponents(result);
  select(result, null);
  body.replaceChildren(...components.slice(0, MAX_ROWS).map((component, i) => rowOf(result, component, i)));
  const unlisted = Math.max(0, components.length - MAX_ROWS) + others;
  rest.textContent = components.length === 0 ? COMPONENTS.none : unlisted > 0 ? COMPONENTS.more(unlisted) : "";
});

/**
 * Table row of a component.
 *
 * @param {Result} result
 * @param {Component} component
 * @param {number} index
 */
function rowOf(result, component, index) {
  const show = create("button", { type: "button", ariaPressed: "false", ariaLabel: COMPONENTS.component(index + 1) }, String(index + 1));
  show.addEventListener("click", () => {
    const selected = show.ariaPressed !== "true";
    for (const other of body.querySelectorAll("button")) other.ariaPressed = "false";
    show.ariaPressed = String(selected);
    select(result, selected ? component : null);
    const { size } = result.explanation;
    const { left, top, right, bottom } = component.box;
    if (selected) zoomToBox({ left: left / size, top: top / size, right: (right + 1) / size, bottom: (bottom + 1) / size });
    else resetView();
  });
  const cells = textsOf(result, component).map((text) => create("td", {}, text));
  return create("tr", {}, create("th", { scope: "row" }, show), ...cells);
}

/**
 * Area, diameters and intensities of a component.
 *
 * @param {Result} result
 * @param {Component} component
 */
export function textsOf({ explanation, model, input }, { pixels, longest, perpendicular, before, after }) {
  const unit = unitOf(model, input.source.scan);
  const [low, high] = explanation.window;
  const { pixelMm } = explanation.square;
  const [long, short] = [lengthOf(longest), lengthOf(perpendicular)];
  return [
    pixelMm ? COMPONENTS.area(pixels * pixelMm ** 2) : COMPONENTS.pixels(pixels),
    pixelMm ? COMPONENTS.diameters(long * pixelMm, short * pixelMm) : COMPONENTS.diametersInPixels(long, short),
    COMPONENTS.intensities(before, after, unit, high - low),
  ];
}

/**
 * Highlights a component and draws its diameters.
 *
 * @param {Result} result
 * @param {Component | null} component null for none
 */
function select(result, component) {
  highlightComponent(result, component?.mask ?? null);
  const { size } = result.explanation;
  const lines = component ? [component.longest, component.perpendicular] : [];
  drawDiameters(lines.map(({ x1, y1, x2, y2 }) => ({ x1: x1 / size, y1: y1 / size, x2: x2 / size, y2: y2 / size })));
}
