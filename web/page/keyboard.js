import { element } from "./dom.js";
import { loadPreference, savePreference } from "./preferences.js";
import { chooseTool } from "./tools.js";
import { resetView, zoomIn, zoomOut } from "./viewport.js";

const help = element("help", HTMLDialogElement);

/** Shortcuts by key. @type {Record<string, () => void>} */
const KEYS = {
  "?": () => help.showModal(),
  i: () => chooseTool("insert"),
  p: () => chooseTool("pan"),
  w: () => chooseTool("window"),
  m: () => chooseTool("measure"),
  "+": zoomIn,
  "=": zoomIn,
  "-": zoomOut,
  0: resetView,
  "[": () => step("threshold", -1),
  "]": () => step("threshold", 1),
  ",": () => step("slice", -1),
  ".": () => step("slice", 1),
  b: () => toggleReveal(),
};

/** Sets up the keyboard shortcuts and the dialog that lists them. */
export function initShortcuts() {
  element("show-help", HTMLButtonElement).addEventListener("click", () => help.showModal());
  element("help-close", HTMLButtonElement).addEventListener("click", () => help.close());
  const letters = element("letters", HTMLInputElement);
  // Speech input may trigger single-key shortcuts by accident, so they can be disabled (WCAG 2.1.4).
  letters.checked = loadPreference("letters") !== "off";
  letters.addEventListener("change", () => savePreference("letters", letters.checked ? "on" : "off"));
  addEventListener("keydown", (event) => {
    const { target, key } = event;
    // Some keyboard layouts need Alt for brackets.
    if (event.ctrlKey || event.metaKey || (event.altKey && /[a-z0-9]/i.test(key)) || help.open || !letters.checked) return;
    const typing = target instanceof HTMLSelectElement || target instanceof HTMLTextAreaElement || (target instanceof HTMLInputElement && !["range", "radio", "checkbox", "file"].includes(target.type));
    const action = KEYS[key];
    if (typing || !action) return;
    event.preventDefault();
    action();
  });
}

/**
 * Moves a slider.
 *
 * @param {string} id
 * @param {number} steps
 */
function step(id, steps) {
  const slider = element(id, HTMLInputElement);
  if (slider.closest("[hidden]")) return;
  slider.value = String(slider.valueAsNumber + steps * Number(slider.step));
  slider.dispatchEvent(new Event("input"));
}

/** Switches the counterfactual pane between counterfactual and input. */
function toggleReveal() {
  const reveal = element("reveal", HTMLInputElement);
  reveal.value = reveal.valueAsNumber > 50 ? "0" : "100";
  reveal.dispatchEvent(new Event("input"));
}
