import { element } from "./dom.js";
import { VIEWPORT } from "./strings.js";

/** Zoom factor and top left corner of the visible part, in fractions of the image; shared by all panes. */
const view = { x: 0, y: 0, zoom: 1 };

const MAX_ZOOM = 12;
/** Zoom factor of a button, a key or a notch of the wheel. */
const STEP = 1.25;

const panes = element("panes", HTMLElement);
const zoomNumber = element("zoom-number", HTMLOutputElement);

/** Sets up the zoom buttons. */
export function initZoom() {
  element("zoom-in", HTMLButtonElement).addEventListener("click", zoomIn);
  element("zoom-out", HTMLButtonElement).addEventListener("click", zoomOut);
  element("zoom-reset", HTMLButtonElement).addEventListener("click", resetView);
  show();
}

export function zoomIn() {
  zoomBy(STEP);
}

export function zoomOut() {
  zoomBy(1 / STEP);
}

/**
 * Zooms around a point.
 *
 * @param {number} factor
 * @param {{x: number, y: number}} [at] in fractions of the image; by default the centre of the visible part
 */
export function zoomBy(factor, at = { x: view.x + 0.5 / view.zoom, y: view.y + 0.5 / view.zoom }) {
  const zoom = Math.min(MAX_ZOOM, Math.max(1, view.zoom * factor));
  // The point keeps its position on the screen.
  view.x = at.x - ((at.x - view.x) * view.zoom) / zoom;
  view.y = at.y - ((at.y - view.y) * view.zoom) / zoom;
  view.zoom = zoom;
  show();
}

/**
 * Pans the image to the right and down.
 *
 * @param {number} x in fractions of the image
 * @param {number} y
 */
export function panBy(x, y) {
  view.x -= x;
  view.y -= y;
  show();
}

/**
 * Zooms to a box, with a margin.
 *
 * @param {{left: number, top: number, right: number, bottom: number}} box in fractions of the image
 */
export function zoomToBox({ left, top, right, bottom }) {
  view.zoom = Math.min(MAX_ZOOM, Math.max(1, 0.4 / Math.max(right - left, bottom - top)));
  view.x = (left + right - 1 / view.zoom) / 2;
  view.y = (top + bottom - 1 / view.zoom) / 2;
  show();
}

/** Shows the whole image. */
export function resetView() {
  Object.assign(view, { x: 0, y: 0, zoom: 1 });
  show();
}

/** Whether the whole image is visible. */
export function isWhole() {
  return view.zoom === 1;
}

/** Zoom factor of a number of steps. @param {number} steps */
export function zoomFactor(steps) {
  return STEP ** steps;
}

/**
 * Notches of a wheel event: one of a mouse, less for the small deltas of a trackpad, at most 3.
 *
 * @param {WheelEvent} event
 */
export function notchesOf({ deltaY, deltaMode }) {
  const notches = deltaMode === WheelEvent.DOM_DELTA_PIXEL ? deltaY / 100 : deltaY / 3;
  return Math.max(-3, Math.min(3, notches));
}

function show() {
  const max = 1 - 1 / view.zoom;
  view.x = Math.min(max, Math.max(0, view.x));
  view.y = Math.min(max, Math.max(0, view.y));
  panes.style.setProperty("--zoom", String(view.zoom));
  panes.style.setProperty("--pan-x", `${-100 * view.x * view.zoom}%`);
  panes.style.setProperty("--pan-y", `${-100 * view.y * view.zoom}%`);
  zoomNumber.value = VIEWPORT.zoom(view.zoom);
}
