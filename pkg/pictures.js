/** Draws slices, maps and masks on square canvases of any size, which show the model's grid. */

/** @typedef {import("./coin.js").Slice} Slice */

/** @typedef {{fill: [number, number, number], line: string, width: number}} MaskColour */

/** These colours differ in lightness, so that colour-blind readers can tell them apart, and contrast with grey. */
export const MASK_COLOUR = /** @type {MaskColour} */ ({ fill: [255, 159, 28], line: "#ff9f1c", width: 3 });
export const TRUE_POSITIVE_COLOUR = /** @type {MaskColour} */ ({ fill: [126, 226, 168], line: "#7ee2a8", width: 3 });
export const FALSE_NEGATIVE_COLOUR = /** @type {MaskColour} */ ({ fill: [76, 214, 255], line: "#4cd6ff", width: 2 });

/**
 * Draws the part of a slice that lies in a square.
 *
 * @param {HTMLCanvasElement} canvas
 * @param {Slice} slice
 * @param {Float32Array} hu intensities to draw, `width` x `height` of the slice
 * @param {[number, number]} window intensities of black and white
 * @param {Pick<import("./coin.js").Square, "left" | "top" | "width" | "height">} square shown by the canvas, in pixels of the slice
 */
export function drawSlice(canvas, slice, hu, [low, high], { left, top, width, height }) {
  const [across, down] = [canvas.width / width, canvas.height / height];
  const picture = greyscale(hu, slice.width, slice.height, low, high);
  clear(canvas).drawImage(picture, -left * across, -top * down, slice.width * across, slice.height * down);
}

/**
 * Draws intensities in greyscale.
 *
 * @param {HTMLCanvasElement} canvas
 * @param {Float32Array} values in [-1, 1], `size` x `size`
 * @param {number} size
 */
export function drawIntensities(canvas, values, size) {
  clear(canvas).drawImage(greyscale(values, size, size, -1, 1), 0, 0, canvas.width, canvas.height);
}

/**
 * Draws RGBA pixels.
 *
 * @param {HTMLCanvasElement} canvas
 * @param {Uint8ClampedArray<ArrayBuffer>} rgba of `size` x `size` pixels
 * @param {number} size
 */
export function drawColours(canvas, rgba, size) {
  clear(canvas).drawImage(raster(rgba, size, size), 0, 0, canvas.width, canvas.height);
}

/**
 * Draws a mask over the canvas, filled and outlined.
 *
 * @param {HTMLCanvasElement} canvas
 * @param {Uint8Array} mask of 0 and 1, `size` x `size`
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
      if (inside !== (x > 0 ? at(x - 1, y) : 0)) addLine(edges, x * scale, y * scale, 0, scale);
      if (inside !== (y > 0 ? at(x, y - 1) : 0)) addLine(edges, x * scale, y * scale, scale, 0);
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
 * Adds a line to a path.
 *
 * @param {Path2D} path
 * @param {number} x
 * @param {number} y
 * @param {number} right length to the right
 * @param {number} down length downwards
 */
function addLine(path, x, y, right, down) {
  path.moveTo(x, y);
  path.lineTo(x + right, y + down);
}

/**
 * Greyscale image of values in a window.
 *
 * @param {Float32Array} values `width` x `height`
 * @param {number} width
 * @param {number} height
 * @param {number} low value of black
 * @param {number} high value of white
 */
function greyscale(values, width, height, low, high) {
  const rgba = new Uint8ClampedArray(values.length * 4);
  const scale = 255 / (high - low);
  for (let i = 0, at = 0; i < values.length; i++, at += 4) {
    rgba[at] = rgba[at + 1] = rgba[at + 2] = (values[i] - low) * scale;
    rgba[at + 3] = 255;
  }
  return raster(rgba, width, height);
}

/**
 * Canvas with RGBA pixels, for `drawImage`.
 *
 * @param {Uint8ClampedArray<ArrayBuffer>} rgba
 * @param {number} width
 * @param {number} height
 */
export function raster(rgba, width, height) {
  const canvas = new OffscreenCanvas(width, height);
  canvas.getContext("2d")?.putImageData(new ImageData(rgba, width, height), 0, 0);
  return canvas;
}

/** Fills a canvas with black and returns its context. @param {HTMLCanvasElement} canvas */
export function clear(canvas) {
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
  if (!context) throw new Error("This browser provides no 2D canvas.");
  return context;
}
