import { queryParameter } from "./address.js";
import { PAGE } from "./german.js";

/** The language of the page: what its address asks for, or else the reader's own as far as we have it. @type {"en" | "de"} */
export const LANGUAGE = chosen();

/** What a reader sees or hears of an element besides its text. */
const ATTRIBUTES = ["aria-label", "title", "content", "placeholder"];

function chosen() {
  const wanted = queryParameter("lang") ?? navigator.language.slice(0, 2);
  return wanted === "de" ? "de" : "en";
}

/** Puts the fixed text of index.html, which is English, into the language of the page. */
export function translatePage() {
  document.documentElement.lang = LANGUAGE;
  if (LANGUAGE === "en") return;
  for (const { node, read, write } of fixedTexts(document)) {
    const text = read();
    const translated = PAGE[words(text)];
    if (translated && node.isConnected) write(text.replace(text.trim(), translated));
  }
}

/**
 * The texts of a page that have no German, for a test.
 *
 * @param {Document} page as it is served
 */
export function untranslated(page) {
  return fixedTexts(page).map(({ read }) => words(read())).filter((text) => /[A-Za-z]{2}/.test(text) && !(text in PAGE));
}

/**
 * Every piece of fixed text.
 *
 * @param {Document} page
 */
function fixedTexts(page) {
  /** @type {{node: Node, read: () => string, write: (text: string) => void}[]} */
  const found = [];
  const walker = page.createTreeWalker(page.documentElement, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const text = /** @type {Text} */ (node);
    if (text.parentElement?.closest("script, style, code, noscript, [translate=no]")) continue;
    if (text.data.trim()) found.push({ node: text, read: () => text.data, write: (words) => (text.data = words) });
  }
  for (const element of page.querySelectorAll(ATTRIBUTES.map((name) => `body [${name}]`).join(", "))) {
    if (element.closest("[translate=no]")) continue;
    for (const name of ATTRIBUTES) {
      const value = element.getAttribute(name);
      if (value) found.push({ node: element, read: () => element.getAttribute(name) ?? "", write: (words) => element.setAttribute(name, words) });
    }
  }
  return found;
}

/** @param {string} text */
function words(text) {
  return text.trim().replace(/\s+/g, " ");
}
