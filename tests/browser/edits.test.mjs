import assert from "node:assert/strict";
import { test } from "node:test";
import { Edits, connectedTo } from "../../web/page/edits.js";

const SIZE = 8;
const empty = new Uint8Array(SIZE * SIZE);
/** Rows of a mask, as text. @param {Uint8Array} mask */
const rows = (mask) => Array.from({ length: SIZE }, (_, y) => mask.slice(y * SIZE, (y + 1) * SIZE).join(""));

test("a stroke changes the pixels around its line, and can be undone and redone", () => {
  const edits = new Edits(SIZE);
  edits.begin();
  edits.paint({ x: 1.5 / SIZE, y: 2.5 / SIZE }, { x: 5.5 / SIZE, y: 2.5 / SIZE }, 0.1, true);
  const line = ["00000000", "00000000", "01111100", "00000000"];
  assert.deepEqual(rows(edits.apply(empty)).slice(0, 4), line);
  edits.begin();
  edits.paint({ x: 3.5 / SIZE, y: 2.5 / SIZE }, { x: 3.5 / SIZE, y: 2.5 / SIZE }, 1, false);
  assert.equal(rows(edits.apply(empty))[2], "01000100");
  // Removed pixels are removed from the computed mask, too.
  assert.deepEqual(rows(edits.apply(empty.map(() => 1))).slice(1, 4), ["11101111", "11000111", "11101111"]);
  edits.undo();
  assert.deepEqual(rows(edits.apply(empty)).slice(0, 4), line);
  edits.redo();
  assert.equal(rows(edits.apply(empty))[2], "01000100");
  edits.undo();
  edits.undo();
  assert.ok(edits.isEmpty && !edits.canUndo && edits.canRedo);
  edits.undo();
  assert.ok(edits.isEmpty, "there is nothing left to undo");
  edits.redo();
  edits.begin();
  assert.ok(!edits.canRedo, "a new edit discards what was undone");
  edits.clear();
  assert.ok(edits.isEmpty && edits.canUndo);
  edits.undo();
  assert.ok(!edits.isEmpty);
});

test("a brush has the shape of a disc and stays on the image", () => {
  const edits = new Edits(SIZE);
  edits.paint({ x: 0.5, y: 0.5 }, { x: 0.5, y: 0.5 }, 2, true);
  const painted = edits.apply(empty);
  const count = painted.reduce((sum, inside) => sum + inside, 0);
  assert.equal(count, 12, "pixels whose centres are at most 2 pixels from a corner");
  edits.paint({ x: -1, y: -1 }, { x: 2, y: 2 }, 1, true);
  assert.equal(rows(edits.apply(empty))[0][0], "1");
});

test("connected pixels include diagonal neighbours only of the same region", () => {
  const map = ["11000000", "00100000", "00000011", "00000011"].join("").padEnd(SIZE * SIZE, "0");
  const found = connectedTo(0, SIZE, (at) => map[at] === "1");
  assert.deepEqual(rows(found).slice(0, 4), ["11000000", "00100000", "00000000", "00000000"]);
});
