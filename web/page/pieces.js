import { componentNumbers } from "../coin.js";
import { pixelAt } from "../geometry.js";
import { create, element } from "./dom.js";
import { latest } from "./latest.js";
import { PIECES } from "./strings.js";
import { markPiece } from "./threshold.js";
import { unitOf } from "./units.js";
import { showBox, showWhole } from "./viewport.js";

/** @typedef {import("./main.js").Result} Result */

/**
 * @typedef {Object} Piece
 * @property {Uint8Array} mask
 * @property {number} pixels
 * @property {number} inside of them, on the slice and not on what surrounds it
 * @property {number} intensity its mean in the slice
 * @property {number} difference its mean
 * @property {{left: number, top: number, right: number, bottom: number}} box in pixels of the grid
 */

/** More rows say nothing. */
const MOST = 8;

const body = element("pieces", HTMLTableSectionElement);
const rest = element("pieces-rest", HTMLElement);

/** Lists the pieces of a result's mask, the largest first; a row shows its piece. */
export const showPieces = latest(async (/** @type {Result} */ result) => {
  const { mask, explanation } = result;
  if (!mask) return;
  const numbers = await componentNumbers(mask, explanation.size);
  const pieces = piecesOf(numbers, result);
  const { pixelMm } = explanation.square;
  body.replaceChildren(...pieces.slice(0, MOST).map((piece, i) => rowOf(result, piece, i, pixelMm)));
  rest.textContent = pieces.length === 0 ? PIECES.none : pieces.length > MOST ? PIECES.more(pieces.length - MOST) : "";
});

/**
 * @param {Result} result
 * @param {Piece} piece
 * @param {number} index
 * @param {number | null} pixelMm
 */
function rowOf(result, piece, index, pixelMm) {
  const show = create("button", { type: "button", ariaPressed: "false" }, PIECES.piece(index + 1));
  show.addEventListener("click", () => {
    const pressed = show.ariaPressed !== "true";
    for (const other of body.querySelectorAll("button")) other.ariaPressed = "false";
    show.ariaPressed = String(pressed);
    markPiece(result, pressed ? piece.mask : null);
    const { size } = result.explanation;
    const { left, top, right, bottom } = piece.box;
    if (pressed) showBox({ left: left / size, top: top / size, right: (right + 1) / size, bottom: (bottom + 1) / size });
    else showWhole();
  });
  const unit = unitOf(result.model, result.subject.source.scan);
  const [low, high] = result.explanation.window;
  const area = pixelMm ? PIECES.area(piece.pixels * pixelMm ** 2) : PIECES.pixels(piece.pixels);
  const cells = [area, PIECES.intensity(piece.intensity, unit, high - low), piece.difference.toFixed(2)].map((words) => create("td", {}, words));
  return create("tr", {}, create("th", { scope: "row" }, show), ...cells);
}

/**
 * @param {Uint32Array} numbers
 * @param {Result} result
 * @returns {Piece[]}
 */
function piecesOf(numbers, { explanation: { size, square, difference }, subject: { slice } }) {
  /** @type {Piece[]} */
  const pieces = [];
  numbers.forEach((number, at) => {
    if (number === 0) return;
    const [x, y] = [at % size, Math.floor(at / size)];
    const piece = (pieces[number - 1] ??= { mask: new Uint8Array(numbers.length), pixels: 0, inside: 0, intensity: 0, difference: 0, box: { left: x, top: y, right: x, bottom: y } });
    const { box } = piece;
    piece.mask[at] = 1;
    piece.pixels += 1;
    piece.difference += difference[at];
    const pixel = pixelAt(slice, square, (x + 0.5) / size, (y + 0.5) / size);
    if (pixel) {
      piece.inside += 1;
      piece.intensity += slice.hu[pixel.y * slice.width + pixel.x];
    }
    Object.assign(box, { left: Math.min(box.left, x), right: Math.max(box.right, x), bottom: Math.max(box.bottom, y) });
  });
  return pieces.map((piece) => ({ ...piece, intensity: piece.intensity / Math.max(1, piece.inside), difference: piece.difference / piece.pixels }));
}
