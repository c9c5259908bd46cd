import { element } from "./dom.js";
import { stepSlider } from "./slider.js";
import { isWhole, notchesOf, panBy, resetView, zoomBy, zoomFactor } from "./viewport.js";

/** @typedef {{x: number, y: number}} Point on the image, in fractions of its width and height */

/**
 * Handlers of a drag on a pane. Points are on the image, independent of zoom and pan.
 *
 * @typedef {Object} Tool
 * @property {(at: Point) => void} [begin]
 * @property {(from: Point, to: Point, moved: {x: number, y: number}) => void} [drag] `moved`: CSS pixels since the last call
 * @property {(from: Point, to: Point) => void} [end]
 * @property {() => void} [cancel]
 */

/** Handled in this module. @type {Tool} */
const PAN = {};
/** Dragging up magnifies around the point where the drag began. @type {Tool} */
const ZOOM = { drag: (from, _to, { y }) => zoomBy(zoomFactor(-y / ZOOM_PIXELS), from) };
/** CSS pixels of a drag for one step of the zoom. */
const ZOOM_PIXELS = 30;
/** CSS pixels that a finger moves for the next slice. */
const SLICE_PIXELS = 16;

const panes = element("panes", HTMLElement);
/** The image layer of each pane; all share one zoom and pan. */
const sheets = [...panes.querySelectorAll(".sheet")].filter((sheet) => sheet instanceof HTMLElement);
const buttons = [...document.querySelectorAll('input[name="tool"]')].filter((button) => button instanceof HTMLInputElement);

/** Pressed pointers with their last positions, by id. @type {Map<number, {x: number, y: number}>} */
const down = new Map();
/** Part of the next slice that wheel or finger have moved. */
let slices = 0;

/**
 * Sets up the tools. With any of them, the right button sets the window, the wheel moves through the slices of a volume or
 * zooms a single slice, Ctrl with the wheel zooms, and so do two fingers. One finger with the pan tool moves through the slices.
 *
 * @param {{insert: Tool, window: Tool, length: Tool, brush: Tool, eraser: Tool, component: Tool}} tools
 */
export function initTools(tools) {
  const all = /** @type {Record<string, Tool>} */ ({ ...tools, pan: PAN, zoom: ZOOM });
  /** @type {{tool: Tool, from: Point, sheet: HTMLElement, id: number} | null} */
  let drag = null;

  const choose = () => (panes.dataset.tool = chosenTool());
  for (const button of buttons) button.addEventListener("change", choose);
  choose();

  for (const sheet of sheets) {
    sheet.addEventListener("pointerdown", (event) => {
      if (event.button !== 0 && event.button !== 2) return;
      down.set(event.pointerId, { x: event.clientX, y: event.clientY });
      sheet.setPointerCapture(event.pointerId);
      if (down.size > 1) {
        drag?.tool.cancel?.();
        drag = null;
        return;
      }
      const tool = event.button === 2 ? tools.window : all[chosenTool()];
      if (tool === tools.insert && sheet.id !== "insert") return;
      const from = pointOf(sheet, event);
      drag = { tool, from, sheet, id: event.pointerId };
      tool.begin?.(from);
    });
    sheet.addEventListener("pointermove", (event) => {
      const last = down.get(event.pointerId);
      if (!last) return;
      const box = sheet.getBoundingClientRect();
      const other = [...down].find(([id]) => id !== event.pointerId)?.[1];
      down.set(event.pointerId, { x: event.clientX, y: event.clientY });
      const moved = { x: event.clientX - last.x, y: event.clientY - last.y };
      if (other) pinch(sheet, last, event, other);
      else if (drag?.tool === PAN && event.pointerType === "touch" && isWhole()) scrollSlices(moved.y / SLICE_PIXELS);
      else if (drag?.tool === PAN) panBy(moved.x / box.width, moved.y / box.height);
      else drag?.tool.drag?.(drag.from, pointOf(sheet, event), moved);
    });
    const release = (/** @type {PointerEvent} */ event) => {
      down.delete(event.pointerId);
      if (drag?.id !== event.pointerId) return;
      const { tool, from } = drag;
      drag = null;
      if (event.type === "pointerup") tool.end?.(from, pointOf(sheet, event));
      else tool.cancel?.();
    };
    sheet.addEventListener("pointerup", release);
    sheet.addEventListener("pointercancel", release);
    sheet.addEventListener(
      "wheel",
      (event) => {
        event.preventDefault();
        if (event.ctrlKey || !scrollSlices(notchesOf(event))) zoomBy(zoomFactor(-notchesOf(event)), pointOf(sheet, event));
      },
      { passive: false },
    );
    sheet.addEventListener("contextmenu", (event) => event.preventDefault());
    // Two clicks insert lesions or remove lengths.
    sheet.addEventListener("dblclick", () => !["insert", "length"].includes(chosenTool()) && resetView());
  }
}

/**
 * Moves through the slices of a volume; false if there are none.
 *
 * @param {number} steps may be fractions, which add up
 */
function scrollSlices(steps) {
  slices += steps;
  const whole = Math.trunc(slices);
  slices -= whole;
  return stepSlider("slice", whole);
}

/** Value of the selected tool. @returns {string} */
export function chosenTool() {
  return buttons.find((button) => button.checked)?.value ?? "insert";
}

/** Selects a tool. @param {string} name */
export function chooseTool(name) {
  const button = buttons.find((button) => button.value === name);
  if (!button) return;
  button.checked = true;
  button.dispatchEvent(new Event("change"));
}

/**
 * Zooms and pans by a pinch.
 *
 * @param {HTMLElement} sheet
 * @param {{x: number, y: number}} last previous position of the finger that moved
 * @param {PointerEvent} now
 * @param {{x: number, y: number}} other position of the other finger
 */
function pinch(sheet, last, now, other) {
  const before = Math.hypot(last.x - other.x, last.y - other.y);
  const after = Math.hypot(now.clientX - other.x, now.clientY - other.y);
  const middle = { clientX: (now.clientX + other.x) / 2, clientY: (now.clientY + other.y) / 2 };
  if (before > 0) zoomBy(after / before, pointOf(sheet, middle));
  const box = sheet.getBoundingClientRect();
  // Each of the two fingers contributes half of the pan.
  panBy((now.clientX - last.x) / 2 / box.width, (now.clientY - last.y) / 2 / box.height);
}

/**
 * Converts client coordinates to a point on the image.
 *
 * @param {HTMLElement} sheet
 * @param {{clientX: number, clientY: number}} event
 * @returns {Point}
 */
export function pointOf(sheet, { clientX, clientY }) {
  const box = sheet.getBoundingClientRect();
  return { x: (clientX - box.left) / box.width, y: (clientY - box.top) / box.height };
}
