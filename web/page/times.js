import { create, element } from "./dom.js";
import { TIMES, duration } from "./strings.js";

/** @typedef {keyof typeof TIMES} Stage */

/** Milliseconds of the last run of each stage. @type {Partial<Record<Stage, number>>} */
export const times = {};
/** Milliseconds of the first run of each stage, including downloads and compilation. @type {Partial<Record<Stage, number>>} */
export const firstTimes = {};

/**
 * Records the time of a stage and updates the table.
 *
 * @param {Stage} stage
 * @param {number} milliseconds
 */
export function recordTime(stage, milliseconds) {
  times[stage] = milliseconds;
  firstTimes[stage] ??= milliseconds;
  const stages = /** @type {Stage[]} */ (Object.keys(TIMES)).filter((key) => key in times);
  const rows = stages.map((key) => {
    const cells = [firstTimes[key] ?? 0, times[key] ?? 0].map((ms) => create("td", {}, duration(ms)));
    return create("tr", {}, create("th", { scope: "row" }, TIMES[key]), ...cells);
  });
  element("times", HTMLTableSectionElement).replaceChildren(...rows);
}

/**
 * Runs a stage and records its time.
 *
 * @template T
 * @param {Stage} stage
 * @param {() => Promise<T>} run
 * @returns {Promise<T>}
 */
export async function measureTime(stage, run) {
  const start = performance.now();
  const result = await run();
  recordTime(stage, performance.now() - start);
  return result;
}
