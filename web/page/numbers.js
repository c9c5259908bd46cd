/** Numbers, sizes and plurals in the notation of the page's language. */

import { LANGUAGE } from "./locale.js";

/** By number of fraction digits. @type {Intl.NumberFormat[]} */
const decimals = [];
const scientificFormat = new Intl.NumberFormat(LANGUAGE, { notation: "scientific", maximumFractionDigits: 1 });
const megabyteFormat = new Intl.NumberFormat(LANGUAGE, { style: "unit", unit: "megabyte", minimumFractionDigits: 1, maximumFractionDigits: 1 });
const kilobyteFormat = new Intl.NumberFormat(LANGUAGE, { style: "unit", unit: "kilobyte", minimumFractionDigits: 1, maximumFractionDigits: 1 });
const listFormat = new Intl.ListFormat(LANGUAGE, { type: "conjunction" });
const plurals = new Intl.PluralRules(LANGUAGE);

/**
 * A number with a fixed number of fraction digits and a true minus sign.
 *
 * @param {number} value
 * @param {number} digits
 */
export function decimal(value, digits) {
  decimals[digits] ??= new Intl.NumberFormat(LANGUAGE, { minimumFractionDigits: digits, maximumFractionDigits: digits, useGrouping: false, signDisplay: "negative" });
  return decimals[digits].format(value).replace("-", "\u2212");
}

/** @param {number} value */
export function scientific(value) {
  return scientificFormat.format(value);
}

/**
 * @param {number} share in [0, 1]
 * @param {number} [digits]
 */
export function percent(share, digits = 0) {
  return share.toLocaleString(LANGUAGE, { style: "percent", minimumFractionDigits: digits, maximumFractionDigits: digits });
}

/** @param {number} bytes */
export function megabytes(bytes) {
  return megabyteFormat.format(bytes / 1e6);
}

/** @param {number} bytes */
export function kilobytes(bytes) {
  return kilobyteFormat.format(bytes / 1e3);
}

/**
 * Progress of a download in megabytes.
 *
 * @param {number} received bytes
 * @param {number | null} total bytes; null when unknown
 */
export function bytesOf(received, total) {
  return total ? `${decimal(received / 1e6, 1)} / ${megabytes(total)}` : megabytes(received);
}

/** @param {number} milliseconds */
export function duration(milliseconds) {
  return milliseconds < 1000 ? `${decimal(milliseconds, 0)} ms` : `${decimal(milliseconds / 1000, 1)} s`;
}

/** @param {number} p */
export function probability(p) {
  if (p < 0.005) return `<\u202f${decimal(0.01, 2)}`;
  if (p > 0.995) return `>\u202f${decimal(0.99, 2)}`;
  return decimal(p, 2);
}

/** A volume, in cm³ from 1 cm³ on. @param {number} mm3 */
export function volume(mm3) {
  return mm3 < 1000 ? `${decimal(mm3, 0)} mm³` : `${decimal(mm3 / 1000, 1)} cm³`;
}

/** A metric of an evaluation, with three digits. @param {number} value */
export function metric(value) {
  return decimal(value, 3);
}

/**
 * A count with its noun.
 *
 * @param {number} count
 * @param {string} one the singular
 * @param {string} other the plural
 */
export function plural(count, one, other) {
  return `${count} ${plurals.select(count) === "one" ? one : other}`;
}

/** @param {string[]} items */
export function list(items) {
  return listFormat.format(items);
}

/**
 * An intensity window, for example "−160 to 240 HU".
 *
 * @param {[number, number]} window
 * @param {string} unit
 * @param {string} to the word between the limits
 */
export function windowRange([low, high], unit, to) {
  return `${decimal(low, intensityDigits(unit, high - low))} ${to} ${intensity(high, unit, high - low)}`;
}

/**
 * An intensity with its unit, if any.
 *
 * @param {number} value
 * @param {string} unit
 * @param {number} span width of the intensity window, which sets the precision where there is no unit
 */
export function intensity(value, unit, span) {
  return `${decimal(value, intensityDigits(unit, span))}${unit && ` ${unit}`}`;
}

/**
 * Mean and standard deviation of intensities before and after inpainting, for example "120 ± 15 → 41 ± 9 HU".
 *
 * @param {{mean: number, sd: number}} before
 * @param {{mean: number, sd: number}} after
 * @param {string} unit
 * @param {number} span as of {@link intensity}
 */
export function intensities(before, after, unit, span) {
  const digits = intensityDigits(unit, span);
  const text = (/** @type {{mean: number, sd: number}} */ { mean, sd }) => `${decimal(mean, digits)}\u00a0±\u00a0${decimal(sd, digits)}`;
  return `${text(before)} →\u00a0${text(after)}${unit && `\u00a0${unit}`}`;
}

/**
 * HU are integers; other intensities get three significant digits of their span.
 *
 * @param {string} unit
 * @param {number} span
 */
function intensityDigits(unit, span) {
  return unit ? 0 : Math.min(6, Math.max(0, 2 - Math.floor(Math.log10(Math.max(span, 1e-6)))));
}
