import { wholeSquare } from "../geometry.js";
import { MASK_COLOUR, raster } from "../pictures.js";
import { editedMasks } from "./correction.js";
import { element } from "./dom.js";
import { correctedMark, saveScan } from "./export.js";
import { save, stemOf } from "./figure.js";
import { coalesce } from "./coalesce.js";
import { yieldToBrowser } from "./yield.js";
import { VOLUME, duration } from "./strings.js";
import { ABNORMAL } from "./verdict.js";
import { Task } from "./task.js";
import { componentsCsv, showVolumeComponents } from "./volume-components.js";

/** @typedef {import("./main.js").Result} Result */
/** @typedef {import("./main.js").LoadInput} LoadInput */
/** @typedef {import("../coin.js").Explanation} Explanation */
/** @typedef {import("./files.js").ScanSource} ScanSource */

/**
 * Explanations of the slices of a volume, by one model.
 *
 * @typedef {Object} Volume
 * @property {ScanSource} source
 * @property {import("../coin.js").ModelInfo} model
 * @property {import("../coin.js").Explainer} explainer
 * @property {Map<number, Explanation>} slices by index
 */

/** Margins of the curve in canvas pixels. */
const MARGIN = { top: 6, bottom: 6 };

const curve = element("curve", HTMLCanvasElement);
const projection = element("projection", HTMLCanvasElement);
const projectionBox = element("projection-box", HTMLElement);
const turn = element("projection-angle", HTMLInputElement);
const saves = [...document.querySelectorAll("#volume-saves button")].filter((button) => button instanceof HTMLButtonElement);
const task = new Task("explain-all", "volume");

/** The shown volume. @type {Volume | null} */
let volume = null;
/** Shows a slice of the volume. @type {(index: number) => void} */
let openSlice = () => {};
/** Index of the shown slice. */
let index = 0;

/**
 * Sets up the explanation of all slices, the curve of probabilities, the projection and the save buttons.
 *
 * @param {(load: LoadInput) => void} open
 * @param {(error: unknown) => void} showError
 */
export function initVolume(open, showError) {
  openSlice = (i) => {
    const source = volume?.source;
    if (source) open((info, signal) => source.load(i, info, signal));
  };
  element("explain-all", HTMLButtonElement).addEventListener("click", () => {
    if (!volume) return;
    const { source, slices, explainer } = volume;
    task.run(async (signal) => {
      // Keep the scan open while its slices are read.
      source.retain();
      try {
        const missing = Array.from({ length: source.count }, (_, i) => i).filter((i) => !slices.has(i));
        const start = performance.now();
        const read = async function* () {
          // Without the signal: aborting a call stops the file reader for all.
          for (const i of missing) {
            signal.throwIfAborted();
            yield await source.scan.slice(i, { percentiles: explainer.info.casePercentiles });
          }
        };
        let done = 0;
        task.progress(VOLUME.explaining(missing[0] ?? 0, null), done, missing.length);
        for await (const explanation of explainer.explainAll(read(), { signal })) {
          slices.set(missing[done], explanation);
          done += 1;
          const left = ((performance.now() - start) / done) * (missing.length - done);
          if (done < missing.length) task.progress(VOLUME.explaining(missing[done], duration(left)), done, missing.length);
          drawCurve();
        }
        await Promise.all([drawProjection(undefined), showComponents()]);
        const abnormal = [...slices.values()].filter(({ before }) => before >= ABNORMAL).length;
        return VOLUME.done(missing.length, abnormal, source.count, duration(performance.now() - start));
      } finally {
        source.close();
      }
    }, VOLUME.cancelled);
  });

  curve.addEventListener("click", ({ offsetX }) => {
    const source = volume?.source;
    if (!source) return;
    openSlice(Math.min(source.count - 1, Math.max(0, Math.floor((offsetX / curve.clientWidth) * source.count))));
  });

  turn.addEventListener("input", () => drawProjection(undefined));
  // A drag across the projection turns it once around.
  projection.addEventListener("pointermove", ({ buttons, movementX }) => {
    if (buttons !== 1) return;
    turn.value = String((turn.valueAsNumber - Math.round((360 * movementX) / projection.clientWidth) + 360) % 360);
    drawProjection(undefined);
  });

  for (const button of saves) {
    button.addEventListener("click", async () => {
      if (!volume) return;
      const { source, model } = volume;
      button.disabled = true;
      await editedMasks(volume)
        .then(async ({ explained, corrected }) => {
          if (button.value !== "components") return saveScan(source, /** @type {any} */ (button.value), explained, model, "all", corrected);
          save(new Blob([await componentsCsv(source.scan, explained)], { type: "text/csv" }), `${stemOf(source, "all")}-${correctedMark(corrected)}components.csv`);
        })
        .catch(showError);
      drawCurve();
    });
  }
}

/**
 * Adds a result to its volume. Explanations are kept until another volume or model is shown.
 *
 * @param {Result} result
 * @param {ScanSource | null} source null if the result is not from a volume
 */
export async function showVolume({ input, explanation, model, explainer }, source) {
  element("volume", HTMLElement).hidden = source === null;
  if (!source) {
    volume = null;
    for (const button of saves) button.hidden = true;
    task.reset();
    return showComponents();
  }
  if (volume?.source !== source || volume.model !== model) {
    task.reset(VOLUME.unknown(source.count));
    volume = { source, model, explainer, slices: new Map() };
    projectionBox.hidden = true;
  }
  index = input.index;
  const isNew = !input.edited && !volume.slices.has(index);
  if (!input.edited) volume.slices.set(index, explanation);
  const { isVolume, isSegmentable } = source.scan.info;
  const isHidden = (/** @type {string} */ file) => (file === "segmentation" ? !isSegmentable : file !== "components" && !isVolume);
  for (const button of saves) button.hidden = isHidden(button.value);
  // A slice that was explained before changes neither projection nor components, which take as long as a slice takes to show.
  if (isNew) await updateVolume();
  else drawCurve();
}

/** Redraws curve and projection with the current mask options and theme, and measures the components. */
export async function updateVolume() {
  drawCurve();
  await Promise.all([volume && !projectionBox.hidden ? drawProjection(undefined) : undefined, showComponents()]);
}

/** Lists the components of the volume once all its slices are explained. */
function showComponents() {
  const complete = volume && volume.slices.size === volume.source.count ? volume : null;
  return showVolumeComponents(complete && { volume: complete, open: openSlice });
}

/** Draws the probability of "abnormal" of each slice and of its counterfactual. */
function drawCurve() {
  const context = curve.getContext("2d");
  if (!context || !volume) return;
  const { source, slices } = volume;
  const { width, height } = curve;
  const style = getComputedStyle(curve);
  const step = width / source.count;
  const y = (/** @type {number} */ p) => MARGIN.top + (1 - p) * (height - MARGIN.top - MARGIN.bottom);
  context.clearRect(0, 0, width, height);
  context.fillStyle = style.getPropertyValue("--line");
  context.fillRect(0, y(ABNORMAL), width, 1);
  context.fillRect(index * step, 0, Math.max(2, step), height);
  const series = /** @type {const} */ ([["after", style.getPropertyValue("--normal")], ["before", style.getPropertyValue("--abnormal")]]);
  for (const [key, colour] of series) {
    context.fillStyle = colour;
    for (const [i, explanation] of slices) {
      context.fillRect(i * step, y(explanation[key]) - 2, Math.max(2, step - 1), 4);
    }
  }
  // The files contain all slices, so all must be explained.
  for (const button of saves) button.disabled = slices.size < source.count;
  curve.ariaLabel = VOLUME.curve(slices.size, source.count);
}

/** Draws the maximum intensity projection from the chosen direction, with the mask in colour. */
const drawProjection = coalesce(async () => {
  const drawnVolume = volume;
  if (!drawnVolume) return;
  const { source, slices } = drawnVolume;
  const [first] = slices.values();
  if (!first) return;
  const { size } = first;
  const masks = new Map((await editedMasks(drawnVolume)).explained.map(({ index, mask }) => [index, mask]));
  const { spacing, sliceMm, width, height } = source.scan.info;
  const whole = wholeSquare({ width, height, rowMm: spacing?.[0], columnMm: spacing?.[1] });
  const rgba = new Uint8ClampedArray(size * source.count * 4).fill(255);
  const degrees = turn.valueAsNumber;
  for (let i = 0; i < source.count; i++) {
    const explanation = slices.get(i);
    if (i % 8 === 7) await yieldToBrowser();
    // The last slice is at the top, as in most scans.
    const row = source.count - 1 - i;
    const rays = explanation && projected(explanation, masks.get(i), whole, degrees);
    for (let x = 0; x < size; x++) {
      const grey = rays ? ((rays.brightest[x] + 1) / 2) * 255 : 0;
      const colour = rays?.masked[x] ? MASK_COLOUR.fill.map((channel) => 0.35 * grey + 0.65 * channel) : [grey, grey, grey];
      rgba.set(colour, (row * size + x) * 4);
    }
  }
  if (volume !== drawnVolume) return;
  const sideMm = spacing && Math.max(width * spacing[1], height * spacing[0]);
  projection.width = 512;
  projection.height = sideMm && sliceMm ? Math.round((512 * source.count * sliceMm) / sideMm) : 256;
  projection.getContext("2d")?.drawImage(raster(rgba, size, source.count), 0, 0, projection.width, projection.height);
  projectionBox.hidden = false;
  element("projection-angle-number", HTMLOutputElement).value = `${degrees}°`;
});

/**
 * The brightest value along each ray through a slice, and whether the ray meets the mask.
 *
 * @param {Explanation} explanation
 * @param {Uint8Array | undefined} mask
 * @param {{left: number, top: number, width: number, height: number}} whole square around the slice; the square of the model differs between slices
 * @param {number} degrees direction of the rays; 0 is from the front
 */
function projected({ size, square, input }, mask, whole, degrees) {
  const brightest = new Float32Array(size).fill(-1);
  const masked = new Uint8Array(size);
  const [cos, sin] = [Math.cos((degrees * Math.PI) / 180), Math.sin((degrees * Math.PI) / 180)];
  const toGrid = { x: (size * whole.width) / square.width, y: (size * whole.height) / square.height };
  const origin = { x: (size * (whole.left - square.left)) / square.width, y: (size * (whole.top - square.top)) / square.height };
  for (let u = 0; u < size; u++) {
    const across = (u + 0.5) / size - 0.5;
    for (let v = 0; v < size; v++) {
      const along = (v + 0.5) / size - 0.5;
      const x = Math.floor(origin.x + toGrid.x * (0.5 + across * cos - along * sin));
      const y = Math.floor(origin.y + toGrid.y * (0.5 + across * sin + along * cos));
      if (x < 0 || y < 0 || x >= size || y >= size) continue;
      const at = y * size + x;
      if (input[at] > brightest[u]) brightest[u] = input[at];
      if (mask && mask[at] === 1) masked[u] = 1;
    }
  }
  return { brightest, masked };
}
