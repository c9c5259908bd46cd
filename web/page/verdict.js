import { create, element } from "./dom.js";
import { VERDICT, probability } from "./strings.js";
import { otherModality } from "./units.js";

/** Decision threshold of the classifier: "abnormal" from this probability on. */
export const ABNORMAL = 0.5;

/** @typedef {import("../coin.js").Explanation} Explanation */

/**
 * Classification of the slice and of its counterfactual, as text.
 *
 * @param {Explanation} explanation
 */
export function verdictOf({ before, after, difference }) {
  const abnormalBefore = before >= ABNORMAL;
  const abnormalAfter = after >= ABNORMAL;
  return {
    before: { abnormal: abnormalBefore, text: abnormalBefore ? VERDICT.abnormal(probability(before)) : VERDICT.normal(probability(before)) },
    after: { abnormal: abnormalAfter, text: probability(after) },
    sentence: !abnormalBefore ? VERDICT.nothing : difference.every((change) => change === 0) ? VERDICT.unverified : abnormalAfter ? VERDICT.notFlipped : VERDICT.flipped,
  };
}

/** What precedes the classification. @param {import("../coin.js").ModelInfo} model */
export function leadOf({ temperature }) {
  return temperature === null ? VERDICT.before : VERDICT.calibrated;
}

/**
 * Shows the classification, and a warning if modality or slice are out of distribution.
 *
 * @param {Explanation} explanation
 * @param {import("../coin.js").ModelInfo} model
 * @param {import("../coin.js").Scan | null | undefined} scan
 */
export function showVerdict(explanation, model, scan) {
  const { before, after, sentence } = verdictOf(explanation);
  const strong = (/** @type {typeof before} */ { abnormal, text }) => create("strong", { className: abnormal ? "abnormal" : "normal" }, text);
  element("verdict", HTMLElement).replaceChildren(
    create("span", {}, `${leadOf(model)} `, strong(before)),
    create("span", { className: "arrow" }, " \u2192 "),
    create("span", {}, `${VERDICT.after} `, strong(after)),
  );
  element("verdict-sentence", HTMLElement).textContent = sentence;
  const warning = element("ood-warning", HTMLElement);
  const text = warningOf(explanation, model, scan);
  warning.hidden = text === null;
  warning.textContent = text;
}

/**
 * Warning about an out-of-distribution input; null if there is none.
 *
 * @param {Explanation} explanation
 * @param {import("../coin.js").ModelInfo} model
 * @param {import("../coin.js").Scan | null | undefined} scan
 */
export function warningOf({ oodScore, oodWarning }, model, scan) {
  const other = otherModality(model, scan);
  if (other) return VERDICT.otherModality(other, model.modality);
  return oodScore !== null && oodWarning ? VERDICT.ood(oodScore) : null;
}

/** Shows that there is no result. */
export function showNoVerdict() {
  element("verdict", HTMLElement).textContent = VERDICT.none;
  element("verdict-sentence", HTMLElement).textContent = VERDICT.retry;
  element("ood-warning", HTMLElement).hidden = true;
}
