import { queryParameter } from "./address.js";

/** Language of the page: the query parameter `lang`, else the browser's language, else English. @type {"en" | "de"} */
export const LANGUAGE = (queryParameter("lang") ?? navigator.language.slice(0, 2)) === "de" ? "de" : "en";
