import { create } from "./dom.js";
import { chosenTool, pointOf } from "./tools.js";

/** @typedef {import("./main.js").Result} Result */

/**
 * Shows the circle that brush and eraser would change, around the mouse pointer.
 *
 * @param {() => Result | null} current
 * @param {() => number} diameterMm
 */
export function initBrushOutline(current, diameterMm) {
  for (const sheet of document.querySelectorAll("#panes .sheet")) {
    if (!(sheet instanceof HTMLElement)) continue;
    const circle = sheet.appendChild(create("span", { className: "circle brush", hidden: true }));
    sheet.addEventListener("pointermove", (event) => {
      const result = current();
      circle.hidden = !result || event.pointerType !== "mouse" || !["brush", "eraser"].includes(chosenTool());
      if (!result || circle.hidden) return;
      const { size, square } = result.explanation;
      const { x, y } = pointOf(sheet, event);
      circle.style.left = `${100 * x}%`;
      circle.style.top = `${100 * y}%`;
      circle.style.width = `${(100 * diameterMm()) / (size * square.pixelMmOrAssumed)}%`;
    });
    sheet.addEventListener("pointerleave", () => (circle.hidden = true));
  }
}
