/**
 * The state of the page as query parameters in the fragment of its address, which browsers do not send to servers. Opening the
 * address restores the state, except files, inserted anomalies and custom windows.
 *
 *   device     auto, cpu or webgpu
 *   model, sample, slice, mask, threshold, hysteresis, postprocess, display, colours
 *   methods    1: compute the saliency maps
 *   lang       en or de
 */

/** @typedef {"device" | "model" | "sample" | "slice" | "mask" | "threshold" | "hysteresis" | "postprocess" | "display" | "colours" | "methods" | "lang"} Key */

/** The parameters when the page was opened. */
const initial = new URLSearchParams(location.hash.slice(1));

/** Names of keys in earlier versions. @type {Partial<Record<Key, string>>} */
const OLD_KEYS = { hysteresis: "peak" };

/**
 * Value of a parameter when the page was opened.
 *
 * @param {Key} key
 * @returns {string | null}
 */
export function queryParameter(key) {
  return initial.get(key) ?? initial.get(OLD_KEYS[key] ?? key);
}

/**
 * Value of a numeric parameter when the page was opened; null if it is absent or out of range.
 *
 * @param {Key} key
 * @param {number} low
 * @param {number} high
 */
export function queryNumber(key, low, high) {
  const value = Number(initial.get(key) ?? Number.NaN);
  return value >= low && value <= high ? value : null;
}

/** Delay before the address is updated: browsers limit the rate, and sliders change quickly. */
const DELAY_MS = 300;

/** Changes that are not in the address yet. @type {Partial<Record<Key, string | number | null>>} */
let pending = {};
/** @type {ReturnType<typeof setTimeout> | undefined} */
let timer;

/**
 * Sets parameters; null removes one.
 *
 * @param {Partial<Record<Key, string | number | null>>} parameters
 */
export function setQueryParameters(parameters) {
  Object.assign(pending, parameters);
  clearTimeout(timer);
  timer = setTimeout(writeAddress, DELAY_MS);
}

/** Writes pending parameters to the address now. */
export function writeAddress() {
  const parameters = new URLSearchParams(location.hash.slice(1));
  for (const [key, value] of Object.entries(pending)) {
    parameters.delete(OLD_KEYS[/** @type {Key} */ (key)] ?? key);
    if (value === null || value === "") parameters.delete(key);
    else parameters.set(key, String(value));
  }
  pending = {};
  const hash = parameters.toString();
  if (hash !== location.hash.slice(1)) history.replaceState(null, "", hash ? `#${hash}` : location.pathname + location.search);
}

// A link was opened in this tab; `replaceState` does not fire this event.
addEventListener("hashchange", () => location.reload());
