import assert from "node:assert/strict";
import { test } from "node:test";
import { coalesce } from "../../web/page/coalesce.js";

test("only the newest request that arrives during a task runs, even if the task fails", async () => {
  /** @type {number[]} */
  const done = [];
  const run = coalesce(async (/** @type {number} */ request) => {
    await Promise.resolve();
    if (request === 1) throw new Error("the first one fails");
    done.push(request);
  });
  const all = Promise.all([run(1), run(2), run(3)]);
  assert.ok(run.isWaiting(), "3 waits");
  await all;
  assert.deepEqual(done, [3]);
  assert.ok(!run.isWaiting());
});

test("an error rejects if no newer request follows", async () => {
  const run = coalesce(async () => Promise.reject(new Error("it fails")));
  await assert.rejects(run(null), /it fails/);
  await assert.rejects(run(null), /it fails/);
});
