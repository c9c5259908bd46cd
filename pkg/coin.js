/**
 * COIN in the browser: counterfactual explanations of CT slices, computed on this device.
 *
 * Everything runs in workers and is asynchronous. Slices, explanations and masks are plain data, which any worker
 * can take and which outlive it. For research use only.
 */

import { EngineHost, EngineStopped, engineEvents } from "./host.js";
import { EnginePool, inOrder, roomForWorkers } from "./pool.js";

export { EngineStopped, engineEvents };

/**
 * One CT slice in Hounsfield units, row by row from the top left.
 *
 * @typedef {Object} Slice
 * @property {number} width
 * @property {number} height
 * @property {Float32Array} hu
 * @property {number} [rowMm] distance of two rows, absent when unknown
 * @property {number} [columnMm] distance of two columns, absent when unknown
 */

/**
 * @typedef {Object} ScanInfo
 * @property {string} name of the file, or the first of the files
 * @property {string} format
 * @property {number} width
 * @property {number} height
 * @property {number} slices
 * @property {boolean} needsWindow the file is a picture, whose greys mean what the `window` of `openScan` says
 * @property {boolean} isOriented the file says where the patient's right and front are
 * @property {boolean} isVolume it has a place in the patient, on whose grid `write` makes NIfTI files
 * @property {boolean} isSegmentable it is DICOM that a segmentation can refer to
 * @property {[number, number] | null} spacing millimetres between rows and between columns
 * @property {number | null} sliceMm millimetres between slices
 * @property {[number, number] | null} window what the file wants to be shown in
 * @property {string | null} modality CT, MR, DX or another of DICOM's words; null where the file does not say
 * @property {string[]} notes what to know of it, a sentence each
 */

/**
 * What the evaluation of a model found, a part of its report.json. What was not measured is absent or null.
 *
 * @typedef {Object} ModelResults
 * @property {number} [threshold] of the mask
 * @property {{total: number, abnormal: number}} [slices]
 * @property {{accuracy?: number | null, auroc?: number | null, f1?: number | null}} [classifier]
 * @property {{coin?: MethodResults}} [methods]
 */

/**
 * @typedef {Object} MethodResults
 * @property {number | null} [iou] of all pixels together
 * @property {[number, number] | null} [iou_ci95]
 * @property {number | null} [iou_mean] of the abnormal slices
 * @property {[number, number] | null} [iou_mean_ci95]
 * @property {number | null} [ceiling_iou] what a perfect inpainting would get
 * @property {number | null} [dice]
 * @property {number | null} [cv] counterfactual validity
 */

/**
 * @typedef {Object} ModelInfo
 * @property {string} name
 * @property {string} title
 * @property {number} size side of the square grid that the model works on
 * @property {[number, number]} window intensities that become black and white; of a model that ranks each slice's own, 0 to 255
 * @property {"HU" | ""} unit of the window; empty where intensities have none
 * @property {string} modality of the images that it was trained on
 * @property {string} finding what it was trained to find; may be empty
 * @property {number} threshold
 * @property {number} seedThreshold components of the mask in which the difference nowhere exceeds this are left out; 0 keeps all
 * @property {boolean} postprocess
 * @property {string} licence
 * @property {unknown} recipe
 * @property {string} data
 * @property {ModelResults | null} results
 * @property {string} limits what it cannot do, in words; may be empty
 * @property {{diameter_mm: number} | null} anomaly the anomalies that it was trained on, when they were inserted
 * @property {{maxError: number, tolerance: number, milliseconds: number}} selfTest
 */

/**
 * Where a model's square grid lies on a slice, in the slice's pixels. It may reach beyond the slice.
 *
 * @typedef {Object} Square
 * @property {number} left
 * @property {number} top
 * @property {number} width
 * @property {number} height
 * @property {number | null} pixelMm side of a grid pixel, where the slice knows its spacing
 * @property {boolean} aroundBody whether it lies around the body, or else around the whole slice
 */

/**
 * What a model makes of a slice, on the model's grid of `size` x `size`.
 *
 * @typedef {Object} Explanation
 * @property {number} size
 * @property {[number, number]} window intensities that became -1 and 1
 * @property {Square} square
 * @property {number} before probability of "abnormal" for the slice
 * @property {number} after the same for the counterfactual
 * @property {Float32Array} input in [-1, 1]
 * @property {Float32Array} counterfactual in [-1, 1]
 * @property {Float32Array} difference |input - counterfactual| / 2, in [0, 1]
 * @property {number | null} oodScore how unlike the training data the slice is: beyond 1 its result deserves caution; null
 *   where the model does not know
 * @property {number} milliseconds
 */

/**
 * A slice of a scan, explained.
 *
 * @typedef {Object} ExplainedSlice
 * @property {number} index
 * @property {Pick<Explanation, "size" | "window" | "square" | "input" | "counterfactual">} explanation
 * @property {Uint8Array} mask as of `maskOf`
 */

/** @typedef {"rise" | "score-cam" | "layer-cam" | "grad-cam"} SaliencyMethod */
/** @typedef {"fire" | "viridis" | "turbo" | "grey"} ColourMap */

/** What explains. @typedef {Exclude<import("./host.js").EngineKind, "files">} EngineKind */
/** @typedef {import("./host.js").EngineProgress} EngineProgress */
/** @typedef {import("./host.js").EngineStop} EngineStop */

/**
 * What computes, and why.
 *
 * @typedef {Object} Device
 * @property {EngineKind} engine
 * @property {string} name
 * @property {boolean} software a GPU that is emulated
 * @property {string} reason one sentence
 */

const hosts = { cpu: new EngineHost("cpu"), webgpu: new EngineHost("webgpu") };

/** Scans are opened, held and written here: it is fetched with the first of them. */
const files = new EngineHost("files");

/** Phantoms, colours and masks come from the small engine, which is there first. */
const maps = hosts.cpu;

/** On the CPU, volumes and saliency methods take long: in workers of their own they keep nothing waiting, and can be cancelled alone. */
const pool = new EnginePool(roomForWorkers());

/** What the engines read at most: `Limits::default()` in crates/coin-imaging/src/limits.rs. */
const FILE_LIMIT_MIB = 512;

/** HU of black and white in a picture that does not say: the usual abdominal window of KiTS. */
const PICTURE_WINDOW = /** @type {[number, number]} */ ([-100, 300]);

/** The width of the paper's anomalies. */
const PAPER_DIAMETER_MM = 30;

/** Random masks of RISE; the paper takes 6000, which a browser is slow at. */
const RISE_MASKS = 1000;

/** As many of them go to a worker at once. Other numbers add them up in another order. */
const RISE_SHARE = 64;

/** How long an engine may take to say how much memory it has. */
const PATIENCE_MS = 500;

/** A trial of WebGPU that takes longer than this is given up. */
const TRIAL_LIMIT_MS = 120_000;

/** Starts the engine that everything begins with; without this, the first call does. */
export function startEngine() {
  hosts.cpu.start();
}

/**
 * Opens a file: DICOM, NIfTI, NRRD, MetaImage, PNG, JPEG, TIFF, BMP, or a ZIP archive of them, of which the largest scan is
 * taken.
 *
 * @param {Blob | Uint8Array<ArrayBuffer>} source
 * @param {string} name used in error messages
 * @param {{window?: [number, number], signal?: AbortSignal}} [options]
 * @returns {Promise<Scan>}
 */
export async function openScan(source, name, options = {}) {
  const { scans } = await openScans([{ source, name }], options);
  const [first, ...others] = scans;
  await Promise.all(others.map((scan) => scan.close()));
  return first;
}

/**
 * Opens files that were chosen together: the DICOM files of a series become one scan, in the order of their places in the
 * patient; archives are unpacked; a NIfTI header finds its image. The scan with most slices comes first; `notes` say in a
 * sentence each what was left out and why.
 *
 * @param {{source: Blob | Uint8Array<ArrayBuffer>, name: string}[]} sources
 * @param {{window?: [number, number], signal?: AbortSignal}} [options]
 * @returns {Promise<{scans: Scan[], notes: string[]}>}
 */
export async function openScans(sources, { window = PICTURE_WINDOW, signal } = {}) {
  const chosen = sources.map(({ source, name }) => ({ blob: source instanceof Blob ? source : new Blob([source]), name }));
  // Before it is read: memory that runs out on the way takes the engine with it.
  if (chosen.reduce((bytes, { blob }) => bytes + blob.size, 0) > FILE_LIMIT_MIB * 2 ** 20) {
    const what = chosen.length > 1 ? "the files together exceed" : "the file exceeds";
    throw new Error(`${chosen[0].name}: ${what} the limit of ${FILE_LIMIT_MIB} MiB; split or shrink it`);
  }
  /** @type {(signal?: AbortSignal) => Promise<{scans: OpenedScan[], notes: string[]}>} */
  const open = async (signal) => {
    const { scans, notes } = await files.call("open", { chosen, window }, signal);
    const { generation } = files;
    return { scans: scans.map((/** @type {{id: number, info: ScanInfo}} */ scan) => ({ ...scan, generation })), notes };
  };
  const { scans, notes } = await open(signal);
  const again = (/** @type {number} */ wanted) => async (/** @type {AbortSignal | undefined} */ signal) => {
    const { scans } = await open(signal);
    await Promise.all(scans.map(({ id }, i) => i !== wanted && files.call("close", { scan: id })));
    return scans[wanted];
  };
  return { scans: scans.map((opened, i) => new Scan(again(i), opened)), notes };
}

/**
 * @typedef {Object} OpenedScan
 * @property {number} id
 * @property {ScanInfo} info
 * @property {number} generation the worker that holds it
 */

/** An opened file. It is held by a worker; a slice of one that is closed, or whose worker is gone, opens it again. */
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
   * @param {number} index
   * @param {{signal?: AbortSignal}} [options]
   * @returns {Promise<Slice>}
   */
  async slice(index, { signal } = {}) {
    return files.call("slice", { scan: await this.#held(signal), index }, signal);
  }

  /**
   * What a model made of slices as a file on the scan's own grid, which opens aligned with it: the scan with those slices
   * repainted (`counterfactual`: NIfTI, in HU), their `mask` (NIfTI, 0 and 1), or the mask as a DICOM `segmentation` of the
   * series. Null where the scan has no place in a patient, is no DICOM, or nothing is masked.
   *
   * @param {"counterfactual" | "mask" | "segmentation"} file
   * @param {ExplainedSlice[]} slices
   * @param {{model: Pick<ModelInfo, "name">, signal?: AbortSignal}} options
   * @returns {Promise<Uint8Array<ArrayBuffer> | null>}
   */
  async write(file, slices, { model: { name }, signal }) {
    const scan = await this.#held(signal);
    const plain = slices.map(({ index, mask, explanation: { size, window, square, input, counterfactual } }) => ({ index, mask, explanation: { size, window, square, input, counterfactual } }));
    return files.call("write", { file, scan, slices: plain, model: name }, signal);
  }

  /**
   * Its number in the worker, which may have to open it first.
   *
   * @param {AbortSignal | undefined} signal
   */
  async #held(signal) {
    if (this.#opened?.generation !== files.generation) this.#opened = await this.#open(signal);
    return this.#opened.id;
  }

  /** Gives its memory back. */
  async close() {
    const opened = this.#opened;
    this.#opened = null;
    if (opened?.generation !== files.generation) return;
    // A worker that ends first has given it back as well.
    await files.call("close", { scan: opened.id }).catch(() => {});
  }
}

/** A model, ready to explain slices. */
export class Explainer {
  #model;
  #info;
  #device;
  #onDevice;
  /** Whether the engine is ours to choose. */
  #auto;
  #tried = false;
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
   * Loads a model bundle and runs its self-test. `auto` begins on the CPU; after the first explanation WebGPU is
   * tried behind it and takes over where it computes the same, faster. `onDevice` hears of every change.
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
    const { info, name, software } = await hosts[engine].load(model, signal);
    const reason = auto ? "WebGPU is tried after the first result." : "Chosen by hand.";
    const explainer = new Explainer(model, info, { engine, name, software, reason }, onDevice, auto);
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
   * Explains a slice. Aborting kills the engine's worker; the next call starts a new one.
   *
   * @param {Slice} slice
   * @param {{signal?: AbortSignal}} [options]
   * @returns {Promise<Explanation>}
   */
  async explain(slice, { signal } = {}) {
    const { engine } = this.#device;
    try {
      const explanation = await hosts[engine].explain(this.#model, slice, signal);
      if (this.#auto && !this.#tried) {
        this.#tried = true;
        this.#tryWebGpu(slice, explanation);
      }
      return explanation;
    } catch (error) {
      if (!this.#auto || engine === "cpu" || signal?.aborted) throw error;
      this.#stayOnCpu(`WebGPU failed (${causeOf(error)}).`);
      return hosts.cpu.explain(this.#model, slice, signal);
    }
  }

  /**
   * Explains slices, on the CPU side by side on as many processors as the device has room for, in workers of their own. The
   * results come in the order of the slices and are those of `explain`, which alone tries WebGPU. Aborting, or asking for no
   * more, ends what is under way, but for a slice that is on WebGPU already.
   *
   * @param {Iterable<Slice> | AsyncIterable<Slice>} slices
   * @param {{signal?: AbortSignal}} [options]
   * @returns {AsyncGenerator<Explanation, void, void>}
   */
  async *explainAll(slices, { signal } = {}) {
    const explain = (/** @type {Slice} */ slice, /** @type {AbortSignal} */ signal) =>
      this.#device.engine === "webgpu" ? this.explain(slice) : pool.call(this.#model, "explain", { slice }, signal);
    yield* inOrder(slices, explain, pool.room, signal);
  }

  /**
   * Where the classifier looks, by a saliency method, as a map in [0, 1] on the model's grid. On the CPU, in workers of its own:
   * aborting ends those alone.
   *
   * @param {Slice} slice
   * @param {SaliencyMethod} method
   * @param {{masks?: number, onProgress?: (done: number, all: number) => void, signal?: AbortSignal}} [options] `masks` of RISE
   * @returns {Promise<Float32Array>}
   */
  attribute(slice, method, { masks = RISE_MASKS, onProgress, signal } = {}) {
    if (method === "rise") return this.#rise(slice, masks, onProgress, signal);
    return pool.call(this.#model, "attribute", { slice, method }, signal, onProgress);
  }

  /**
   * @param {Slice} slice
   * @param {number} masks
   * @param {((done: number, all: number) => void) | undefined} onProgress
   * @param {AbortSignal | undefined} signal
   */
  async #rise(slice, masks, onProgress, signal) {
    const firsts = Array.from({ length: Math.ceil(masks / RISE_SHARE) }, (_, share) => share * RISE_SHARE);
    /** @type {Map<number, number>} */
    const done = new Map();
    const sums = inOrder(
      firsts,
      (first, signal) => {
        const range = { first, end: Math.min(masks, first + RISE_SHARE) };
        const onStep = (/** @type {number} */ of) => {
          done.set(first, of);
          onProgress?.([...done.values()].reduce((a, b) => a + b, 0), masks);
        };
        return pool.call(this.#model, "riseSum", { slice, masks, ...range }, signal, onStep);
      },
      pool.room,
      signal,
    );
    /** @type {Float32Array | null} */
    let total = null;
    for await (const sum of sums) total = added(total, sum);
    if (!total) throw new Error("RISE needs a mask at least.");
    const least = total.reduce((a, b) => Math.min(a, b));
    const range = total.reduce((a, b) => Math.max(a, b)) - least;
    return total.map((value) => (value - least) / (range || 1));
  }

  /** Ends its trial of WebGPU; for when another model takes its place. */
  close() {
    this.#closed.abort();
  }

  /**
   * @param {Slice} slice
   * @param {Explanation} expected what the CPU found
   */
  async #tryWebGpu(slice, expected) {
    const { signal } = this.#closed;
    try {
      const problem = await webGpuProblem();
      if (problem) return this.#stayOnCpu(problem);
      const adapter = await navigator.gpu?.requestAdapter();
      if (adapter?.info?.isFallbackAdapter) return this.#stayOnCpu(EMULATED);
      this.#use({ ...this.#device, reason: "WebGPU is being tried." });

      const limit = AbortSignal.any([signal, AbortSignal.timeout(TRIAL_LIMIT_MS)]);
      const { name, software } = await hosts.webgpu.load(this.#model, limit);
      if (software) return this.#stayOnCpu(EMULATED);
      // The first run compiles the GPU's programs, the second is timed.
      await hosts.webgpu.explain(this.#model, slice, limit);
      const found = await hosts.webgpu.explain(this.#model, slice, limit);
      if (!agree(expected, found)) return this.#stayOnCpu("WebGPU failed its check: its numbers differ from the CPU's.");
      const ratio = expected.milliseconds / Math.max(found.milliseconds, 1);
      if (ratio <= 1) return this.#stayOnCpu("WebGPU works here, but is slower.");
      const times = ratio.toFixed(ratio < 10 ? 1 : 0);
      this.#use({ engine: "webgpu", name, software, reason: `WebGPU is ${times} times faster than the CPU here.` });
    } catch (error) {
      if (signal.aborted) return;
      const late = error instanceof DOMException && error.name === "TimeoutError";
      this.#stayOnCpu(late ? "WebGPU took too long to start." : `WebGPU failed (${causeOf(error)}).`);
    }
  }

  /** @param {string} reason */
  #stayOnCpu(reason) {
    hosts.webgpu.stop(reason);
    this.#use({ engine: "cpu", name: "CPU", software: false, reason });
  }

  /** @param {Device} device */
  #use(device) {
    if (this.#closed.signal.aborted) return;
    this.#device = device;
    this.#onDevice(device);
  }
}

/**
 * @param {Float32Array | null} total
 * @param {Float32Array} part
 */
function added(total, part) {
  return total ? total.map((value, i) => value + part[i]) : part;
}

/**
 * The pixels that changed by more than a threshold. By the threshold alone it is there at once, as a slider needs it; with
 * more to it, it waits for whatever the CPU engine is doing.
 *
 * @param {Pick<Explanation, "difference" | "size">} explanation
 * @param {{threshold: number, seedThreshold?: number, postprocess?: boolean}} options only components that exceed `seedThreshold` somewhere are
 *   kept; `postprocess` opens, closes and keeps the largest component
 * @returns {Promise<Uint8Array>} `size` x `size` of 0 and 1
 */
export async function maskOf({ difference, size }, { threshold, seedThreshold = 0, postprocess = false }) {
  if (postprocess || seedThreshold > threshold) return maps.call("maskOf", { difference, size, threshold, seedThreshold, postprocess });
  // The engine compares in single precision, too.
  const limit = Math.fround(threshold);
  return Uint8Array.from(difference, (value) => Number(value > limit));
}

/**
 * The counterfactual in HU, or the slice's own intensities, on its own grid: the slice's values, moved by what the model changed.
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
 * 256 colours from 0 to 1, as RGBA.
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
 * A map of values in [0, 1] in colours, as RGBA.
 *
 * @param {Float32Array} values
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
 * The number of each pixel's component of a mask, the largest being 1; 0 outside.
 *
 * @param {Uint8Array} mask
 * @param {number} size
 * @returns {Promise<Uint32Array>}
 */
export function componentNumbers(mask, size) {
  return maps.call("componentNumbers", { mask, size });
}

/**
 * Bytes of memory that each running engine has taken; one that is busy does not answer.
 *
 * @returns {Promise<{name: string, bytes: number}[]>}
 */
export async function engineMemory() {
  const running = [hosts.cpu, hosts.webgpu, files, ...pool.hosts].filter((host) => host.isRunning);
  const asked = running.map(async (host) => {
    const late = new Promise((resolve) => setTimeout(resolve, PATIENCE_MS, null));
    return { name: host.name, bytes: await Promise.race([host.call("memory").catch(() => null), late]) };
  });
  return (await Promise.all(asked)).filter(({ bytes }) => bytes !== null);
}

/**
 * How an anomaly is inserted: its width, and the window of which its maximum is nine tenths. A model knows the anomalies
 * of its own training, so take both from its `info`.
 *
 * @typedef {Object} AnomalyStyle
 * @property {number} [diameterMm]
 * @property {[number, number]} [window]
 */

/**
 * Inserts an anomaly as the method's training does; the mask is on the slice's own grid.
 *
 * @param {Slice} slice
 * @param {{x: number, y: number, seed?: number} & AnomalyStyle} options
 * @returns {Promise<{slice: Slice, mask: Uint8Array}>}
 */
export function insertAnomaly(slice, { x, y, seed = 0, ...anomaly }) {
  return maps.call("insert", { slice, x, y, seed, anomaly: styleOf(anomaly) });
}

/**
 * An abdomen made from a seed; `truth` marks the anomaly where one was asked for, `plain` is without it.
 *
 * @param {{seed: number, anomaly?: AnomalyStyle | null, size?: number}} options
 * @returns {Promise<{slice: Slice, truth: Uint8Array | null, plain: Slice}>}
 */
export function phantom({ seed, anomaly = null, size = 256 }) {
  return maps.call("phantom", { seed, size, anomaly: anomaly && styleOf(anomaly) });
}

/** @param {AnomalyStyle} style */
function styleOf({ diameterMm = PAPER_DIAMETER_MM, window = PICTURE_WINDOW }) {
  return { diameterMm, window };
}

/** Why the WebGPU engine cannot run here, known before it is fetched; null where nothing speaks against it. */
async function webGpuProblem() {
  return (await navigator.gpu?.requestAdapter()) ? null : "This browser offers no WebGPU here.";
}

const EMULATED = "WebGPU is only emulated in software here.";

/** How far two engines may differ in a difference map or a probability. */
const AGREEMENT = 1e-3;

/**
 * @param {Explanation} expected
 * @param {Explanation} found
 */
function agree(expected, found) {
  const close = (/** @type {number} */ a, /** @type {number} */ b) => Math.abs(a - b) <= AGREEMENT;
  return (
    close(expected.before, found.before) &&
    close(expected.after, found.after) &&
    expected.difference.every((value, i) => close(value, found.difference[i]))
  );
}

/** @param {unknown} error */
function causeOf(error) {
  const cause = error instanceof EngineStopped ? (error.cause ?? error) : error;
  const message = cause instanceof Error ? cause.message : String(cause);
  return message.replace(/\.$/, "");
}
