import assert from "node:assert/strict";
import { test } from "node:test";
import { maskOnGrid } from "../../pkg/geometry.js";

test("a mask is taken onto the grid as the engine's `Fit::apply_mask` takes it", () => {
  const wide = { width: 6, height: 3, hu: new Float32Array() };
  assert.deepEqual([...maskOnGrid(numbered(18), wide, 4)], [0, 0, 0, 0, 1, 2, 4, 5, 7, 8, 10, 11, 0, 0, 0, 0]);

  const tall = { width: 4, height: 4, hu: new Float32Array(), rowMm: 2, columnMm: 1 };
  assert.deepEqual([...maskOnGrid(numbered(16), tall, 4)], [0, 1, 3, 0, 0, 5, 7, 0, 0, 9, 11, 0, 0, 13, 15, 0]);
});

/** A mask whose pixels can be told apart, from 1 on. @param {number} length */
function numbered(length) {
  return Uint8Array.from({ length }, (_, i) => i + 1);
}
