import { create, element } from "./dom.js";
import { TIMES, seconds } from "./strings.js";

/** @typedef {keyof typeof TIMES} Stage */

/** @type {Partial<Record<Stage, number>>} milliseconds, of the last time each stage ran */
export const times = {};
/** @type {Partial<Record<Stage, number>>} the same of the first time, with all that had to be fetched and compiled */
export const firstTimes = {};

/**
 * @param {Stage} stage
 * @param {number} milliseconds
 */
export function note(stage, milliseconds) {
  times[stage] = milliseconds;
  firstTimes[stage] ??= milliseconds;
  const stages = /** @type {Stage[]} */ (Object.keys(TIMES)).filter((key) => key in times);
  const rows = stages.map((key) => {
    const cells = [firstTimes[key] ?? 0, times[key] ?? 0].map((ms) => create("td", {}, seconds(ms)));
    return create("tr", {}, create("th", { scope: "row" }, TIMES[key]), ...cells);
  });
  element("times", HTMLTableSectionElement).replaceChildren(...rows);
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
