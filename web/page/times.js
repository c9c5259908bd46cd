import { create, element } from "./dom.js";
import { TIMES, seconds } from "./strings.js";

/** @typedef {keyof typeof TIMES} Stage */

/** @type {Partial<Record<Stage, number>>} milliseconds, of the last time each stage ran */
export const times = {};

/**
 * @param {Stage} stage
 * @param {number} milliseconds
 */
export function note(stage, milliseconds) {
  times[stage] = milliseconds;
  const stages = /** @type {Stage[]} */ (Object.keys(TIMES)).filter((key) => key in times);
  element("times", HTMLElement).replaceChildren(
    ...stages.flatMap((key) => [create("dt", {}, TIMES[key]), create("dd", {}, seconds(times[key] ?? 0))]),
  );
}

/**
 * Does something and notes how long it took.
 *
 * @template T
 * @param {Stage} stage
 * @param {() => Promise<T>} work
 * @returns {Promise<T>}
 */
export async function timed(stage, work) {
  const start = performance.now();
  const result = await work();
  note(stage, performance.now() - start);
  return result;
}
