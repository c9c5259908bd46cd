/** Lengths measured by hand. They are kept for each slice in its own pixels, so that they outlast a change of slice or model. */

import { ownerOf } from "./edits.js";

/** @typedef {import("./tools.js").Point} Point */
/** @typedef {Pick<import("./main.js").Result, "input" | "explanation">} Shown */
/** @typedef {{from: Point, to: Point}} Length end points in pixels of the slice */

/** Lengths by scan or phantom, or by slice if a lesion was inserted, and then by slice. @type {WeakMap<object, Map<number, Length[]>>} */
const known = new WeakMap();

/** The lengths of a slice; changes of the list are kept. @param {Shown} shown @returns {Length[]} */
export function lengthsOf({ input }) {
  const owner = ownerOf(input);
  const ofOwner = known.get(owner) ?? new Map();
  known.set(owner, ofOwner);
  const lengths = ofOwner.get(input.index) ?? [];
  ofOwner.set(input.index, lengths);
  return lengths;
}

/** The point of the slice at a point of the image. @param {Point} at @param {Shown} shown @returns {Point} */
export function onSlice({ x, y }, { explanation: { square } }) {
  return { x: square.left + x * square.width, y: square.top + y * square.height };
}

/** The inverse of {@link onSlice}. @param {Point} at @param {Shown} shown @returns {Point} */
export function onImage({ x, y }, { explanation: { square } }) {
  return { x: (x - square.left) / square.width, y: (y - square.top) / square.height };
}

/**
 * A length in millimetres, and in pixels of the slice.
 *
 * @param {Length} length
 * @param {Shown} shown
 */
export function measured({ from, to }, shown) {
  const [a, b] = [onImage(from, shown), onImage(to, shown)];
  const { size, square } = shown.explanation;
  const across = Math.hypot(b.x - a.x, b.y - a.y);
  return { mm: square.pixelMm && across * size * square.pixelMm, pixels: across * Math.max(square.width, square.height) };
}

/**
 * Distance of a point from a line, all in the same coordinates.
 *
 * @param {Point} at
 * @param {Length} line
 */
export function distance(at, { from, to }) {
  const [x, y] = [to.x - from.x, to.y - from.y];
  const along = ((at.x - from.x) * x + (at.y - from.y) * y) / (x * x + y * y || 1);
  const nearest = Math.min(1, Math.max(0, along));
  return Math.hypot(at.x - from.x - nearest * x, at.y - from.y - nearest * y);
}
