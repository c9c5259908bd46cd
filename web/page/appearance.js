import { noteInAddress, writeAddress } from "./address.js";
import { element } from "./dom.js";
import { LANGUAGE } from "./language.js";
import { remember, remembered } from "./preferences.js";

/**
 * Dark as in a reading room, or light, remembered on this device; and the language.
 *
 * @param {() => void} changed colours are other ones
 */
export function acceptAppearance(changed) {
  const light = element("light", HTMLInputElement);
  light.checked = remembered("theme") === "light";
  apply(light.checked);
  light.addEventListener("change", () => {
    apply(light.checked);
    remember("theme", light.checked ? "light" : "dark");
    changed();
  });
  const language = element("language", HTMLSelectElement);
  language.value = LANGUAGE;
  language.addEventListener("change", () => {
    noteInAddress({ lang: language.value });
    writeAddress();
    location.reload();
  });
}

/** @param {boolean} light */
function apply(light) {
  document.documentElement.dataset.theme = light ? "light" : "dark";
}
