/** Draws slices, maps and masks on square canvases of any size, which show the model's grid. */

/** @typedef {import("./coin.js").Slice} Slice */

/** @typedef {{fill: [number, number, number], line: string, width: number}} MaskColour */

/** These colours differ in lightness, so that colour-blind readers can tell them apart, and contrast with grey. */
export const MASK_COLOUR = /** @type {MaskColour} */ ({ fill: [255, 159, 28], line: "#ff9f1c", width: 3 });
export const TRUE_POSITIVE_COLOUR = /** @type {MaskColour} */ ({ fill: [126, 226, 168], line: "#7ee2a8", width: 3 });
export const FALSE_NEGATIVE_COLOUR = /** @type {MaskColour} */ ({ fill: [76, 214, 255], line: "#4cd6ff", width: 2 });

/** Side of a canvas on which lines have their width in pixels. */
const LINE_SIDE = 512;

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
 * Draws a mask over the canvas, filled and outlined. Its outline is smooth, because the pixels of the mask are larger than
 * those of the canvas.
 *
 * @param {HTMLCanvasElement} canvas
 * @param {Uint8Array} mask of 0 and 1, `size` x `size`
 * @param {number} size
 * @param {MaskColour} colour
 * @param {number} [opacity] of the fill, in [0, 1]
 */
export function drawMask(canvas, mask, size, colour, opacity = 0.4) {
  const context = contextOf(canvas);
  const outline = outlineOf(mask, size, canvas.width / size);
  context.fillStyle = `rgb(${colour.fill.join(" ")} / ${opacity})`;
  context.fill(outline);
  context.strokeStyle = colour.line;
  context.lineWidth = (colour.width * canvas.width) / LINE_SIDE;
  context.lineJoin = "round";
  context.stroke(outline);
}

/**
 * Draws the outline of a mask, thin and dashed.
 *
 * @param {HTMLCanvasElement} canvas
 * @param {Uint8Array} mask of 0 and 1, `size` x `size`
 * @param {number} size
 * @param {string} line colour
 */
export function drawOutline(canvas, mask, size, line) {
  const context = contextOf(canvas);
  const unit = canvas.width / LINE_SIDE;
  context.save();
  context.strokeStyle = line;
  context.lineWidth = unit;
  context.setLineDash([4 * unit, 3 * unit]);
  context.stroke(outlineOf(mask, size, canvas.width / size));
  context.restore();
}

/**
 * Outline of a mask: closed curves around its parts and holes, by marching squares. Pixels that touch at a corner are apart.
 *
 * @param {Uint8Array} mask of 0 and 1, `size` x `size`
 * @param {number} size
 * @param {number} scale side of a pixel on the canvas
 */
function outlineOf(mask, size, scale) {
  const at = (/** @type {number} */ x, /** @type {number} */ y) => (x >= 0 && y >= 0 && x < size && y < size ? mask[y * size + x] : 0);
  // Midpoints between neighbouring pixels, in half pixels: the outline leads from each to the next.
  const stride = 2 * size + 2;
  /** @type {Map<number, number>} */
  const next = new Map();
  for (let y = -1; y < size; y++) {
    for (let x = -1; x < size; x++) {
      // Clockwise from the top left; each edge lies behind the corner of its index.
      const corners = [at(x, y), at(x + 1, y), at(x + 1, y + 1), at(x, y + 1)];
      const inside = corners[0] + corners[1] + corners[2] + corners[3];
      if (inside === 0 || inside === 4) continue;
      const [left, top] = [2 * x + 1, 2 * y + 1];
      const edges = [top * stride + left + 1, (top + 1) * stride + left + 2, (top + 2) * stride + left + 1, (top + 1) * stride + left];
      for (let entry = 0; entry < 4; entry++) {
        if (corners[entry] || !corners[(entry + 1) % 4]) continue;
        let exit = (entry + 1) % 4;
        while (corners[(exit + 1) % 4]) exit = (exit + 1) % 4;
        next.set(edges[entry], edges[exit]);
      }
    }
  }
  const path = new Path2D();
  const point = (/** @type {number} */ key) => ({ x: ((key % stride) * scale) / 2, y: (Math.floor(key / stride) * scale) / 2 });
  const middle = (/** @type {{x: number, y: number}} */ a, /** @type {{x: number, y: number}} */ b) => ({ x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 });
  for (const [start] of next) {
    let corner = point(start);
    for (let to = next.get(start), first = true; to !== undefined; first = false) {
      const following = point(to);
      const between = middle(corner, following);
      if (first) path.moveTo(between.x, between.y);
      else path.quadraticCurveTo(corner.x, corner.y, between.x, between.y);
      corner = following;
      const taken = to;
      to = next.get(taken);
      next.delete(taken);
    }
    path.closePath();
  }
  return path;
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
