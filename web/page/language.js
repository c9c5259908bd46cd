import { TRANSLATIONS } from "./languages.js";
import { LANGUAGE } from "./locale.js";

/** Attributes whose text is shown or read aloud. */
const ATTRIBUTES = ["aria-label", "title", "content", "placeholder"];

/** Translates the fixed text of index.html, which is English, into the language of the page. */
export function translatePage() {
  document.documentElement.lang = LANGUAGE;
  const translation = TRANSLATIONS[LANGUAGE];
  if (!translation) return;
  for (const { node, read, write } of fixedTexts(document)) {
    const text = read();
    const translated = translation.PAGE[normalised(text)];
    if (translated && node.isConnected) write(text.replace(text.trim(), translated));
  }
}

/**
 * Lists the fixed texts without a translation into any of the languages; used by a test.
 *
 * @param {Document} page as served
 */
export function untranslated(page) {
  const texts = fixedTexts(page).map(({ read }) => normalised(read())).filter((text) => /[A-Za-z]{2}/.test(text));
  return Object.entries(TRANSLATIONS).flatMap(([code, { PAGE }]) => texts.filter((text) => !(text in PAGE)).map((text) => `${code}: ${text}`));
}

/**
 * Finds all fixed text: text nodes and attributes.
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
    if (text.data.trim()) found.push({ node: text, read: () => text.data, write: (translation) => (text.data = translation) });
  }
  for (const element of page.querySelectorAll(ATTRIBUTES.map((name) => `body [${name}]`).join(", "))) {
    if (element.closest("[translate=no]")) continue;
    for (const name of ATTRIBUTES) {
      const value = element.getAttribute(name);
      if (value) found.push({ node: element, read: () => element.getAttribute(name) ?? "", write: (translation) => element.setAttribute(name, translation) });
    }
  }
  return found;
}

/** Collapses white space. @param {string} text */
function normalised(text) {
  return text.trim().replace(/\s+/g, " ");
}
