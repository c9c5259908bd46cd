import { element } from "./dom.js";

const text = element("status", HTMLElement);
const bar = element("progress", HTMLProgressElement);
const cancelButton = element("cancel", HTMLButtonElement);
const notice = element("notice", HTMLElement);
const offerButton = element("notice-offer", HTMLButtonElement);
const result = element("result", HTMLElement);
const panes = element("panes", HTMLElement);

/** The share of the panes in view below which they are scrolled to; their own sliders never get there. */
const OUT_OF_SIGHT = 0.4;

/** @type {AbortController | null} */
let running = null;
/** @type {(() => void) | undefined} */
let takeOffer;

cancelButton.addEventListener("click", () => running?.abort());
offerButton.addEventListener("click", () => {
  notice.hidden = true;
  takeOffer?.();
});
element("notice-close", HTMLButtonElement).addEventListener("click", () => (notice.hidden = true));

/**
 * Begins a component of work that the reader can cancel.
 *
 * @param {"loading" | "running"} state
 * @returns {AbortSignal}
 */
export function begin(state) {
  running = new AbortController();
  notice.hidden = true;
  setState(state);
  // Whoever opens a file far below, as on a phone, wants to see what becomes of it.
  const { top, bottom, height } = panes.getBoundingClientRect();
  const visible = Math.min(bottom, innerHeight) - Math.max(top, 0);
  if (visible < OUT_OF_SIGHT * Math.min(height, innerHeight)) result.scrollIntoView();
  return running.signal;
}

/** Whether a component of work is going on. */
export function isBusy() {
  return running !== null;
}

/**
 * Says how far the work is; what happens while there is none is not worth a word.
 *
 * @param {string} sentence
 * @param {number} [received]
 * @param {number | null} [total]
 */
export function progress(sentence, received, total) {
  if (!running) return;
  text.textContent = sentence;
  if (received !== undefined && total) {
    bar.max = total;
    bar.value = received;
  } else {
    bar.removeAttribute("value");
  }
}

/**
 * Ends it, with a sentence that stays.
 *
 * @param {"ready" | "failed"} state
 * @param {string} sentence
 */
export function end(state, sentence) {
  running = null;
  text.textContent = sentence;
  setState(state);
}

/**
 * Says something that must not be missed, until it is closed or the next work begins; with a way out, where there is one.
 *
 * @param {string} sentence
 * @param {{words: string, take: () => void}} [offer]
 */
export function announce(sentence, offer) {
  element("notice-text", HTMLElement).textContent = sentence;
  offerButton.hidden = !offer;
  offerButton.textContent = offer?.words ?? "";
  takeOffer = offer?.take;
  notice.hidden = false;
}

/** @param {"loading" | "running" | "ready" | "failed"} state */
function setState(state) {
  const busy = state === "loading" || state === "running";
  document.body.dataset.state = state;
  result.ariaBusy = String(busy);
  bar.hidden = !busy;
  cancelButton.hidden = !busy;
}
