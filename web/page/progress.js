import { element } from "./dom.js";

const text = element("status", HTMLElement);
const bar = element("progress", HTMLProgressElement);
const cancelButton = element("cancel", HTMLButtonElement);
const notice = element("notice", HTMLElement);
const actionButton = element("notice-action", HTMLButtonElement);
const result = element("result", HTMLElement);
const panes = element("panes", HTMLElement);

/** Scroll to the panes when less than this share of them is visible. */
const MIN_VISIBLE = 0.4;

/** @type {AbortController | null} */
let running = null;
/** @type {(() => void) | undefined} */
let runAction;

cancelButton.addEventListener("click", () => running?.abort());
actionButton.addEventListener("click", () => {
  notice.hidden = true;
  runAction?.();
});
element("notice-close", HTMLButtonElement).addEventListener("click", () => (notice.hidden = true));

/**
 * Begins a run that the user can cancel.
 *
 * @param {"loading" | "running"} state
 * @returns {AbortSignal}
 */
export function begin(state) {
  running = new AbortController();
  notice.hidden = true;
  setState(state);
  // On phones the controls are far below the panes.
  const { top, bottom, height } = panes.getBoundingClientRect();
  const visible = Math.min(bottom, innerHeight) - Math.max(top, 0);
  if (visible < MIN_VISIBLE * Math.min(height, innerHeight)) result.scrollIntoView();
  return running.signal;
}

/** Whether a run is in progress. */
export function isBusy() {
  return running !== null;
}

/**
 * Shows the progress of the run; ignored when there is none. The bar is indeterminate without a total.
 *
 * @param {string} status
 * @param {number} [received]
 * @param {number | null} [total]
 */
export function progress(status, received, total) {
  if (!running) return;
  text.textContent = status;
  if (received !== undefined && total) {
    bar.max = total;
    bar.value = received;
  } else {
    bar.removeAttribute("value");
  }
}

/**
 * Ends the run with a final status.
 *
 * @param {"ready" | "failed"} state
 * @param {string} status
 */
export function end(state, status) {
  running = null;
  text.textContent = status;
  setState(state);
}

/**
 * Shows an alert until the user closes it or the next run begins.
 *
 * @param {string} message
 * @param {{label: string, run: () => void}} [action] an additional button
 */
export function showNotice(message, action) {
  element("notice-text", HTMLElement).textContent = message;
  actionButton.hidden = !action;
  actionButton.textContent = action?.label ?? "";
  runAction = action?.run;
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
