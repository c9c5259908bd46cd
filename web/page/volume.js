import { maskOf } from "../coin.js";
import { wholeSquare } from "../geometry.js";
import { MASK_COLOUR, raster } from "../pictures.js";
import { element } from "./dom.js";
import { saveScan } from "./export.js";
import { coalesce } from "./coalesce.js";
import { yieldToBrowser } from "./yield.js";
import { VOLUME, seconds } from "./strings.js";
import { maskOptions } from "./threshold.js";
import { ABNORMAL } from "./verdict.js";
import { Task } from "./task.js";

/** @typedef {import("./main.js").Result} Result */
/** @typedef {import("./main.js").Make} Make */
/** @typedef {import("../coin.js").Explanation} Explanation */
/** @typedef {import("./files.js").ScanSource} ScanSource */

/**
 * What is known of a scan's slices, with one model.
 *
 * @typedef {Object} Known
 * @property {ScanSource} source
 * @property {import("../coin.js").ModelInfo} model
 * @property {import("../coin.js").Explainer} explainer
 * @property {Map<number, Explanation>} slices
 */

/** As high as a curve is drawn. */
const RANGE = { top: 6, bottom: 6 };

const curve = element("curve", HTMLCanvasElement);
const projection = element("projection", HTMLCanvasElement);
const saves = [...document.querySelectorAll("#volume-saves button")].filter((button) => button instanceof HTMLButtonElement);
const task = new Task("explain-all", "volume");

/** @type {Known | null} */
let known = null;
/** The slice that the panes show. */
let index = 0;

/**
 * Explains all slices of a volume on request, shows their verdicts as a curve and the mask from the front, and saves them.
 *
 * @param {(make: Make) => void} open
 * @param {(error: unknown) => void} complain
 */
export function acceptVolumes(open, complain) {
  element("explain-all", HTMLButtonElement).addEventListener("click", () => {
    if (!known) return;
    const { source, slices, explainer } = known;
    task.run(async (signal) => {
      // It stays open as long as this reads it.
      source.hold();
      try {
        const missing = Array.from({ length: source.count }, (_, i) => i).filter((i) => !slices.has(i));
        const start = performance.now();
        const read = async function* () {
          for (const i of missing) yield await source.scan.slice(i);
        };
        let done = 0;
        task.progress(VOLUME.explaining(missing[0] ?? 0, null), done, missing.length);
        for await (const explanation of explainer.explainAll(read(), { signal })) {
          slices.set(missing[done], explanation);
          done += 1;
          const left = ((performance.now() - start) / done) * (missing.length - done);
          if (done < missing.length) task.progress(VOLUME.explaining(missing[done], seconds(left)), done, missing.length);
          drawCurve();
        }
        await drawProjection(undefined);
        const abnormal = [...slices.values()].filter(({ before }) => before >= ABNORMAL).length;
        return VOLUME.done(source.count, abnormal, seconds(performance.now() - start));
      } finally {
        source.close();
      }
    }, VOLUME.cancelled);
  });

  curve.addEventListener("click", ({ offsetX }) => {
    const source = known?.source;
    if (!source) return;
    const i = Math.min(source.count - 1, Math.max(0, Math.floor((offsetX / curve.clientWidth) * source.count)));
    open((info, signal) => source.at(i, info, signal));
  });

  for (const button of saves) {
    button.addEventListener("click", async () => {
      const volume = known;
      if (!volume) return;
      button.disabled = true;
      const options = maskOptions();
      const explained = [...volume.slices].map(async ([index, explanation]) => ({ index, explanation, mask: await maskOf(explanation, options) }));
      await Promise.all(explained)
        .then((slices) => saveScan(volume.source, /** @type {any} */ (button.value), slices, volume.model, "all"))
        .catch(complain);
      drawCurve();
    });
  }
}

/**
 * Follows what the panes show: what was found of a slice is remembered as long as scan and model stay.
 *
 * @param {Result} result
 * @param {ScanSource | null} source of a volume
 */
export async function showVolume({ subject, explanation, model, explainer }, source) {
  element("volume", HTMLElement).hidden = source === null;
  if (!source) {
    known = null;
    task.leave();
    return;
  }
  if (known?.source !== source || known.model !== model) {
    task.leave(VOLUME.unknown(source.count));
    known = { source, model, explainer, slices: new Map() };
    projection.hidden = true;
  }
  index = subject.index;
  if (!subject.edited) known.slices.set(index, explanation);
  const { isVolume, isSegmentable } = source.scan.info;
  for (const button of saves) button.hidden = button.value === "segmentation" ? !isSegmentable : !isVolume;
  await updateVolume();
}

/** Draws it anew, for another threshold or other colours. */
export async function updateVolume() {
  drawCurve();
  if (known && !projection.hidden) await drawProjection(undefined);
}

/** The probability of "abnormal" of every slice, before and after. */
function drawCurve() {
  const context = curve.getContext("2d");
  if (!context || !known) return;
  const { source, slices } = known;
  const { width, height } = curve;
  const style = getComputedStyle(curve);
  const step = width / source.count;
  const y = (/** @type {number} */ p) => RANGE.top + (1 - p) * (height - RANGE.top - RANGE.bottom);
  context.clearRect(0, 0, width, height);
  context.fillStyle = style.getPropertyValue("--line");
  context.fillRect(0, y(ABNORMAL), width, 1);
  context.fillRect(index * step, 0, Math.max(2, step), height);
  const marks = /** @type {const} */ ([["after", style.getPropertyValue("--normal")], ["before", style.getPropertyValue("--abnormal")]]);
  for (const [key, colour] of marks) {
    context.fillStyle = colour;
    for (const [i, explanation] of slices) {
      context.fillRect(i * step, y(explanation[key]) - 2, Math.max(2, step - 1), 4);
    }
  }
  // What is called all must be all.
  for (const button of saves) button.disabled = slices.size < source.count;
  curve.ariaLabel = VOLUME.curve(slices.size, source.count);
}

/** Everything seen from the front: the brightest of each line of sight, and in colour where the mask is. */
const drawProjection = coalesce(async () => {
  const of = known;
  if (!of) return;
  const { source, slices } = of;
  const [first] = slices.values();
  if (!first) return;
  const { size } = first;
  const options = maskOptions();
  const { spacing, sliceMm, width, height } = source.scan.info;
  const whole = wholeSquare({ width, height, rowMm: spacing?.[0], columnMm: spacing?.[1] });
  const rgba = new Uint8ClampedArray(size * source.count * 4).fill(255);
  for (let i = 0; i < source.count; i++) {
    const explanation = slices.get(i);
    const mask = explanation && (await maskOf(explanation, options));
    if (i % 8 === 7) await yieldToBrowser();
    // The last slice is the uppermost, as in most scans.
    const row = source.count - 1 - i;
    for (let x = 0; x < size; x++) {
      let brightest = -1;
      let masked = false;
      // Each slice's square may lie elsewhere.
      const column = explanation ? columnAt(explanation, whole, (x + 0.5) / size) : null;
      for (let y = 0; y < size && column !== null; y++) {
        brightest = Math.max(brightest, explanation?.input[y * size + column] ?? -1);
        masked ||= mask?.[y * size + column] === 1;
      }
      const grey = ((brightest + 1) / 2) * 255;
      const colour = masked ? MASK_COLOUR.fill.map((channel) => 0.35 * grey + 0.65 * channel) : [grey, grey, grey];
      rgba.set(colour, (row * size + x) * 4);
    }
  }
  if (known !== of) return;
  const sideMm = spacing && Math.max(width * spacing[1], height * spacing[0]);
  projection.width = 512;
  projection.height = sideMm && sliceMm ? Math.round((512 * source.count * sliceMm) / sideMm) : 256;
  projection.getContext("2d")?.drawImage(raster(rgba, size, source.count), 0, 0, projection.width, projection.height);
  projection.hidden = false;
});

/**
 * The column of a model's grid at a point between the edges of the whole slice, or null beyond the grid.
 *
 * @param {Pick<import("../coin.js").Explanation, "size" | "square">} explanation
 * @param {{left: number, width: number}} whole
 * @param {number} across
 */
function columnAt({ size, square }, whole, across) {
  const column = Math.floor(((whole.left + across * whole.width - square.left) / square.width) * size);
  return column >= 0 && column < size ? column : null;
}
