import { setQueryParameters, writeAddress } from "./address.js";
import { create, element } from "./dom.js";
import { LANGUAGE, LANGUAGES } from "./locale.js";
import { loadPreference, savePreference } from "./preferences.js";

/**
 * Sets up the theme, dark unless the user chose light, and the language.
 *
 * @param {() => void} onThemeChange
 * @param {() => boolean} mayReload asks before the page reloads in another language
 */
export function initAppearance(onThemeChange, mayReload) {
  const light = element("light", HTMLInputElement);
  light.checked = loadPreference("theme") === "light";
  applyTheme(light.checked);
  light.addEventListener("change", () => {
    applyTheme(light.checked);
    savePreference("theme", light.checked ? "light" : "dark");
    onThemeChange();
  });
  const language = element("language", HTMLSelectElement);
  const nameOf = (/** @type {string} */ code) => new Intl.DisplayNames([code], { type: "language" }).of(code) ?? code;
  language.replaceChildren(...LANGUAGES.map((code) => create("option", { value: code, lang: code }, nameOf(code))));
  language.value = LANGUAGE;
  language.addEventListener("change", () => {
    if (!mayReload()) {
      language.value = LANGUAGE;
      return;
    }
    setQueryParameters({ lang: language.value });
    writeAddress();
    location.reload();
  });
}

/** @param {boolean} light */
function applyTheme(light) {
  document.documentElement.dataset.theme = light ? "light" : "dark";
}
