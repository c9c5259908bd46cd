import { engineEvents } from "../coin.js";
import { create, element } from "./dom.js";
import { listenToServiceWorker, registerServiceWorker } from "./offline.js";
import { showNotice } from "./progress.js";
import { earlyRequests } from "./start.js";
import { OFFLINE, PRIVACY } from "./strings.js";

/** @typedef {{address: string, bytes: number}} Request address and size of the response */

/** @type {Request[]} */
const requests = [];
let monitored = 0;
let blocked = 0;
let offline = OFFLINE.later;

/** Lists all requests of the page, its engines and its service worker, past and future. */
export function initRequestLog() {
  const addEntries = (/** @type {PerformanceEntry[]} */ entries) => {
    for (const entry of entries) {
      if (entry instanceof PerformanceResourceTiming) add({ address: entry.name, bytes: entry.encodedBodySize });
    }
  };
  addEntries(performance.getEntriesByType("navigation"));
  new PerformanceObserver((list) => addEntries(list.getEntries())).observe({ type: "resource", buffered: true });
  earlyRequests().forEach(add);
  engineEvents.addEventListener("request", (event) => add(/** @type {CustomEvent<Request>} */ (event).detail));
  listenToServiceWorker((wasBlocked) => {
    monitored += 1;
    blocked += Number(wasBlocked);
    show();
  }, add);
}

/** Saves the page for offline use; from the next visit on, its requests are monitored. */
export function enableOffline() {
  const onState = (/** @type {string} */ state) => {
    offline = state;
    show();
  };
  return registerServiceWorker(onState, (text, activate) => showNotice(text, { label: OFFLINE.reload, run: activate }));
}

/** @param {Request} request */
function add(request) {
  // Blob and data URLs cause no traffic.
  if (!/^https?:/.test(request.address)) return;
  // Browsers do not send the fragment.
  requests.push({ ...request, address: request.address.replace(/#.*/, "") });
  show();
}

function show() {
  const own = requests.filter(({ address }) => new URL(address).origin === location.origin);
  const never = offline === OFFLINE.unsupported || offline === OFFLINE.failed;
  const unmonitored = never ? PRIVACY.unsupported : PRIVACY.unmonitored;
  /** @type {[string, string][]} */
  const facts = [
    [PRIVACY.sent, monitored > 0 ? PRIVACY.sentOf(monitored, blocked) : unmonitored],
    [PRIVACY.requests, PRIVACY.requestsOf(own.length, requests.length - own.length, location.host)],
    [PRIVACY.received, PRIVACY.receivedOf(requests.reduce((sum, { bytes }) => sum + bytes, 0))],
    [PRIVACY.offline, offline],
  ];
  element("privacy-facts", HTMLElement).replaceChildren(
    ...facts.flatMap(([name, value]) => [create("dt", {}, name), create("dd", {}, value)]),
  );
  element("privacy-requests", HTMLElement).replaceChildren(
    ...requests.map(({ address, bytes }) => create("li", {}, PRIVACY.request(relative(address), bytes))),
  );
}

/** Shortens addresses below the page's folder. @param {string} address */
function relative(address) {
  const folder = new URL(".", document.baseURI).href;
  return address.startsWith(folder) ? address.slice(folder.length) || "./" : address;
}
