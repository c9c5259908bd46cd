import { countPixels } from "../geometry.js";

/**
 * Agreement of a mask with the ground truth.
 *
 * @typedef {Object} Overlap
 * @property {Uint8Array} truePositive
 * @property {Uint8Array} falsePositive
 * @property {Uint8Array} falseNegative
 * @property {number | null} iou null when mask and truth are both empty
 * @property {number | null} dice null when mask and truth are both empty
 */

/**
 * Compares a mask with the ground truth on the same grid.
 *
 * @param {Uint8Array} mask
 * @param {Uint8Array} truth
 * @returns {Overlap}
 */
export function overlapOf(mask, truth) {
  const truePositive = mask.map((inside, i) => inside & truth[i]);
  const falsePositive = mask.map((inside, i) => inside & ~truth[i]);
  const falseNegative = truth.map((inside, i) => inside & ~mask[i]);
  const [tp, fp, fn] = [truePositive, falsePositive, falseNegative].map(countPixels);
  const union = tp + fp + fn;
  return { truePositive, falsePositive, falseNegative, iou: union ? tp / union : null, dice: union ? (2 * tp) / (union + tp) : null };
}
