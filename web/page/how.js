import { element } from "./dom.js";
import { canvases } from "./panes.js";
import { HOW, probability } from "./strings.js";

const [input, counterfactual, difference] = canvases;
const pictures = [
  { small: element("how-input", HTMLCanvasElement), large: input },
  { small: element("how-counterfactual", HTMLCanvasElement), large: counterfactual },
  { small: element("how-difference", HTMLCanvasElement), large: difference },
];

/**
 * Tells how it works with what is shown.
 *
 * @param {import("../coin.js").Explanation} explanation
 */
export function showHow({ before, after }) {
  for (const { small, large } of pictures) small.getContext("2d")?.drawImage(large, 0, 0, small.width, small.height);
  element("how-verdict", HTMLElement).textContent = HOW.verdict(probability(before), probability(after));
}
