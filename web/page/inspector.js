import { loadPreference, savePreference } from "./preferences.js";

/** On a phone, the groups that are open at first; elsewhere all are. */
const FIRST = ["group-mask"];

/** Remembers which groups of the inspector are open. */
export function initInspector() {
  const narrow = matchMedia("(max-width: 700px)").matches;
  for (const group of document.querySelectorAll("details.group")) {
    if (!(group instanceof HTMLDetailsElement)) continue;
    const stored = loadPreference(group.id);
    group.open = stored ? stored === "open" : !narrow || FIRST.includes(group.id);
    group.addEventListener("toggle", () => savePreference(group.id, group.open ? "open" : "closed"));
  }
}
