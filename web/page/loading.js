import { progress } from "./progress.js";
import { STATUS, bytesOf, list } from "./strings.js";

/** By name. @type {Map<string, {received: number, total: number | null}>} */
const downloads = new Map();

/**
 * Updates one of the parallel downloads; they share a status line and a progress bar.
 *
 * @param {string} name
 * @param {number} received bytes
 * @param {number | null} total bytes; null when unknown
 */
export function showDownload(name, received, total) {
  downloads.set(name, { received, total });
  const unfinished = [...downloads].filter(([, download]) => download.received !== download.total);
  if (unfinished.length === 0) {
    downloads.clear();
    progress(STATUS.compiling);
    return;
  }
  const known = [...downloads.values()].every((download) => download.total !== null);
  const sum = (/** @type {"received" | "total"} */ key) => [...downloads.values()].reduce((all, download) => all + (download[key] ?? 0), 0);
  const texts = unfinished.map(([name, download]) => `${name} ${bytesOf(download.received, download.total)}`);
  progress(STATUS.loading(list(texts)), sum("received"), known ? sum("total") : null);
}
