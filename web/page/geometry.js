/** @typedef {import("../coin.js").Slice} Slice */

/**
 * How a slice lies on the model's square grid: padded to a square in millimetres, centred, and resized.
 *
 * @typedef {Object} Fit
 * @property {number} size
 * @property {number} left of the slice on the grid
 * @property {number} top
 * @property {number} width of the slice on the grid
 * @property {number} height
 * @property {number | null} pixelMm side of a grid pixel, when the slice knows its spacing
 */

/**
 * @param {Slice} slice
 * @param {number} size
 * @returns {Fit}
 */
export function fitOf({ width, height, rowMm, columnMm }, size) {
  const wide = width * (columnMm ?? 1);
  const high = height * (rowMm ?? 1);
  const extent = Math.max(wide, high);
  const scale = size / extent;
  return {
    size,
    left: ((extent - wide) / 2) * scale,
    top: ((extent - high) / 2) * scale,
    width: wide * scale,
    height: high * scale,
    pixelMm: rowMm && columnMm ? extent / size : null,
  };
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
  const x = Math.floor(((gridX - fit.left) / fit.width) * slice.width);
  const y = Math.floor(((gridY - fit.top) / fit.height) * slice.height);
  return x >= 0 && y >= 0 && x < slice.width && y < slice.height ? { x, y } : null;
}

/**
 * A mask of the slice's pixels on the model's grid.
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
      const pixel = pixelAt(slice, fit, x + 0.5, y + 0.5);
      if (pixel) onGrid[y * size + x] = mask[pixel.y * slice.width + pixel.x];
    }
  }
  return onGrid;
}

/** @param {Uint8Array} mask */
export function count(mask) {
  return mask.reduce((sum, value) => sum + value, 0);
}

/**
 * Intersection over union; null when both are empty.
 *
 * @param {Uint8Array} mask
 * @param {Uint8Array} truth
 */
export function iou(mask, truth) {
  let both = 0;
  let either = 0;
  mask.forEach((value, i) => {
    both += value & truth[i];
    either += value | truth[i];
  });
  return either ? both / either : null;
}
