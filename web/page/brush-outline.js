import { create } from "./dom.js";
import { chosenTool } from "./tools.js";

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
    sheet.addEventListener("pointermove", ({ clientX, clientY, pointerType }) => {
      const result = current();
      circle.hidden = !result || pointerType !== "mouse" || !["brush", "eraser"].includes(chosenTool());
      if (!result || circle.hidden) return;
      const { size, square } = result.explanation;
      const box = sheet.getBoundingClientRect();
      circle.style.left = `${(100 * (clientX - box.left)) / box.width}%`;
      circle.style.top = `${(100 * (clientY - box.top)) / box.height}%`;
      circle.style.width = `${(100 * diameterMm()) / (size * square.pixelMmOrAssumed)}%`;
    });
    sheet.addEventListener("pointerleave", () => (circle.hidden = true));
  }
}
