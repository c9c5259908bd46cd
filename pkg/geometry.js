/** @typedef {import("./coin.js").Slice} Slice */

/**
 * Grid pixel `i` begins `edge + i * step` into the slice, in the slice's own pixels.
 *
 * @typedef {{edge: number, step: number}} Axis
 */

/**
 * How the model's square grid lies on a slice: around it, padded to a square in millimetres. The engine's numbers.
 *
 * @typedef {Object} Fit
 * @property {Axis} columns
 * @property {Axis} rows
 * @property {number | null} pixelMm side of a grid pixel, when the slice knows its spacing
 */

/**
 * @param {Slice} slice
 * @param {number} size
 * @returns {Fit}
 */
export function fitOf({ width, height, rowMm, columnMm }, size) {
  const side = Math.max(width * (columnMm ?? 1), height * (rowMm ?? 1));
  const axis = (/** @type {number} */ pixels, mm = 1) => ({ edge: (pixels * mm - side) / (2 * mm), step: side / mm / size });
  return { columns: axis(width, columnMm), rows: axis(height, rowMm), pixelMm: rowMm && columnMm ? side / size : null };
}

/**
 * The slice's pixel at a point of the grid, or null outside the slice.
 *
 * @param {Slice} slice
 * @param {Fit} fit
 * @param {number} gridX
 * @param {number} gridY
 */
export function pixelAt(slice, fit, gridX, gridY) {
  const x = at(fit.columns, gridX);
  const y = at(fit.rows, gridY);
  return x >= 0 && y >= 0 && x < slice.width && y < slice.height ? { x, y } : null;
}

/**
 * @param {Axis} axis
 * @param {number} position on the grid
 */
function at({ edge, step }, position) {
  // A quotient such as 3 * (20 / 15) must not fall below its whole number.
  return Math.floor(edge + position * step + 1e-9);
}

/**
 * A mask of the slice's pixels on the model's grid, each taken from where its corner lies, as the engine does.
 *
 * @param {Uint8Array} mask
 * @param {Slice} slice
 * @param {number} size
 */
export function maskOnGrid(mask, slice, size) {
  const fit = fitOf(slice, size);
  const onGrid = new Uint8Array(size * size);
  for (let y = 0; y < size; y++) {
    for (let x = 0; x < size; x++) {
      const pixel = pixelAt(slice, fit, x, y);
      if (pixel) onGrid[y * size + x] = mask[pixel.y * slice.width + pixel.x];
    }
  }
  return onGrid;
}

/** @param {Uint8Array} mask */
export function count(mask) {
  return mask.reduce((sum, value) => sum + value, 0);
}
