/** Numbers as the page writes them, in any language. */

/** @param {number} bytes */
export function megabytes(bytes) {
  return (bytes / 1e6).toFixed(1);
}

/**
 * @param {number} received
 * @param {number | null} total
 */
export function bytesOf(received, total) {
  return total ? `${megabytes(received)} / ${megabytes(total)} MB` : `${megabytes(received)} MB`;
}

/** @param {number} milliseconds */
export function seconds(milliseconds) {
  return milliseconds < 1000 ? `${Math.round(milliseconds)} ms` : `${(milliseconds / 1000).toFixed(1)} s`;
}

/** @param {number} p */
export function probability(p) {
  if (p < 0.005) return "<\u20090.01";
  if (p > 0.995) return ">\u20090.99";
  return p.toFixed(2);
}

/** @param {number} value a result of an evaluation */
export function decimals(value) {
  return value.toFixed(3);
}

/**
 * @param {number} low
 * @param {number} high
 */
export function range(low, high) {
  return `${low} to ${high} HU`.replaceAll("-", "\u2212");
}

/** @param {number} hu */
export function whole(hu) {
  return hu.toFixed(0).replace(/^-0$/, "0").replace("-", "\u2212");
}

