/** @typedef {import("../coin.js").Line} Line */

const SVG = "http://www.w3.org/2000/svg";

/**
 * Adds a layer to every pane and returns the function that draws lines in it, which replace those before.
 *
 * @param {string} name class of the layer
 * @returns {(lines: Line[]) => void} takes lines in fractions of the image
 */
export function lineLayer(name) {
  const layers = [...document.querySelectorAll("#panes .sheet")].map((sheet) => {
    const svg = document.createElementNS(SVG, "svg");
    svg.setAttribute("viewBox", "0 0 1 1");
    svg.setAttribute("class", `lines ${name}`);
    svg.setAttribute("aria-hidden", "true");
    return sheet.appendChild(svg);
  });
  return (lines) => {
    for (const layer of layers) {
      layer.replaceChildren(
        ...lines.map((ends) => {
          const line = document.createElementNS(SVG, "line");
          for (const [end, value] of Object.entries(ends)) line.setAttribute(end, String(value));
          return line;
        }),
      );
    }
  };
}
