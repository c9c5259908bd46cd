/** @typedef {import("./coin.js").Slice} Slice */
/** @typedef {import("./coin.js").Square} Square */

/**
 * The square around a whole slice, in millimetres, before a model says where it looks.
 *
 * @param {Pick<Slice, "width" | "height" | "rowMm" | "columnMm">} slice
 * @returns {Pick<Square, "left" | "top" | "width" | "height">}
 */
export function wholeSquare({ width, height, rowMm, columnMm }) {
  const side = Math.max(width * (columnMm ?? 1), height * (rowMm ?? 1));
  const [across, down] = [side / (columnMm ?? 1), side / (rowMm ?? 1)];
  return { left: (width - across) / 2, top: (height - down) / 2, width: across, height: down };
}

/**
 * The slice's pixel at a point of a square, or null outside the slice.
 *
 * @param {Slice} slice
 * @param {Pick<Square, "left" | "top" | "width" | "height">} square
 * @param {number} across from 0 at the square's left edge to 1 at its right one
 * @param {number} down
 */
export function pixelAt(slice, { left, top, width, height }, across, down) {
  // A quotient such as 3 * (20 / 15) must not fall below its whole number.
  const x = Math.floor(left + across * width + 1e-9);
  const y = Math.floor(top + down * height + 1e-9);
  return x >= 0 && y >= 0 && x < slice.width && y < slice.height ? { x, y } : null;
}

/**
 * A mask of the slice's pixels on the model's grid, each taken from where its corner lies, as the engine does.
 *
 * @param {Uint8Array} mask
 * @param {Slice} slice
 * @param {Pick<import("./coin.js").Explanation, "size" | "square">} explanation
 */
export function maskOnGrid(mask, slice, { size, square }) {
  const onGrid = new Uint8Array(size * size);
  for (let y = 0; y < size; y++) {
    for (let x = 0; x < size; x++) {
      const pixel = pixelAt(slice, square, x / size, y / size);
      if (pixel) onGrid[y * size + x] = mask[pixel.y * slice.width + pixel.x];
    }
  }
  return onGrid;
}

/** @param {Uint8Array} mask */
export function count(mask) {
  return mask.reduce((sum, value) => sum + value, 0);
}
