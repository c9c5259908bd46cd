/**
 * What is shown, as the part of the address behind `#`, which browsers send to no one: whoever opens it sees the same.
 *
 *   device     auto, cpu or webgpu
 *   model, sample, slice, threshold, postprocess, display, colours
 *   methods    1: the saliency methods, too
 *   lang       en or de
 */

/** @typedef {"device" | "model" | "sample" | "slice" | "threshold" | "postprocess" | "display" | "colours" | "methods" | "lang"} Key */

const asked = new URLSearchParams(location.hash.slice(1));

/**
 * What the address asked for when the page was opened.
 *
 * @param {Key} key
 * @returns {string | null}
 */
export function wish(key) {
  return asked.get(key);
}

/**
 * A number that the address asked for.
 *
 * @param {Key} key
 * @param {number} low
 * @param {number} high
 */
export function wishedNumber(key, low, high) {
  const value = Number(asked.get(key) ?? Number.NaN);
  return value >= low && value <= high ? value : null;
}

/**
 * Notes what is shown; null for what is not to be restored, such as files of the reader's own.
 *
 * @param {Partial<Record<Key, string | number | null>>} state
 */
export function noteInAddress(state) {
  const now = new URLSearchParams(location.hash.slice(1));
  for (const [key, value] of Object.entries(state)) {
    if (value === null || value === "") now.delete(key);
    else now.set(key, String(value));
  }
  const hash = now.toString();
  if (hash !== location.hash.slice(1)) history.replaceState(null, "", hash ? `#${hash}` : location.pathname);
}

/** The address that restores what is shown. */
export function addressNow() {
  return location.href;
}
