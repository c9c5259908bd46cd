import { element } from "./dom.js";

/**
 * Moves a slider as its user would; false if it is hidden.
 *
 * @param {string} id
 * @param {number} steps
 */
export function stepSlider(id, steps) {
  const slider = element(id, HTMLInputElement);
  if (slider.closest("[hidden]")) return false;
  const before = slider.value;
  slider.value = String(slider.valueAsNumber + steps * Number(slider.step));
  if (slider.value !== before) slider.dispatchEvent(new Event("input"));
  return true;
}
