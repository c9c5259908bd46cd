import { element } from "./dom.js";
import { canvases } from "./panes.js";
import { HOW, probability } from "./strings.js";

const [input, counterfactual, difference] = canvases;
const thumbnails = [
  { small: element("how-input", HTMLCanvasElement), large: input },
  { small: element("how-counterfactual", HTMLCanvasElement), large: counterfactual },
  { small: element("how-difference", HTMLCanvasElement), large: difference },
];

/**
 * Shows the method on the shown slice, with thumbnails of the panes.
 *
 * @param {import("../coin.js").Explanation} explanation
 */
export function showHow({ before, after }) {
  for (const { small, large } of thumbnails) small.getContext("2d")?.drawImage(large, 0, 0, small.width, small.height);
  element("how-verdict", HTMLElement).textContent = HOW.verdict(probability(before), probability(after));
}
