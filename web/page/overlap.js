import { count } from "../geometry.js";

/**
 * How a mask lies on what was inserted: what it found, what it marks falsely and what it missed.
 *
 * @typedef {Object} Overlap
 * @property {Uint8Array} found
 * @property {Uint8Array} wrong
 * @property {Uint8Array} missed
 * @property {number | null} iou null when there is neither mask nor truth
 * @property {number | null} dice the same
 */

/**
 * @param {Uint8Array} mask
 * @param {Uint8Array} truth of the same grid
 * @returns {Overlap}
 */
export function overlapOf(mask, truth) {
  const found = mask.map((inside, i) => inside & truth[i]);
  const wrong = mask.map((inside, i) => inside & ~truth[i]);
  const missed = truth.map((inside, i) => inside & ~mask[i]);
  const [both, only, left] = [found, wrong, missed].map(count);
  const either = both + only + left;
  return { found, wrong, missed, iou: either ? both / either : null, dice: either ? (2 * both) / (2 * both + only + left) : null };
}
