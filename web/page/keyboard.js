import { element } from "./dom.js";
import { togglePane } from "./layout.js";
import { loadPreference, savePreference } from "./preferences.js";
import { stepSlider } from "./slider.js";
import { chooseTool } from "./tools.js";
import { resetView, zoomIn, zoomOut } from "./viewport.js";

const help = element("help", HTMLDialogElement);

/** Shortcuts by key. @type {Record<string, () => void>} */
const KEYS = {
  "?": () => help.showModal(),
  i: () => chooseTool("insert"),
  p: () => chooseTool("pan"),
  z: () => chooseTool("zoom"),
  w: () => chooseTool("window"),
  l: () => chooseTool("length"),
  d: () => chooseTool("brush"),
  e: () => chooseTool("eraser"),
  c: () => chooseTool("component"),
  1: () => togglePane(0),
  2: () => togglePane(1),
  3: () => togglePane(2),
  4: () => togglePane(3),
  "+": zoomIn,
  "=": zoomIn,
  "-": zoomOut,
  0: resetView,
  "[": () => stepSlider("threshold", -1),
  "]": () => stepSlider("threshold", 1),
  ",": () => stepSlider("slice", -1),
  ".": () => stepSlider("slice", 1),
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

/** Switches the counterfactual pane between counterfactual and input. */
function toggleReveal() {
  const reveal = element("reveal", HTMLInputElement);
  reveal.value = reveal.valueAsNumber > 50 ? "0" : "100";
  reveal.dispatchEvent(new Event("input"));
}
