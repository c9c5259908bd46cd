/** The engine starts while the modules of the page still arrive. */

import { engineEvents, startEngine } from "../coin.js";

/** @typedef {import("../host.js").EngineRequest} EngineRequest */

/** What engines asked for before the page listened. @type {EngineRequest[]} */
const early = [];

/** @param {Event} event */
function note(event) {
  early.push(/** @type {CustomEvent<EngineRequest>} */ (event).detail);
}

/** What was asked for so far; from now on the caller listens. */
export function earlyRequests() {
  engineEvents.removeEventListener("request", note);
  return early;
}

engineEvents.addEventListener("request", note);
startEngine();
