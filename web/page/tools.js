import { element } from "./dom.js";
import { panBy, showWhole, wheelFactor, zoomBy } from "./viewport.js";

/** @typedef {{x: number, y: number}} Point in shares of a picture's width and height */

/**
 * What a drag over a pane does. All points are on the picture, whatever part of it is shown.
 *
 * @typedef {Object} Tool
 * @property {(at: Point) => void} [begin]
 * @property {(from: Point, to: Point, moved: {x: number, y: number}) => void} [drag] `moved`: pixels of the screen since the last call
 * @property {(from: Point, to: Point) => void} [end]
 * @property {() => void} [cancel]
 */

/** Handled here, since it changes what is shown. @type {Tool} */
const MOVE = {};

const panes = element("panes", HTMLElement);
/** Each holds a picture as large as it is; they are moved and magnified together. */
const sheets = [...panes.querySelectorAll(".sheet")].filter((sheet) => sheet instanceof HTMLElement);
const buttons = [...document.querySelectorAll('input[name="tool"]')].filter((button) => button instanceof HTMLInputElement);

/** Pointers that are down, with where they were last. @type {Map<number, {x: number, y: number}>} */
const down = new Map();

/**
 * Lets the reader choose what dragging does. Two fingers, or the wheel with the control key, always zoom; the wheel alone
 * zooms with the tool that moves, since it scrolls the page otherwise.
 *
 * @param {{insert: Tool, window: Tool, measure: Tool}} tools
 */
export function acceptTools(tools) {
  const all = /** @type {Record<string, Tool>} */ ({ ...tools, move: MOVE });
  /** @type {{tool: Tool, from: Point, sheet: HTMLElement, id: number} | null} */
  let drag = null;

  const choose = () => (panes.dataset.tool = chosenTool());
  for (const button of buttons) button.addEventListener("change", choose);
  choose();

  for (const sheet of sheets) {
    sheet.addEventListener("pointerdown", (event) => {
      if (event.button !== 0) return;
      down.set(event.pointerId, { x: event.clientX, y: event.clientY });
      sheet.setPointerCapture(event.pointerId);
      if (down.size > 1) {
        drag?.tool.cancel?.();
        drag = null;
        return;
      }
      const tool = all[chosenTool()];
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
      else if (drag?.tool === MOVE) panBy(moved.x / box.width, moved.y / box.height);
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
        if (!event.ctrlKey && chosenTool() !== "move") return;
        event.preventDefault();
        zoomBy(wheelFactor(event), pointOf(sheet, event));
      },
      { passive: false },
    );
    sheet.addEventListener("dblclick", () => chosenTool() === "move" && showWhole());
  }
}

/** @returns {string} */
export function chosenTool() {
  return buttons.find((button) => button.checked)?.value ?? "insert";
}

/** @param {string} name */
export function chooseTool(name) {
  const button = buttons.find((button) => button.value === name);
  if (!button) return;
  button.checked = true;
  button.dispatchEvent(new Event("change"));
}

/**
 * Two fingers apart or together.
 *
 * @param {HTMLElement} sheet
 * @param {{x: number, y: number}} last
 * @param {PointerEvent} now
 * @param {{x: number, y: number}} other
 */
function pinch(sheet, last, now, other) {
  const before = Math.hypot(last.x - other.x, last.y - other.y);
  const after = Math.hypot(now.clientX - other.x, now.clientY - other.y);
  const middle = { clientX: (now.clientX + other.x) / 2, clientY: (now.clientY + other.y) / 2 };
  if (before > 0) zoomBy(after / before, pointOf(sheet, middle));
  const box = sheet.getBoundingClientRect();
  // Of two fingers that move alike, each moves the picture half as far.
  panBy((now.clientX - last.x) / 2 / box.width, (now.clientY - last.y) / 2 / box.height);
}

/**
 * @param {HTMLElement} sheet
 * @param {{clientX: number, clientY: number}} event
 * @returns {Point}
 */
function pointOf(sheet, { clientX, clientY }) {
  const box = sheet.getBoundingClientRect();
  return { x: (clientX - box.left) / box.width, y: (clientY - box.top) / box.height };
}
