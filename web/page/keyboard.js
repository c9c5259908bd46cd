import { element } from "./dom.js";
import { remember, remembered } from "./preferences.js";
import { chooseTool } from "./tools.js";
import { showWhole, zoomIn, zoomOut } from "./viewport.js";

const help = element("help", HTMLDialogElement);

/** What a key does anywhere on the page, unless something is being typed. @type {Record<string, () => void>} */
const KEYS = {
  "?": () => help.showModal(),
  p: () => chooseTool("insert"),
  m: () => chooseTool("move"),
  w: () => chooseTool("window"),
  d: () => chooseTool("measure"),
  "+": zoomIn,
  "=": zoomIn,
  "-": zoomOut,
  0: showWhole,
  "[": () => step("threshold", -1),
  "]": () => step("threshold", 1),
  ",": () => step("slice", -1),
  ".": () => step("slice", 1),
  b: () => flip(),
};

/** Keys for what hands do with a mouse, and a sheet that lists them. */
export function acceptShortcuts() {
  element("show-help", HTMLButtonElement).addEventListener("click", () => help.showModal());
  element("help-close", HTMLButtonElement).addEventListener("click", () => help.close());
  const letters = element("letters", HTMLInputElement);
  // Whoever speaks to the page would press them by the way.
  letters.checked = remembered("letters") !== "off";
  letters.addEventListener("change", () => remember("letters", letters.checked ? "on" : "off"));
  addEventListener("keydown", (event) => {
    const { target, key } = event;
    // Brackets stand behind Alt on some keyboards.
    if (event.ctrlKey || event.metaKey || (event.altKey && /[a-z0-9]/i.test(key)) || help.open || !letters.checked) return;
    const typing = target instanceof HTMLSelectElement || target instanceof HTMLTextAreaElement || (target instanceof HTMLInputElement && !["range", "radio", "checkbox", "file"].includes(target.type));
    const act = KEYS[key];
    if (typing || !act) return;
    event.preventDefault();
    act();
  });
}

/**
 * @param {string} id of a slider
 * @param {number} steps
 */
function step(id, steps) {
  const slider = element(id, HTMLInputElement);
  if (slider.closest("[hidden]")) return;
  slider.value = String(slider.valueAsNumber + steps * Number(slider.step));
  slider.dispatchEvent(new Event("input"));
}

/** From the counterfactual to the input and back. */
function flip() {
  const reveal = element("reveal", HTMLInputElement);
  reveal.value = reveal.valueAsNumber > 50 ? "0" : "100";
  reveal.dispatchEvent(new Event("input"));
}
