/** Every sentence that the page composes, in the reader's language. */

import * as english from "./english.js";
import * as german from "./german.js";
import { LANGUAGE } from "./language.js";

export { bytesOf, decimals, probability, seconds } from "./numbers.js";

/** @type {Omit<typeof english, never>} */
const words = LANGUAGE === "de" ? german : english;

export const { DEVICE, LOADING, STATUS, VERDICT, MASK, SAMPLE, FILE, WINDOW, MODEL, HOW, READOUT, VIEWPORT, INSERT, RULER, COMPONENTS, VOLUME, METHODS, COMPARISON, DIAGNOSTICS, OFFLINE, PRIVACY, TIMES, EXPORT } = words;

/**
 * What an engine or a program says of itself is English; the sentences that everyone sees are known.
 *
 * @param {string} sentence
 */
export function translated(sentence) {
  if (LANGUAGE === "en") return sentence;
  const known = german.SENTENCES.find(([pattern]) => pattern.test(sentence));
  return known ? sentence.replace(known[0], known[1]) : sentence;
}
