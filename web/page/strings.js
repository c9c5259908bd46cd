/** All sentences that the page composes, in the page's language. */

import * as english from "./english.js";
import { TRANSLATIONS } from "./languages.js";
import { LANGUAGE } from "./locale.js";

export { bytesOf, decimal, duration, list, metric, probability } from "./numbers.js";

/** @type {Omit<typeof english, never>} */
const strings = TRANSLATIONS[LANGUAGE] ?? english;

export const { DEVICE, LOADING, STATUS, VERDICT, MASK, SAMPLE, FILE, WINDOW, MODEL, HOW, READOUT, VIEWPORT, REPORT, CALLOUTS, INSERT, LEAVING, RULER, COMPONENTS, VOLUME, METHODS, COMPARISON, DIAGNOSTICS, OFFLINE, PRIVACY, TIMES, EXPORT, BATCH } = strings;

/**
 * Translates a message of an engine, which is English. Unknown messages stay as they are.
 *
 * @param {string} message
 */
export function translated(message) {
  const known = TRANSLATIONS[LANGUAGE]?.MESSAGES.find(({ pattern }) => pattern.test(message));
  return known ? message.replace(known.pattern, known.translated) : message;
}
