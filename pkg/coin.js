/**
 * COIN in the browser: counterfactual explanations of CT slices, computed on this device.
 *
 * All computation runs in workers and is asynchronous. Slices, explanations and masks are plain data, independent of the workers.
 * For research use only.
 */

import { EngineHost, EngineStopped, engineEvents } from "./host.js";
import { EnginePool, inOrder, workerCount } from "./pool.js";

export { EngineStopped, engineEvents };

/**
 * A slice.
 *
 * @typedef {Object} Slice
 * @property {number} width pixels
 * @property {number} height pixels
 * @property {Float32Array} hu intensities, HU in CT; `height` rows of `width` pixels from the top left
 * @property {number} [rowMm] distance between rows; absent when unknown
 * @property {number} [columnMm] distance between columns; absent when unknown
 * @property {[number, number]} [normalisation] intensities that map to -1 and 1 for a model that normalises by percentiles, instead
 *   of the percentiles of this slice
 */

/**
 * Metadata of a scan.
 *
 * @typedef {Object} ScanInfo
 * @property {string} name of the first file
 * @property {string} format
 * @property {number} width
 * @property {number} height
 * @property {number} slices
 * @property {boolean} needsWindow the file has no HU; the option `window` of `openScan` maps its grey values to HU
 * @property {boolean} isOriented the file has the patient orientation
 * @property {boolean} isVolume the file has a patient coordinate system, so that `write` can write NIfTI
 * @property {boolean} isSegmentable the file is DICOM that a DICOM SEG can reference
 * @property {[number, number] | null} spacing millimetres between rows and between columns
 * @property {number | null} sliceMm millimetres between slices
 * @property {[number, number] | null} window display window of the file
 * @property {string | null} modality as in DICOM, for example CT, MR or DX; null when unknown
 * @property {string | null} description of the series in DICOM; null when unknown. Not to be saved: it can contain names
 * @property {string[]} notes warnings, one sentence each
 */

/**
 * Evaluation results of a model, an excerpt of its report.json. Values that were not measured are absent or null.
 *
 * @typedef {Object} ModelResults
 * @property {number} [threshold] mask threshold
 * @property {{total: number, abnormal: number}} [slices]
 * @property {{accuracy?: number | null, auroc?: number | null, f1?: number | null}} [classifier]
 * @property {{coin?: MethodResults, distilled?: MethodResults}} [methods]
 */

/**
 * Evaluation results of a method.
 *
 * @typedef {Object} MethodResults
 * @property {number | null} [iou] over the pixels of all slices
 * @property {[number, number] | null} [iou_ci95]
 * @property {number | null} [iou_mean] mean over the abnormal slices
 * @property {[number, number] | null} [iou_mean_ci95]
 * @property {number | null} [ceiling_iou] IoU of a perfect inpainting
 * @property {number | null} [dice]
 * @property {number | null} [cv] counterfactual validity
 */

/**
 * Metadata of a model.
 *
 * @typedef {Object} ModelInfo
 * @property {string} name
 * @property {string} title
 * @property {number} size width and height of the model input in pixels
 * @property {[number, number]} window intensities of black and white; 0 to 255 for a model that normalises by percentiles
 * @property {"HU" | ""} unit of the window; empty if the intensities have none
 * @property {string} modality of the training data
 * @property {string} finding that the model was trained on; may be empty
 * @property {number} threshold mask threshold on the difference map
 * @property {number} seedThreshold components of the mask that do not exceed it are removed; 0 keeps all
 * @property {boolean} postprocess
 * @property {{threshold: number, margin: number, most: number} | null} verification rule that keeps only changes that matter to the
 *   classifier: components above the threshold that raise its probability by more than the margin when they are put back
 * @property {{threshold: number} | null} segmenter U-Net that was trained on the masks of this model, with its mask threshold
 * @property {number | null} temperature of the calibrated probabilities; null if they are the classifier's own
 * @property {string} licence
 * @property {unknown} recipe
 * @property {string} data training data
 * @property {ModelResults | null} results
 * @property {string} limits limitations; may be empty
 * @property {[number, number] | null} casePercentiles percentiles over a whole scan that normalise its slices; null if a slice
 *   suffices
 * @property {string[]} modalities DICOM modalities of the training data
 * @property {[SaliencyMethod, string][]} saliencyMethods names and titles
 * @property {number} saliencyThreshold mask threshold on saliency maps
 * @property {{diameter_mm: number} | null} anomaly synthetic anomalies of the training; null if it used none
 * @property {{maxError: number, tolerance: number, milliseconds: number}} selfTest
 */

/**
 * The map whose high values are the mask: COIN's difference map, or the probabilities of the model's segmenter.
 *
 * @typedef {"difference" | "segmenter"} MaskSource
 */

/**
 * How a map becomes a mask.
 *
 * @typedef {Object} MaskRule
 * @property {MaskSource} source
 * @property {number} threshold
 * @property {number} seedThreshold components that do not exceed it are removed; 0 keeps all
 * @property {boolean} postprocess applies opening and closing and keeps the largest component
 */

/**
 * Position of the model input on a slice, in pixels of the slice. It may extend beyond the slice.
 *
 * @typedef {Object} Square
 * @property {number} left
 * @property {number} top
 * @property {number} width
 * @property {number} height
 * @property {number | null} pixelMm side of a grid pixel; null if the spacing is unknown
 * @property {number} pixelMmOrAssumed side of a grid pixel, assuming a common field of view if the spacing is unknown
 * @property {boolean} aroundBody whether it is cropped to the body; otherwise it contains the whole slice
 */

/**
 * Result of a model for a slice; the maps are `size` x `size`.
 *
 * @typedef {Object} Explanation
 * @property {number} size
 * @property {[number, number]} window intensities that map to -1 and 1
 * @property {Square} square
 * @property {number} before probability of "abnormal" of the slice; calibrated if the model has a temperature, as `after`
 * @property {number} after probability of "abnormal" of the counterfactual
 * @property {Float32Array} input in [-1, 1]
 * @property {Float32Array} counterfactual in [-1, 1]
 * @property {Float32Array} difference |input - counterfactual| / 2, in [0, 1]; 0 where a model with verification leaves it out
 * @property {Float32Array | null} segmentation the segmenter's probability of the finding, in [0, 1]; null if the model has no
 *   segmenter
 * @property {number | null} oodScore out-of-distribution score; null if the model has none
 * @property {boolean} oodWarning whether the slice is out of distribution, so that the result is not reliable
 * @property {number} milliseconds
 */

/**
 * A slice of a scan with its explanation.
 *
 * @typedef {Object} ExplainedSlice
 * @property {number} index
 * @property {Pick<Explanation, "size" | "window" | "square" | "input" | "counterfactual">} explanation
 * @property {Uint8Array} mask from `maskOf`
 */

/**
 * A component of the masks of a scan. Lengths are in mm, or in pixels if the scan has no spacing.
 *
 * @typedef {Object} VolumeComponent
 * @property {number} voxels
 * @property {[number, number]} slices first and last, from 0
 * @property {number} keySlice where its area is largest, from 0
 * @property {number} longest longest diameter in the key slice
 * @property {number} perpendicular longest diameter at a right angle to it
 * @property {[number, number]} before mean and standard deviation of its intensities
 * @property {[number, number]} after the same in the counterfactual
 */

/**
 * @typedef {Object} VolumeComponents
 * @property {VolumeComponent[]} largest in descending order of size
 * @property {number} total number of components
 * @property {number} voxels of all components
 */

/** @typedef {"rise" | "score-cam" | "layer-cam" | "grad-cam"} SaliencyMethod */
/** @typedef {"fire" | "viridis" | "turbo" | "grey"} ColourMap */

/** Engines that explain slices. @typedef {Exclude<import("./host.js").EngineKind, "files">} EngineKind */
/** @typedef {import("./host.js").EngineProgress} EngineProgress */
/** @typedef {import("./host.js").EngineStop} EngineStop */

/**
 * The engine in use and the reason for its choice.
 *
 * @typedef {Object} Device
 * @property {EngineKind} engine
 * @property {string} name
 * @property {boolean} software whether the GPU is emulated in software
 * @property {string} reason one sentence
 * @property {Adapter | null} [adapter] of a GPU
 */

/**
 * A GPU adapter and its limits.
 *
 * @typedef {Object} Adapter
 * @property {string} name
 * @property {number} vendor PCI vendor id; 0 when unknown
 * @property {string} driver
 * @property {string} backend
 * @property {string} type
 * @property {number} maxBufferBytes
 * @property {number} maxBindingBytes
 * @property {number} maxWorkgroupBytes
 */

const hosts = { cpu: new EngineHost("cpu"), webgpu: new EngineHost("webgpu") };

/** Reads and writes scans; loaded with the first scan. */
const files = new EngineHost("files");

/** Computes phantoms, colour maps and masks: the CPU engine is small and loaded first. */
const maps = hosts.cpu;

/** Runs volumes and saliency methods on the CPU, which take long, so that they do not block other calls and can be aborted. */
const pool = new EnginePool(workerCount());

/** Default number of random masks of RISE; the paper uses 6000, which takes too long in a browser. */
const RISE_MASKS = 1000;

/** Masks per call. It determines the order of summation and thus the rounding of the result. */
const RISE_BATCH = 64;

/** Time limit for an engine to report its memory. */
const MEMORY_TIMEOUT_MS = 500;

/** Time limit for testing WebGPU. */
const WEBGPU_TIMEOUT_MS = 120_000;

/** Starts the CPU engine early; otherwise the first call starts it. */
export function startEngine() {
  hosts.cpu.start();
}

/**
 * Opens a file: DICOM, NIfTI, NRRD, MetaImage, PNG, JPEG, TIFF, BMP, or a ZIP archive of them. Of several scans, it returns the
 * one with the most slices.
 *
 * @param {Blob | Uint8Array<ArrayBuffer>} source
 * @param {string} name used in error messages
 * @param {{window?: [number, number], signal?: AbortSignal}} [options] `window`: HU of black and white in images without HU
 * @returns {Promise<Scan>}
 */
export async function openScan(source, name, options = {}) {
  const { scans } = await openScans([{ source, name }], options);
  const [first, ...others] = scans;
  await Promise.all(others.map((scan) => scan.close()));
  return first;
}

/**
 * Opens files that belong together. DICOM files of a series become one scan, sorted by position; ZIP archives are unpacked; NIfTI
 * headers are matched with their images. The scan with the most slices comes first. Each of the `notes` names a file that was
 * skipped, and the reason.
 *
 * @param {{source: Blob | Uint8Array<ArrayBuffer>, name: string}[]} sources
 * @param {{window?: [number, number], signal?: AbortSignal}} [options] `window`: HU of black and white in images without HU, -100 and 300
 *   by default
 * @returns {Promise<{scans: Scan[], notes: string[]}>}
 */
export async function openScans(sources, { window, signal } = {}) {
  const chosen = sources.map(({ source, name }) => ({ blob: source instanceof Blob ? source : new Blob([source]), name }));
  // Checked before reading, because running out of memory kills the engine.
  const limit = await files.call("fileLimit", {}, signal);
  if (chosen.reduce((bytes, { blob }) => bytes + blob.size, 0) > limit) {
    const what = chosen.length > 1 ? "the files together exceed" : "the file exceeds";
    throw new Error(`${chosen[0].name}: ${what} the limit of ${limit / 2 ** 20} MiB; split or shrink it`);
  }
  /** @type {(signal?: AbortSignal) => Promise<{scans: OpenedScan[], notes: string[]}>} */
  const open = async (signal) => {
    const { scans, notes } = await files.call("open", { chosen, window }, signal);
    const { generation } = files;
    return { scans: scans.map((/** @type {{id: number, info: ScanInfo}} */ scan) => ({ ...scan, generation })), notes };
  };
  const { scans, notes } = await open(signal);
  const reopen = (/** @type {number} */ index) => async (/** @type {AbortSignal | undefined} */ signal) => {
    const { scans } = await open(signal);
    await Promise.all(scans.map(({ id }, i) => i !== index && files.call("close", { scan: id })));
    return scans[index];
  };
  return { scans: scans.map((opened, i) => new Scan(reopen(i), opened)), notes };
}

/**
 * A scan that is open in a worker.
 *
 * @typedef {Object} OpenedScan
 * @property {number} id handle in the worker
 * @property {ScanInfo} info
 * @property {number} generation of the worker
 */

/** An opened scan, held by a worker. Reading a slice opens it again if it was closed or the worker has stopped. */
export class Scan {
  #open;
  #info;
  /** @type {OpenedScan | null} */
  #opened;

  /**
   * @param {(signal?: AbortSignal) => Promise<OpenedScan>} open
   * @param {OpenedScan} opened
   */
  constructor(open, opened) {
    this.#open = open;
    this.#info = opened.info;
    this.#opened = opened;
  }

  get info() {
    return this.#info;
  }

  /**
   * Reads a slice.
   *
   * @param {number} index counted from 0
   * @param {{percentiles?: [number, number] | null, signal?: AbortSignal}} [options] `percentiles` over the whole scan become the
   *   slice's `normalisation`: `casePercentiles` of the model
   * @returns {Promise<Slice>}
   */
  async slice(index, { percentiles, signal } = {}) {
    return files.call("slice", { scan: await this.#handle(signal), index, percentiles }, signal);
  }

  /**
   * Writes explained slices to a file on the grid of the scan: the scan with the counterfactual of these slices (`counterfactual`,
   * NIfTI in HU), the mask (`mask`, NIfTI of 0 and 1), the mask as DICOM SEG (`segmentation`), or that of the first slice as a
   * picture (`picture`, PNG of 0 and 255). Null if the scan has no patient coordinate system, is not DICOM, or if the mask is
   * empty. The file states whether a person corrected a mask.
   *
   * @param {"counterfactual" | "mask" | "segmentation" | "picture"} file
   * @param {ExplainedSlice[]} slices
   * @param {{model: Pick<ModelInfo, "name">, corrected?: boolean, signal?: AbortSignal}} options
   * @returns {Promise<Uint8Array<ArrayBuffer> | null>}
   */
  async write(file, slices, { model: { name }, corrected = false, signal }) {
    const scan = await this.#handle(signal);
    return files.call("write", { file, scan, slices: slices.map(plainOf), model: name, corrected }, signal);
  }

  /**
   * Encodes a picture as DICOM secondary capture. If the scan is DICOM, it belongs to its study and refers to a slice.
   *
   * @param {ImageData} picture
   * @param {number} index of the slice
   * @param {Pick<ModelInfo, "name">} model
   * @returns {Promise<Uint8Array<ArrayBuffer>>}
   */
  async capture({ data, width, height }, index, { name }) {
    return files.call("capture", { scan: await this.#handle(undefined), index, rgba: data, width, height, model: name });
  }

  /**
   * Measures the components of the masks in three dimensions, on the grid of the scan. A missing slice separates components.
   *
   * @param {ExplainedSlice[]} slices
   * @param {{count?: number, signal?: AbortSignal}} [options] `count`: how many to measure, largest first
   * @returns {Promise<VolumeComponents>}
   */
  async components(slices, { count = 50, signal } = {}) {
    const scan = await this.#handle(signal);
    return files.call("components", { scan, slices: slices.map(plainOf), count }, signal);
  }

  /**
   * Handle in the worker; opens the scan again if necessary.
   *
   * @param {AbortSignal | undefined} signal
   */
  async #handle(signal) {
    if (this.#opened?.generation !== files.generation) this.#opened = await this.#open(signal);
    return this.#opened.id;
  }

  /** Releases the memory of the scan. */
  async close() {
    const opened = this.#opened;
    this.#opened = null;
    if (opened?.generation !== files.generation) return;
    // If the worker stops first, the memory is released as well.
    await files.call("close", { scan: opened.id }).catch(() => {});
  }
}

/**
 * Encodes a picture as DICOM secondary capture, in a study of its own.
 *
 * @param {ImageData} picture
 * @param {Pick<ModelInfo, "name">} model
 * @returns {Promise<Uint8Array<ArrayBuffer>>}
 */
export function captureOf({ data, width, height }, { name }) {
  return files.call("capture", { scan: null, index: 0, rgba: data, width, height, model: name });
}

/**
 * Packs files into a ZIP archive.
 *
 * @param {{name: string, content: Uint8Array}[]} packed with paths as names
 * @returns {Promise<Uint8Array<ArrayBuffer>>}
 */
export function packFiles(packed) {
  return files.call("pack", { names: packed.map(({ name }) => name), contents: packed.map(({ content }) => content) });
}

/**
 * What the file reader needs of an explained slice.
 *
 * @param {ExplainedSlice} slice
 * @returns {ExplainedSlice}
 */
function plainOf({ index, mask, explanation: { size, window, square, input, counterfactual } }) {
  return { index, mask, explanation: { size, window, square, input, counterfactual } };
}

/** A loaded model, which explains slices. */
export class Explainer {
  #model;
  #info;
  #device;
  #onDevice;
  /** Whether the engine is chosen automatically. */
  #auto;
  #webGpuTested = false;
  #closed = new AbortController();

  /**
   * @param {Uint8Array} model
   * @param {ModelInfo} info
   * @param {Device} device
   * @param {(device: Device) => void} onDevice
   * @param {boolean} auto
   */
  constructor(model, info, device, onDevice, auto) {
    this.#model = model;
    this.#info = info;
    this.#device = device;
    this.#onDevice = onDevice;
    this.#auto = auto;
  }

  /**
   * Loads a model file and runs its self-test. `auto` starts on the CPU; after the first explanation, WebGPU is tested in the
   * background and replaces the CPU if it is faster and its results agree. `onDevice` is called with every change.
   *
   * @param {Uint8Array} model
   * @param {{device?: "auto" | EngineKind, onDevice?: (device: Device) => void, signal?: AbortSignal}} [options]
   * @returns {Promise<Explainer>}
   */
  static async load(model, { device = "auto", onDevice = () => {}, signal } = {}) {
    const auto = device === "auto";
    const engine = auto ? "cpu" : device;
    const problem = engine === "webgpu" ? await webGpuProblem() : null;
    if (problem) throw new Error(problem);
    const { info, name, software, adapter } = await hosts[engine].load(model, signal);
    const reason = auto ? "WebGPU will be tested after the first result." : "Selected manually.";
    const explainer = new Explainer(model, info, { engine, name, software, reason, adapter }, onDevice, auto);
    onDevice(explainer.device);
    return explainer;
  }

  get info() {
    return this.#info;
  }

  get device() {
    return this.#device;
  }

  /**
   * Explains a slice. Aborting kills the worker of the engine; the next call starts a new one.
   *
   * @param {Slice} slice
   * @param {{signal?: AbortSignal}} [options]
   * @returns {Promise<Explanation>}
   */
  async explain(slice, { signal } = {}) {
    const { engine } = this.#device;
    try {
      const explanation = await hosts[engine].explain(this.#model, slice, signal);
      if (this.#auto && !this.#webGpuTested) {
        this.#webGpuTested = true;
        this.#testWebGpu(slice, explanation);
      }
      return explanation;
    } catch (error) {
      if (signal?.aborted) throw error;
      // Aborting another call has stopped the worker.
      if (error instanceof EngineStopped && error.cause === undefined && !this.#closed.signal.aborted) return this.explain(slice, { signal });
      if (!this.#auto || engine === "cpu") throw error;
      this.#stayOnCpu(`WebGPU failed (${causeOf(error)}).`);
      return hosts.cpu.explain(this.#model, slice, signal);
    }
  }

  /**
   * Explains slices and yields the results in their order. On the CPU, a pool of workers runs in parallel; WebGPU is used if
   * `explain` has selected it. The results equal those of `explain`. Aborting or leaving the loop stops running work, except for
   * slices that are queued on WebGPU.
   *
   * @param {Iterable<Slice> | AsyncIterable<Slice>} slices
   * @param {{signal?: AbortSignal}} [options]
   * @returns {AsyncGenerator<Explanation, void, void>}
   */
  async *explainAll(slices, { signal } = {}) {
    const explain = (/** @type {Slice} */ slice, /** @type {AbortSignal} */ signal) =>
      this.#device.engine === "webgpu" ? this.explain(slice) : pool.call(this.#model, "explain", { slice }, signal);
    yield* inOrder(slices, explain, pool.capacity, signal);
  }

  /**
   * Computes a saliency map of the classifier, `size` x `size` in [0, 1]. Runs in the worker pool on the CPU; aborting does not
   * affect other calls.
   *
   * @param {Slice} slice
   * @param {SaliencyMethod} method
   * @param {{masks?: number, onProgress?: (done: number, all: number) => void, signal?: AbortSignal}} [options] `masks`: number of random masks of RISE
   * @returns {Promise<Float32Array>}
   */
  attribute(slice, method, { masks = RISE_MASKS, onProgress, signal } = {}) {
    if (method === "rise") return this.#rise(slice, masks, onProgress, signal);
    return pool.call(this.#model, "attribute", { slice, method }, signal, onProgress);
  }

  /**
   * RISE, in batches of masks.
   *
   * @param {Slice} slice
   * @param {number} masks
   * @param {((done: number, all: number) => void) | undefined} onProgress
   * @param {AbortSignal | undefined} signal
   */
  async #rise(slice, masks, onProgress, signal) {
    const firsts = Array.from({ length: Math.ceil(masks / RISE_BATCH) }, (_, batch) => batch * RISE_BATCH);
    /** @type {Map<number, number>} */
    const done = new Map();
    const sums = inOrder(
      firsts,
      (first, signal) => {
        const range = { first, end: Math.min(masks, first + RISE_BATCH) };
        const onStep = (/** @type {number} */ count) => {
          done.set(first, count);
          onProgress?.([...done.values()].reduce((a, b) => a + b, 0), masks);
        };
        return pool.call(this.#model, "riseSum", { slice, masks, ...range }, signal, onStep);
      },
      pool.capacity,
      signal,
    );
    /** @type {Float32Array | null} */
    let total = null;
    for await (const sum of sums) total = add(total, sum);
    if (!total) throw new Error("masks: RISE needs at least one mask");
    const lowest = total.reduce((a, b) => Math.min(a, b));
    const range = total.reduce((a, b) => Math.max(a, b)) - lowest;
    return total.map((value) => (value - lowest) / (range || 1));
  }

  /** Stops the test of WebGPU; call it when the explainer is no longer used. */
  close() {
    this.#closed.abort();
  }

  /**
   * Switches to WebGPU if it is available, agrees with the CPU and is faster.
   *
   * @param {Slice} slice
   * @param {Explanation} expected result of the CPU
   */
  async #testWebGpu(slice, expected) {
    const { signal } = this.#closed;
    try {
      const problem = await webGpuProblem();
      if (problem) return this.#stayOnCpu(problem);
      const found = await navigator.gpu?.requestAdapter();
      if (found?.info?.isFallbackAdapter) return this.#stayOnCpu(SOFTWARE_ONLY);
      this.#use({ ...this.#device, reason: "Testing WebGPU." });

      const limit = AbortSignal.any([signal, AbortSignal.timeout(WEBGPU_TIMEOUT_MS)]);
      const { name, software, adapter } = await hosts.webgpu.load(this.#model, limit);
      if (software) return this.#stayOnCpu(SOFTWARE_ONLY);
      // The first run compiles shaders; the second is timed.
      await hosts.webgpu.explain(this.#model, slice, limit);
      const explanation = await hosts.webgpu.explain(this.#model, slice, limit);
      if (!agree(expected, explanation)) return this.#stayOnCpu("WebGPU failed its check: its results differ from the CPU’s.");
      const ratio = expected.milliseconds / Math.max(explanation.milliseconds, 1);
      if (ratio <= 1) return this.#stayOnCpu("WebGPU works, but is slower than the CPU.");
      const times = ratio.toFixed(ratio < 10 ? 1 : 0);
      this.#use({ engine: "webgpu", name, software, adapter, reason: `WebGPU is ${times} times as fast as the CPU.` });
    } catch (error) {
      if (signal.aborted) return;
      const timedOut = error instanceof DOMException && error.name === "TimeoutError";
      this.#stayOnCpu(timedOut ? "WebGPU took too long to start." : `WebGPU failed (${causeOf(error)}).`);
    }
  }

  /** @param {string} reason */
  #stayOnCpu(reason) {
    hosts.webgpu.stop(reason);
    this.#use({ engine: "cpu", name: "CPU", software: false, adapter: null, reason });
  }

  /** @param {Device} device */
  #use(device) {
    if (this.#closed.signal.aborted) return;
    this.#device = device;
    this.#onDevice(device);
  }
}

/**
 * Elementwise sum.
 *
 * @param {Float32Array | null} total null is zero
 * @param {Float32Array} part
 */
function add(total, part) {
  return total ? total.map((value, i) => value + part[i]) : part;
}

/**
 * A mask of a slice's pixels on the grid of a model.
 *
 * @param {Slice} slice
 * @param {Uint8Array} mask 0 and 1, one value per pixel of the slice
 * @param {Pick<Explanation, "size" | "square">} explanation
 * @returns {Promise<Uint8Array>} 0 and 1, `size` x `size`
 */
export function maskOnGrid(slice, mask, { size, square }) {
  return maps.call("maskOnGrid", { slice, mask, size, aroundBody: square.aroundBody });
}

/**
 * The rule of a model's masks. Without a source, it is the segmenter if the model has one.
 *
 * @param {Pick<ModelInfo, "segmenter" | "threshold" | "seedThreshold" | "postprocess">} info
 * @param {MaskSource} [source]
 * @returns {MaskRule}
 */
export function maskRuleOf({ segmenter, threshold, seedThreshold, postprocess }, source = "segmenter") {
  if (segmenter && source === "segmenter") return { source, threshold: segmenter.threshold, seedThreshold: 0, postprocess: false };
  return { source: "difference", threshold, seedThreshold, postprocess };
}

/**
 * The map of an explanation that becomes the mask.
 *
 * @param {Pick<Explanation, "difference"> & Partial<Pick<Explanation, "segmentation">>} explanation
 * @param {MaskSource} source
 */
export function mapOf({ difference, segmentation }, source) {
  return (source === "segmenter" && segmentation) || difference;
}

/**
 * Mask of the pixels that exceed a threshold. The threshold alone is applied at once, for use with a slider; the other options need
 * the CPU engine and wait for its running call.
 *
 * @param {Pick<Explanation, "difference" | "size"> & Partial<Pick<Explanation, "segmentation">>} explanation
 * @param {Partial<MaskRule> & {threshold: number}} rule of the difference map, unless it has another source; see `maskRuleOf`
 * @returns {Promise<Uint8Array>} 0 and 1, `size` x `size`
 */
export async function maskOf(explanation, { source = "difference", threshold, seedThreshold = 0, postprocess = false }) {
  const [map, { size }] = [mapOf(explanation, source), explanation];
  if (postprocess || seedThreshold > threshold) return maps.call("maskOf", { map, size, threshold, seedThreshold, postprocess });
  // The engine also compares in single precision.
  const limit = Math.fround(threshold);
  return Uint8Array.from(map, (value) => Number(value > limit));
}

/**
 * Counterfactual in the intensities of the slice (HU in CT) and on its grid: the slice plus the resampled change by the model.
 *
 * @param {Slice} slice
 * @param {Pick<Explanation, "size" | "window" | "square" | "input" | "counterfactual">} explanation of this slice
 * @param {{signal?: AbortSignal}} [options]
 * @returns {Promise<Float32Array>}
 */
export function counterfactualHu(slice, { size, window, square: { aroundBody }, input, counterfactual }, { signal } = {}) {
  return maps.call("counterfactualHu", { slice, size, aroundBody, input, counterfactual, window }, signal);
}

/** @type {Map<ColourMap, Promise<Uint8ClampedArray<ArrayBuffer>>>} */
const tables = new Map();

/**
 * Colour map of 256 RGBA colours, from 0 to 1.
 *
 * @param {ColourMap} name
 * @returns {Promise<Uint8ClampedArray<ArrayBuffer>>}
 */
export function colourTable(name) {
  const known = tables.get(name);
  if (known) return known;
  const table = maps.call("colourTable", { name });
  tables.set(name, table);
  table.catch(() => tables.delete(name));
  return table;
}

/**
 * Applies a colour map to values.
 *
 * @param {Float32Array} values in [0, 1]
 * @param {ColourMap} [name]
 * @returns {Promise<Uint8ClampedArray<ArrayBuffer>>}
 */
export async function coloursOf(values, name = "fire") {
  const table = await colourTable(name);
  const rgba = new Uint8ClampedArray(values.length * 4);
  values.forEach((value, i) => {
    const at = 4 * Math.round(255 * Math.min(1, Math.max(0, value || 0)));
    for (let channel = 0; channel < 4; channel++) rgba[4 * i + channel] = table[at + channel];
  });
  return rgba;
}

/**
 * Labels the connected components of a mask by size, the largest is 1; 0 is outside the mask.
 *
 * @param {Uint8Array} mask 0 and 1, `size` x `size`
 * @param {number} size
 * @returns {Promise<Uint32Array>} `size` x `size`
 */
export function componentNumbers(mask, size) {
  return maps.call("componentNumbers", { mask, size });
}

/**
 * A line on the model's grid; the centre of the first pixel is at (0.5, 0.5).
 *
 * @typedef {{x1: number, y1: number, x2: number, y2: number}} Line
 */

/**
 * Measures the largest components of a mask as in RECIST: the longest diameter and the longest perpendicular to it.
 *
 * @param {Uint8Array} mask 0 and 1, `size` x `size`
 * @param {number} size
 * @param {number} count of components, the largest first
 * @returns {Promise<{longest: Line, perpendicular: Line}[]>}
 */
export async function componentDiameters(mask, size, count) {
  const ends = await maps.call("componentDiameters", { mask, size, count });
  const line = (/** @type {number} */ at) => ({ x1: ends[at], y1: ends[at + 1], x2: ends[at + 2], y2: ends[at + 3] });
  return Array.from({ length: ends.length / 8 }, (_, i) => ({ longest: line(8 * i), perpendicular: line(8 * i + 4) }));
}

/**
 * WebAssembly memory of each running engine in bytes; busy engines are left out.
 *
 * @returns {Promise<{name: string, bytes: number}[]>}
 */
export async function engineMemory() {
  const running = [hosts.cpu, hosts.webgpu, files, ...pool.hosts].filter((host) => host.isRunning);
  const answers = running.map(async (host) => {
    const timeout = new Promise((resolve) => setTimeout(resolve, MEMORY_TIMEOUT_MS, null));
    return { name: host.name, bytes: await Promise.race([host.call("memory").catch(() => null), timeout]) };
  });
  return (await Promise.all(answers)).filter(({ bytes }) => bytes !== null);
}

/**
 * Style of a synthetic anomaly. Take both values from the `info` of the model, to insert the anomalies that it was trained on.
 *
 * @typedef {Object} AnomalyStyle
 * @property {number} [diameterMm]
 * @property {[number, number]} [window] intensities of black and white; the anomaly's maximum is nine tenths of the way to white
 */

/**
 * Inserts a synthetic anomaly as in the training; the mask is on the grid of the slice.
 *
 * @param {Slice} slice
 * @param {{x: number, y: number, seed?: number} & AnomalyStyle} options `x`, `y`: centre in pixels
 * @returns {Promise<{slice: Slice, mask: Uint8Array}>}
 */
export function insertAnomaly(slice, { x, y, seed = 0, ...anomaly }) {
  return maps.call("insert", { slice, x, y, seed, anomaly });
}

/**
 * Generates a phantom of an abdomen, optionally with a synthetic anomaly; `truth` is its mask, `plain` the slice without it.
 *
 * @param {{seed: number, anomaly?: AnomalyStyle | null, size?: number}} options
 * @returns {Promise<{slice: Slice, truth: Uint8Array | null, plain: Slice}>}
 */
export function phantom({ seed, anomaly = null, size = 256 }) {
  return maps.call("phantom", { seed, size, anomaly });
}

/** Checks for WebGPU before the engine is downloaded; null if it is available. */
async function webGpuProblem() {
  return (await navigator.gpu?.requestAdapter()) ? null : "WebGPU is not available in this browser.";
}

const SOFTWARE_ONLY = "Only a software emulation of WebGPU is available.";

/** Tolerance between engines in difference maps and probabilities. */
const TOLERANCE = 1e-3;

/**
 * Whether two explanations agree.
 *
 * @param {Explanation} expected
 * @param {Explanation} found
 */
function agree(expected, found) {
  const close = (/** @type {number} */ a, /** @type {number} */ b) => Math.abs(a - b) <= TOLERANCE;
  const same = (/** @type {Float32Array} */ a, /** @type {Float32Array} */ b) => a.every((value, i) => close(value, b[i]));
  return (
    close(expected.before, found.before) &&
    close(expected.after, found.after) &&
    same(expected.difference, found.difference) &&
    (expected.segmentation === null || (found.segmentation !== null && same(expected.segmentation, found.segmentation)))
  );
}

/** @param {unknown} error */
function causeOf(error) {
  const cause = error instanceof EngineStopped ? (error.cause ?? error) : error;
  const message = cause instanceof Error ? cause.message : String(cause);
  return message.replace(/\.$/, "");
}
