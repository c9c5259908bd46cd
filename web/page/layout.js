import { element } from "./dom.js";
import { loadPreference, savePreference } from "./preferences.js";

/** @typedef {"row" | "grid" | "single"} Layout side by side, two by two, or one large image */

const panes = element("panes", HTMLElement);
const paneChoice = element("pane-choice", HTMLFieldSetElement);
const layouts = radios("layout");
const images = radios("pane");

/** Layout to return to from a single image. @type {Layout} */
let several = "grid";

/** Sets up the layouts. The last one is remembered; the first depends on the shape of the window. */
export function initLayout() {
  for (const radio of layouts) radio.addEventListener("change", () => setLayout(/** @type {Layout} */ (radio.value)));
  for (const radio of images) radio.addEventListener("change", () => setPane(radio.value));
  const [stored, pane] = [loadPreference("layout"), loadPreference("pane")];
  setPane(images.some(({ value }) => value === pane) ? String(pane) : "mask");
  setLayout(layouts.some(({ value }) => value === stored) ? /** @type {Layout} */ (stored) : usualLayout());
}

/**
 * Shows one large image; if it is shown already, the layout before.
 *
 * @param {number} index of the image, from 0
 */
export function togglePane(index) {
  const { value } = images[index];
  if (panes.dataset.layout === "single" && panes.dataset.pane === value) {
    setLayout(several);
  } else {
    setPane(value);
    setLayout("single");
  }
}

function usualLayout() {
  if (matchMedia("(max-width: 700px)").matches) return "single";
  return matchMedia("(min-aspect-ratio: 5/2)").matches ? "row" : "grid";
}

/** @param {Layout} layout */
function setLayout(layout) {
  if (layout !== "single") several = layout;
  panes.dataset.layout = layout;
  paneChoice.hidden = layout !== "single";
  check(layouts, layout);
  savePreference("layout", layout);
}

/** @param {string} pane */
function setPane(pane) {
  panes.dataset.pane = pane;
  check(images, pane);
  savePreference("pane", pane);
}

/** @param {string} name */
function radios(name) {
  return [...document.querySelectorAll(`input[name="${name}"]`)].filter((radio) => radio instanceof HTMLInputElement);
}

/**
 * @param {HTMLInputElement[]} radios
 * @param {string} value
 */
function check(radios, value) {
  for (const radio of radios) radio.checked = radio.value === value;
}
