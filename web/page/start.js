/** Starts the engine while the other modules of the page still load. */

import { engineEvents, startEngine } from "../coin.js";

/** @typedef {import("../host.js").EngineRequest} EngineRequest */

/** Requests of engines before the page listens. @type {EngineRequest[]} */
const early = [];

/** @param {Event} event */
function recordRequest(event) {
  early.push(/** @type {CustomEvent<EngineRequest>} */ (event).detail);
}

/** Returns the requests so far and stops recording. */
export function earlyRequests() {
  engineEvents.removeEventListener("request", recordRequest);
  return early;
}

engineEvents.addEventListener("request", recordRequest);
startEngine();
