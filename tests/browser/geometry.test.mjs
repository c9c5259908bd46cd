import assert from "node:assert/strict";
import { test } from "node:test";
import { maskOnGrid, pixelAt, wholeSquare } from "../../pkg/geometry.js";

test("a mask is resampled to the model's grid in the same way as by the engine", () => {
  const wide = { width: 6, height: 3, hu: new Float32Array() };
  assert.deepEqual([...maskOnGrid(numbered(18), wide, gridOn(wide))], [0, 0, 0, 0, 1, 2, 4, 5, 7, 8, 10, 11, 0, 0, 0, 0]);

  const tall = { width: 4, height: 4, hu: new Float32Array(), rowMm: 2, columnMm: 1 };
  assert.deepEqual([...maskOnGrid(numbered(16), tall, gridOn(tall))], [0, 1, 3, 0, 0, 5, 7, 0, 0, 9, 11, 0, 0, 13, 15, 0]);
});

test("a square around the body covers only its part of the slice", () => {
  const slice = { width: 8, height: 4, hu: new Float32Array() };
  const square = { left: 2, top: 0, width: 4, height: 4, pixelMm: null, aroundBody: true };
  assert.deepEqual([...maskOnGrid(numbered(32), slice, { size: 2, square })], [3, 5, 19, 21]);
  assert.deepEqual(pixelAt(slice, square, 0.99, 0.5), { x: 5, y: 2 });
  assert.equal(pixelAt(slice, { ...square, top: -1 }, 0.5, 0.1), null);
});

/** A 4 x 4 grid around the whole slice. @param {import("../../pkg/coin.js").Slice} slice */
function gridOn(slice) {
  return { size: 4, square: { ...wholeSquare(slice), pixelMm: null, aroundBody: false } };
}

/** A mask with the values 1, 2, 3, .... @param {number} length */
function numbered(length) {
  return Uint8Array.from({ length }, (_, i) => i + 1);
}
