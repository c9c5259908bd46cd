import { element } from "./dom.js";

/** Tabs and panels follow the ARIA pattern: arrow keys move between tabs, and only the chosen one is in the tab order. */
const tabs = [...document.querySelectorAll('[role="tab"]')].filter((tab) => tab instanceof HTMLButtonElement);

/** Sets up the tabs. */
export function initTabs() {
  for (const [i, tab] of tabs.entries()) {
    tab.addEventListener("click", () => showTab(tab.id));
    tab.addEventListener("keydown", ({ key }) => {
      const to = { ArrowRight: i + 1, ArrowLeft: i - 1, Home: 0, End: -1 }[key];
      const next = to === undefined ? undefined : tabs.at(to % tabs.length);
      if (!next) return;
      showTab(next.id);
      next.focus();
    });
  }
}

/** Shows the panel of a tab. @param {string} id */
export function showTab(id) {
  for (const tab of tabs) {
    const chosen = tab.id === id;
    tab.ariaSelected = String(chosen);
    tab.tabIndex = chosen ? 0 : -1;
    element(tab.getAttribute("aria-controls") ?? "", HTMLElement).hidden = !chosen;
  }
}

/** Shows the images. */
export function showViewer() {
  showTab("tab-viewer");
}
