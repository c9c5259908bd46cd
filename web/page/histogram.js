import { MASK_COLOUR } from "../pictures.js";
import { element } from "./dom.js";

const canvas = element("histogram", HTMLCanvasElement);
const BINS = 64;

/**
 * Draws the histogram of a map with logarithmic counts. Bins above the threshold have the colour of the mask.
 *
 * @param {Float32Array} map in [0, 1]
 * @param {number} threshold
 */
export function drawHistogram(map, threshold) {
  const context = canvas.getContext("2d");
  if (!context) return;
  const { width, height } = canvas;
  const counts = countsOf(map);
  const highest = Math.log1p(Math.max(...counts));
  const colour = getComputedStyle(canvas).color;
  context.clearRect(0, 0, width, height);
  counts.forEach((count, bin) => {
    const bar = highest > 0 ? (height * Math.log1p(count)) / highest : 0;
    context.fillStyle = (bin + 0.5) / BINS > threshold ? MASK_COLOUR.line : colour;
    context.fillRect((bin * width) / BINS, height - bar, width / BINS - 1, bar);
  });
}

/** Counts pixels by bin. @param {Float32Array} map */
function countsOf(map) {
  const counts = new Array(BINS).fill(0);
  for (const value of map) counts[Math.min(BINS - 1, Math.floor(value * BINS))] += 1;
  return counts;
}
