import { engineEvents } from "../coin.js";
import { create, element } from "./dom.js";
import { hearServiceWorker, keepPage } from "./offline.js";
import { announce } from "./progress.js";
import { earlyRequests } from "./start.js";
import { OFFLINE, PRIVACY } from "./strings.js";

/** @typedef {{address: string, bytes: number}} Request an address, and the bytes of its answer */

/** @type {Request[]} */
const requests = [];
let watched = 0;
let refused = 0;
let offline = OFFLINE.later;

/** Shows what the page, its engines and its service worker ask for, from now on and what they have asked for already. */
export function showRequests() {
  const noteEntries = (/** @type {PerformanceEntry[]} */ entries) => {
    for (const entry of entries) {
      if (entry instanceof PerformanceResourceTiming) add({ address: entry.name, bytes: entry.encodedBodySize });
    }
  };
  noteEntries(performance.getEntriesByType("navigation"));
  new PerformanceObserver((list) => noteEntries(list.getEntries())).observe({ type: "resource", buffered: true });
  earlyRequests().forEach(add);
  engineEvents.addEventListener("request", (event) => add(/** @type {CustomEvent<Request>} */ (event).detail));
  hearServiceWorker((wasRefused) => {
    watched += 1;
    refused += Number(wasRefused);
    show();
  }, add);
}

/** Has the page kept for when there is no network; from the next visit on its requests are watched. */
export function keepForLater() {
  const onState = (/** @type {string} */ state) => {
    offline = state;
    show();
  };
  return keepPage(onState, (sentence, take) => announce(sentence, { words: OFFLINE.reload, take }));
}

/** @param {Request} request */
function add(request) {
  // What the page makes itself leaves no site.
  if (!/^https?:/.test(request.address)) return;
  // What stands behind # is sent to no one.
  requests.push({ ...request, address: request.address.replace(/#.*/, "") });
  show();
}

function show() {
  const own = requests.filter(({ address }) => new URL(address).origin === location.origin);
  const never = offline === OFFLINE.impossible || offline === OFFLINE.failed;
  const unwatched = never ? PRIVACY.unwatchable : PRIVACY.unwatched;
  /** @type {[string, string][]} */
  const facts = [
    [PRIVACY.sent, watched > 0 ? PRIVACY.sentOf(watched, refused) : unwatched],
    [PRIVACY.requests, PRIVACY.requestsOf(own.length, requests.length - own.length, location.host)],
    [PRIVACY.read, PRIVACY.readOf(requests.reduce((sum, { bytes }) => sum + bytes, 0))],
    [PRIVACY.offline, offline],
  ];
  element("privacy-facts", HTMLElement).replaceChildren(
    ...facts.flatMap(([name, value]) => [create("dt", {}, name), create("dd", {}, value)]),
  );
  element("privacy-requests", HTMLElement).replaceChildren(
    ...requests.map(({ address, bytes }) => create("li", {}, PRIVACY.request(shortened(address), bytes))),
  );
}

/** @param {string} address */
function shortened(address) {
  const folder = new URL(".", document.baseURI).href;
  return address.startsWith(folder) ? address.slice(folder.length) || "./" : address;
}
