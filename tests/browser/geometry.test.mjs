import assert from "node:assert/strict";
import { test } from "node:test";
import { pixelAt, wholeSquare } from "../../pkg/geometry.js";

test("a square around the body covers only its part of the slice", () => {
  const slice = { width: 8, height: 4, hu: new Float32Array() };
  const square = { left: 2, top: 0, width: 4, height: 4, pixelMm: null, aroundBody: true };
  assert.deepEqual(pixelAt(slice, square, 0.99, 0.5), { x: 5, y: 2 });
  assert.equal(pixelAt(slice, { ...square, top: -1 }, 0.5, 0.1), null);
});

test("the square around a whole slice keeps the proportions of its pixels", () => {
  assert.deepEqual(wholeSquare({ width: 6, height: 3 }), { left: 0, top: -1.5, width: 6, height: 6 });
  assert.deepEqual(wholeSquare({ width: 4, height: 4, rowMm: 2, columnMm: 1 }), { left: -2, top: 0, width: 8, height: 4 });
});
