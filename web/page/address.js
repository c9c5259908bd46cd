/**
 * What is shown, as the part of the address behind `#`, which browsers send to no one: whoever opens it sees the same, but for
 * files, synthetic anomalies and dragged windows.
 *
 *   device     auto, cpu or webgpu
 *   model, sample, slice, threshold, hysteresis, postprocess, display, colours
 *   methods    1: the saliency methods, too
 *   lang       en or de
 */

/** @typedef {"device" | "model" | "sample" | "slice" | "threshold" | "hysteresis" | "postprocess" | "display" | "colours" | "methods" | "lang"} Key */

const asked = new URLSearchParams(location.hash.slice(1));

/** What keys were called in addresses of earlier versions. @type {Partial<Record<Key, string>>} */
const RENAMED = { hysteresis: "peak" };

/**
 * What the address asked for when the page was opened.
 *
 * @param {Key} key
 * @returns {string | null}
 */
export function queryParameter(key) {
  return asked.get(key) ?? asked.get(RENAMED[key] ?? key);
}

/**
 * A number that the address asked for.
 *
 * @param {Key} key
 * @param {number} low
 * @param {number} high
 */
export function queryNumber(key, low, high) {
  const value = Number(asked.get(key) ?? Number.NaN);
  return value >= low && value <= high ? value : null;
}

/** Browsers refuse a page that changes its address too often; so long a slider may move first. */
const REST_MS = 300;

/** What is to be written. @type {Partial<Record<Key, string | number | null>>} */
let noted = {};
/** @type {ReturnType<typeof setTimeout> | undefined} */
let timer;

/**
 * Notes what is shown; null for what is not to be restored, such as files of the reader's own.
 *
 * @param {Partial<Record<Key, string | number | null>>} state
 */
export function noteInAddress(state) {
  Object.assign(noted, state);
  clearTimeout(timer);
  timer = setTimeout(writeAddress, REST_MS);
}

/** Writes what was noted, for when the page is about to be left. */
export function writeAddress() {
  const now = new URLSearchParams(location.hash.slice(1));
  for (const [key, value] of Object.entries(noted)) {
    if (value === null || value === "") now.delete(key);
    else now.set(key, String(value));
  }
  noted = {};
  const hash = now.toString();
  if (hash !== location.hash.slice(1)) history.replaceState(null, "", hash ? `#${hash}` : location.pathname + location.search);
}

// Someone has opened a link in this very tab; what the page writes itself is not heard here.
addEventListener("hashchange", () => location.reload());
