/** @typedef {import("./coin.js").Slice} Slice */
/** @typedef {import("./coin.js").Square} Square */

/**
 * Smallest square, in millimetres, that contains a whole slice; its place is in pixels of the slice.
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
 * Pixel of a slice at a point of a square; null outside the slice.
 *
 * @param {Slice} slice
 * @param {Pick<Square, "left" | "top" | "width" | "height">} square
 * @param {number} across from 0 at the left edge of the square to 1 at its right edge
 * @param {number} down from 0 at the top edge to 1 at the bottom edge
 */
export function pixelAt(slice, { left, top, width, height }, across, down) {
  // Rounding errors, as of 3 * (20 / 15), must not select the previous pixel.
  const x = Math.floor(left + across * width + 1e-9);
  const y = Math.floor(top + down * height + 1e-9);
  return x >= 0 && y >= 0 && x < slice.width && y < slice.height ? { x, y } : null;
}

/** Number of pixels in a mask. @param {Uint8Array} mask of 0 and 1 */
export function countPixels(mask) {
  return mask.reduce((sum, value) => sum + value, 0);
}
