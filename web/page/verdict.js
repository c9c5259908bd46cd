import { create, element } from "./dom.js";
import { VERDICT, probability } from "./strings.js";
import { otherModality } from "./units.js";

/** The classifier has two bins: from here on it says "abnormal". */
export const ABNORMAL = 0.5;

/** @typedef {import("../coin.js").Explanation} Explanation */

/**
 * What the classifier says, in words.
 *
 * @param {Explanation} explanation
 */
export function verdictOf({ before, after }) {
  const abnormal = before >= ABNORMAL;
  const still = after >= ABNORMAL;
  return {
    before: { abnormal, words: abnormal ? VERDICT.abnormal(probability(before)) : VERDICT.normal(probability(before)) },
    after: { abnormal: still, words: probability(after) },
    sentence: !abnormal ? VERDICT.nothing : still ? VERDICT.notFlipped : VERDICT.flipped,
  };
}

/**
 * @param {Explanation} explanation
 * @param {import("../coin.js").ModelInfo} model
 * @param {import("../coin.js").Scan | null | undefined} scan
 */
export function showVerdict(explanation, model, scan) {
  const { before, after, sentence } = verdictOf(explanation);
  const strong = (/** @type {typeof before} */ { abnormal, words }) => create("strong", { className: abnormal ? "abnormal" : "normal" }, words);
  element("verdict", HTMLElement).replaceChildren(
    create("span", {}, `${VERDICT.before} `, strong(before)),
    create("span", { className: "arrow" }, " \u2192 "),
    create("span", {}, `${VERDICT.after} `, strong(after)),
  );
  element("verdict-sentence", HTMLElement).textContent = sentence;
  const words = cautionOf(explanation, model, scan);
  const caution = element("ood-warning", HTMLElement);
  caution.hidden = words === null;
  caution.textContent = words;
}

/**
 * Why the result deserves caution, if it does.
 *
 * @param {Explanation} explanation
 * @param {import("../coin.js").ModelInfo} model
 * @param {import("../coin.js").Scan | null | undefined} scan
 */
function cautionOf({ oodScore }, model, scan) {
  const other = otherModality(model, scan);
  if (other) return VERDICT.otherModality(other, model.modality);
  if (oodScore === null || oodScore <= 1) return null;
  return VERDICT.ood(oodScore.toFixed(oodScore < 1.1 ? 2 : 1));
}

/** For when there is nothing to show. */
export function showNoVerdict() {
  element("verdict", HTMLElement).textContent = VERDICT.none;
  element("verdict-sentence", HTMLElement).textContent = VERDICT.retry;
  element("ood-warning", HTMLElement).hidden = true;
}
