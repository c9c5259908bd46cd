import { create, element } from "./dom.js";
import { VERDICT, probability } from "./strings.js";

/** The classifier has two bins: from here on it says "abnormal". */
const ABNORMAL = 0.5;

/** @param {import("../coin.js").Explanation} explanation */
export function showVerdict({ before, after }) {
  const abnormal = before >= ABNORMAL;
  const still = after >= ABNORMAL;
  const first = abnormal ? VERDICT.abnormal(probability(before)) : VERDICT.normal(probability(before));
  element("verdict", HTMLElement).replaceChildren(
    create("span", {}, `${VERDICT.before} `, create("strong", { className: abnormal ? "abnormal" : "normal" }, first)),
    create("span", { className: "arrow" }, " \u2192 "),
    create("span", {}, `${VERDICT.after} `, create("strong", { className: still ? "abnormal" : "normal" }, probability(after))),
  );
  element("verdict-sentence", HTMLElement).textContent = !abnormal ? VERDICT.nothing : still ? VERDICT.notFlipped : VERDICT.flipped;
}

/** For when there is nothing to show. */
export function showNoVerdict() {
  element("verdict", HTMLElement).textContent = VERDICT.none;
  element("verdict-sentence", HTMLElement).textContent = VERDICT.retry;
}
