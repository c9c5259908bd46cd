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
 * @param {[number, number]} window
 * @param {string} unit
 */
export function range([low, high], unit) {
  return `${rounded(low, unit, high - low)} to ${intensity(high, unit, high - low)}`;
}

/**
 * An intensity with its unit, where it has one.
 *
 * @param {number} value
 * @param {string} unit
 * @param {number} span of the values around it, which says how many digits matter
 */
export function intensity(value, unit, span) {
  return `${rounded(value, unit, span)}${unit && ` ${unit}`}`;
}

/**
 * HU are whole numbers; of others three digits of the span.
 *
 * @param {number} value
 * @param {string} unit
 * @param {number} span
 */
export function rounded(value, unit, span) {
  const digits = unit ? 0 : Math.min(6, Math.max(0, 2 - Math.floor(Math.log10(Math.max(span, 1e-6)))));
  return value.toFixed(digits).replace(/^-(0(\.0*)?)$/, "$1").replace("-", "\u2212");
}

