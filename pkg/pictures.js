/**
 * Slices, maps and masks drawn on canvases. Everything is drawn on the model's square grid, however large the canvas is.
 */

/** @typedef {import("./coin.js").Slice} Slice */

/** @typedef {{fill: [number, number, number], line: string, width: number}} MaskColour */

/** Orange, light green and cyan stay apart for colour-blind eyes by their lightness, and stand out from grey. */
export const MASK_COLOUR = /** @type {MaskColour} */ ({ fill: [255, 159, 28], line: "#ff9f1c", width: 3 });
export const FOUND_COLOUR = /** @type {MaskColour} */ ({ fill: [126, 226, 168], line: "#7ee2a8", width: 3 });
export const MISSED_COLOUR = /** @type {MaskColour} */ ({ fill: [76, 214, 255], line: "#4cd6ff", width: 2 });

/**
 * Values of the slice's own grid in a window, as far as they lie in a square.
 *
 * @param {HTMLCanvasElement} canvas
 * @param {Slice} slice whose grid `hu` is on
 * @param {Float32Array} hu
 * @param {[number, number]} window
 * @param {Pick<import("./coin.js").Square, "left" | "top" | "width" | "height">} square that the canvas shows
 */
export function drawSlice(canvas, slice, hu, [low, high], { left, top, width, height }) {
  const [across, down] = [canvas.width / width, canvas.height / height];
  const picture = greys(hu, slice.width, slice.height, low, high);
  blank(canvas).drawImage(picture, -left * across, -top * down, slice.width * across, slice.height * down);
}

/**
 * `size` x `size` values in [-1, 1] as greys.
 *
 * @param {HTMLCanvasElement} canvas
 * @param {Float32Array} values
 * @param {number} size
 */
export function drawIntensities(canvas, values, size) {
  blank(canvas).drawImage(greys(values, size, size, -1, 1), 0, 0, canvas.width, canvas.height);
}

/**
 * @param {HTMLCanvasElement} canvas
 * @param {Uint8ClampedArray<ArrayBuffer>} rgba of `size` x `size` pixels
 * @param {number} size
 */
export function drawColours(canvas, rgba, size) {
  blank(canvas).drawImage(raster(rgba, size, size), 0, 0, canvas.width, canvas.height);
}

/**
 * A mask over what is there already: filled as opaque as asked for, and outlined.
 *
 * @param {HTMLCanvasElement} canvas
 * @param {Uint8Array} mask of `size` x `size` pixels
 * @param {number} size
 * @param {MaskColour} colour
 * @param {number} [opacity] of the fill, in [0, 1]
 */
export function drawMask(canvas, mask, size, colour, opacity = 0.4) {
  const context = contextOf(canvas);
  const scale = canvas.width / size;
  const rgba = new Uint8ClampedArray(mask.length * 4);
  const fill = [...colour.fill, 255 * opacity];
  const edges = new Path2D();
  const at = (/** @type {number} */ x, /** @type {number} */ y) => (x < size && y < size ? mask[y * size + x] : 0);
  for (let y = 0; y <= size; y++) {
    for (let x = 0; x <= size; x++) {
      const inside = at(x, y);
      if (inside) rgba.set(fill, (y * size + x) * 4);
      if (inside !== (x > 0 ? at(x - 1, y) : 0)) line(edges, x * scale, y * scale, 0, scale);
      if (inside !== (y > 0 ? at(x, y - 1) : 0)) line(edges, x * scale, y * scale, scale, 0);
    }
  }
  context.imageSmoothingEnabled = false;
  context.drawImage(raster(rgba, size, size), 0, 0, canvas.width, canvas.height);
  context.strokeStyle = colour.line;
  context.lineWidth = colour.width;
  context.lineCap = "round";
  context.stroke(edges);
}

/**
 * @param {Path2D} path
 * @param {number} x
 * @param {number} y
 * @param {number} right
 * @param {number} down
 */
function line(path, x, y, right, down) {
  path.moveTo(x, y);
  path.lineTo(x + right, y + down);
}

/**
 * @param {Float32Array} values
 * @param {number} width
 * @param {number} height
 * @param {number} low black
 * @param {number} high white
 */
function greys(values, width, height, low, high) {
  const rgba = new Uint8ClampedArray(values.length * 4);
  const scale = 255 / (high - low);
  for (let i = 0, at = 0; i < values.length; i++, at += 4) {
    rgba[at] = rgba[at + 1] = rgba[at + 2] = (values[i] - low) * scale;
    rgba[at + 3] = 255;
  }
  return raster(rgba, width, height);
}

/**
 * @param {Uint8ClampedArray<ArrayBuffer>} rgba
 * @param {number} width
 * @param {number} height
 */
export function raster(rgba, width, height) {
  const canvas = new OffscreenCanvas(width, height);
  canvas.getContext("2d")?.putImageData(new ImageData(rgba, width, height), 0, 0);
  return canvas;
}

/** @param {HTMLCanvasElement} canvas */
export function blank(canvas) {
  const context = contextOf(canvas);
  context.fillStyle = "black";
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.imageSmoothingEnabled = true;
  context.imageSmoothingQuality = "high";
  return context;
}

/** @param {HTMLCanvasElement} canvas */
function contextOf(canvas) {
  const context = canvas.getContext("2d");
  if (!context) throw new Error("This browser gives no canvas to draw on.");
  return context;
}
