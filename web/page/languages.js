/** The languages of the page besides English, by their codes in locale.js: modules with the exports of german.js. */

import * as german from "./german.js";

/** @type {Record<string, typeof german>} */
export const TRANSLATIONS = { de: german };
