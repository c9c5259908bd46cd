import assert from "node:assert/strict";
import { test } from "node:test";
import { coalesce } from "../../web/page/coalesce.js";

test("of what comes while a task runs only the newest is done, though the task fails", async () => {
  /** @type {number[]} */
  const done = [];
  const run = coalesce(async (/** @type {number} */ request) => {
    await Promise.resolve();
    if (request === 1) throw new Error("the first one fails");
    done.push(request);
  });
  await Promise.all([run(1), run(2), run(3)]);
  assert.deepEqual(done, [3]);
});

test("a failure that nothing newer makes up for is told", async () => {
  const run = coalesce(async () => Promise.reject(new Error("it fails")));
  await assert.rejects(run(null), /it fails/);
  await assert.rejects(run(null), /it fails/);
});
