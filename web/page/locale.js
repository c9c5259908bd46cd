import { queryParameter } from "./address.js";

/** Codes of the page's languages; languages.js has their texts. English is the first. */
export const LANGUAGES = ["en", "de"];

const wanted = queryParameter("lang") ?? navigator.language.slice(0, 2);

/** Language of the page: the query parameter `lang`, else the browser's language, else English. */
export const LANGUAGE = LANGUAGES.includes(wanted) ? wanted : LANGUAGES[0];
