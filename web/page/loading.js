import { progress } from "./progress.js";
import { STATUS, bytesOf } from "./strings.js";

/** @type {Map<string, {received: number, total: number | null}>} */
const parts = new Map();

/**
 * Engine and model arrive side by side: one line and one bar for both.
 *
 * @param {string} what
 * @param {number} received
 * @param {number | null} total
 */
export function loading(what, received, total) {
  parts.set(what, { received, total });
  const open = [...parts].filter(([, part]) => part.received !== part.total);
  if (open.length === 0) {
    parts.clear();
    progress(STATUS.compiling);
    return;
  }
  const known = [...parts.values()].every((part) => part.total !== null);
  const sum = (/** @type {"received" | "total"} */ key) => [...parts.values()].reduce((all, part) => all + (part[key] ?? 0), 0);
  const names = open.map(([name, part]) => `${name} ${bytesOf(part.received, part.total)}`);
  progress(STATUS.loading(names.join(", ")), sum("received"), known ? sum("total") : null);
}
