import { element } from "./dom.js";
import { VIEWPORT } from "./strings.js";

/** The part of the pictures that all panes show: its corner and the magnification, in shares of a picture. */
const view = { x: 0, y: 0, zoom: 1 };

const LARGEST = 12;
/** How much a button, a key or a notch of the wheel magnifies. */
const STEP = 1.25;

const panes = element("panes", HTMLElement);
const zoomNumber = element("zoom-number", HTMLOutputElement);

/** Lets the reader zoom by buttons. */
export function acceptZooming() {
  element("zoom-in", HTMLButtonElement).addEventListener("click", zoomIn);
  element("zoom-out", HTMLButtonElement).addEventListener("click", zoomOut);
  element("zoom-reset", HTMLButtonElement).addEventListener("click", showWhole);
  show();
}

export function zoomIn() {
  zoomBy(STEP);
}

export function zoomOut() {
  zoomBy(1 / STEP);
}

/**
 * Magnifies around a point of the picture.
 *
 * @param {number} factor
 * @param {{x: number, y: number}} [at] the middle of what is shown, if none
 */
export function zoomBy(factor, at = { x: view.x + 0.5 / view.zoom, y: view.y + 0.5 / view.zoom }) {
  const zoom = Math.min(LARGEST, Math.max(1, view.zoom * factor));
  // What was under the point stays under it.
  view.x = at.x - ((at.x - view.x) * view.zoom) / zoom;
  view.y = at.y - ((at.y - view.y) * view.zoom) / zoom;
  view.zoom = zoom;
  show();
}

/**
 * @param {number} x by how much of the picture it moves to the right
 * @param {number} y and down
 */
export function panBy(x, y) {
  view.x -= x;
  view.y -= y;
  show();
}

/**
 * Shows a box of the picture, with a margin.
 *
 * @param {{left: number, top: number, right: number, bottom: number}} box in shares of the picture
 */
export function showBox({ left, top, right, bottom }) {
  view.zoom = Math.min(LARGEST, Math.max(1, 0.4 / Math.max(right - left, bottom - top)));
  view.x = (left + right - 1 / view.zoom) / 2;
  view.y = (top + bottom - 1 / view.zoom) / 2;
  show();
}

export function showWhole() {
  Object.assign(view, { x: 0, y: 0, zoom: 1 });
  show();
}

/**
 * One step per notch of a mouse, less for the small ones of a trackpad.
 *
 * @param {WheelEvent} event
 */
export function wheelFactor({ deltaY, deltaMode }) {
  const notches = deltaMode === WheelEvent.DOM_DELTA_PIXEL ? deltaY / 100 : deltaY / 3;
  return STEP ** -Math.max(-3, Math.min(3, notches));
}

function show() {
  const room = 1 - 1 / view.zoom;
  view.x = Math.min(room, Math.max(0, view.x));
  view.y = Math.min(room, Math.max(0, view.y));
  panes.style.setProperty("--zoom", String(view.zoom));
  panes.style.setProperty("--pan-x", `${-100 * view.x * view.zoom}%`);
  panes.style.setProperty("--pan-y", `${-100 * view.y * view.zoom}%`);
  zoomNumber.value = VIEWPORT.zoom(view.zoom);
}
