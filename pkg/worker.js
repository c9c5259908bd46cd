/**
 * A dedicated module worker that runs one engine; its name begins with the engine's kind. Messages:
 *
 *   in   {module}             first message: the compiled WebAssembly module, or null to compile it here
 *        {id, method, args}   a call; calls run one after the other
 *   out  {started}            this script runs
 *        {compiled}           the module compiled here
 *        {progress}           of the start
 *        {requests}           network requests of this worker
 *        {id, step}           progress of a call
 *        {id, result} or {id, error}
 *        {fatal, error}       the engine failed; the owner must terminate the worker
 */

import { withProgress } from "./counted.js";
import { emulateTimestampQuery } from "./untimed.js";

const FILES = {
  cpu: {
    bindings: new URL("./engine/cpu/coin.js", import.meta.url),
    wasm: new URL("./engine/cpu/coin_bg.wasm", import.meta.url),
  },
  files: {
    bindings: new URL("./engine/files/coin.js", import.meta.url),
    wasm: new URL("./engine/files/coin_bg.wasm", import.meta.url),
  },
  webgpu: {
    bindings: new URL("./engine/webgpu/coin.js", import.meta.url),
    wasm: new URL("./engine/webgpu/coin_bg.wasm", import.meta.url),
  },
};
const { bindings: address, wasm } = FILES[/** @type {keyof typeof FILES} */ (self.name.split(" ")[0])];

/** @typedef {import("./coin.js").Slice} PlainSlice */
/** @typedef {import("./coin.js").AnomalyStyle} PlainStyle */

/** The generated bindings. @type {any} */
let bindings;
/** Memory of the engine. @type {WebAssembly.Memory} */
let memory;
/** @type {any} */
let engine;
/** Opened scans by handle. @type {Map<number, any>} */
const scans = new Map();
/** Windows of percentiles over scans. @type {Map<number, {percentiles: [number, number], window: [number, number]}>} */
const windows = new Map();
let lastHandle = 0;

new PerformanceObserver((list) => {
  const entries = /** @type {PerformanceResourceTiming[]} */ (list.getEntries());
  self.postMessage({ requests: entries.map(({ name, encodedBodySize }) => ({ address: name, bytes: encodedBodySize })) });
}).observe({ type: "resource", buffered: true });

/** @type {Promise<void>} */
let started;
let queue = Promise.resolve();

self.postMessage({ started: true });

self.addEventListener("message", ({ data: { id, method, args, module } }) => {
  if (module !== undefined) started = start(module);
  else queue = queue.then(() => answer(id, method, args));
});

// Panics in browser callbacks arrive here.
self.addEventListener("error", (event) => {
  event.preventDefault();
  fail(event.error);
});

// Panics in futures of the engine arrive here; the call that caused them never settles.
self.addEventListener("unhandledrejection", (event) => {
  event.preventDefault();
  fail(event.reason);
});

/** @param {WebAssembly.Module | null} module */
async function start(module) {
  emulateTimestampQuery();
  const importing = import(/* @vite-ignore */ address.href);
  // The error is handled where `importing` is awaited.
  importing.catch(() => {});
  if (!module) {
    module = await compile();
    self.postMessage({ compiled: module });
  }
  bindings = await importing;
  ({ memory } = await bindings.default({ module_or_path: module }));
}

/** Downloads and compiles the engine. */
async function compile() {
  const response = await fetch(wasm);
  if (!response.ok || !response.body) throw new Error(`${wasm.pathname}: the server answered ${response.status}`);
  const monitored = withProgress(
    response,
    (received, total) => report("download", received, total),
    (received, total) => report("compile", received, total),
  );
  // Streaming compilation requires this type.
  const headers = { "content-type": "application/wasm" };
  return WebAssembly.compileStreaming(new Response(monitored.body, { headers }));
}

/**
 * @param {"download" | "compile" | "model"} phase
 * @param {number} received
 * @param {number | null} total
 */
function report(phase, received, total) {
  self.postMessage({ progress: { phase, received, total } });
}

/**
 * Runs a call and posts its result.
 *
 * @param {number} id
 * @param {keyof typeof methods} method
 * @param {any} args
 */
async function answer(id, method, args) {
  try {
    await started;
  } catch (error) {
    fail(error);
    return;
  }
  try {
    const result = await methods[method](args, id);
    self.postMessage({ id, result }, { transfer: buffers(result) });
  } catch (error) {
    // After a trap or a stack overflow, the state of the engine is undefined; a failed device goes on failing.
    const isFatal = error instanceof WebAssembly.RuntimeError || error instanceof RangeError || (error instanceof Error && error.name === "DeviceError");
    if (isFatal) fail(error);
    else self.postMessage({ id, error: messageOf(error) });
  }
}

/** Reports that the engine cannot continue. @param {unknown} error */
function fail(error) {
  self.postMessage({ fatal: true, error: causeOf(error) });
}

/**
 * Cause of a failure: the panic message, if any. An `unreachable` trap without a panic message means out of memory.
 *
 * @param {unknown} error
 * @returns {string}
 */
function causeOf(error) {
  const { coinPanic } = /** @type {{coinPanic?: string}} */ (self);
  if (coinPanic) return coinPanic;
  const outOfMemory = error instanceof WebAssembly.RuntimeError && /unreachable/i.test(error.message);
  return outOfMemory ? "it ran out of memory" : messageOf(error);
}

const methods = {
  /** @param {{model: Uint8Array}} args */
  async load({ model }) {
    report("model", model.byteLength, model.byteLength);
    if (!engine) {
      engine = await bindings.Engine.start();
      engine.lost()?.then(fail);
    }
    const info = await engine.load(model);
    return { info, name: engine.device, software: engine.software, adapter: engine.adapter };
  },

  /** @param {{slice: PlainSlice}} args */
  explain: ({ slice }) => withSlice(slice, (handle) => engine.explain(handle)),

  /** @param {{chosen: {blob: Blob, name: string}[], window?: [number, number]}} args */
  async open({ chosen, window }) {
    const contents = await Promise.all(chosen.map(async ({ blob }) => new Uint8Array(await blob.arrayBuffer())));
    const found = bindings.openAll(chosen.map(({ name }) => name), contents, window?.[0], window?.[1]);
    const opened = found.scans.map((/** @type {any} */ scan) => {
      lastHandle += 1;
      scans.set(lastHandle, scan);
      return { id: lastHandle, info: scan.info };
    });
    return { scans: opened, notes: found.notes };
  },

  fileLimit: () => bindings.fileLimit(),

  /** @param {{scan: number, index: number, percentiles?: [number, number] | null}} args */
  slice({ scan, index, percentiles }) {
    const slice = toPlain(scans.get(scan).slice(index));
    return percentiles ? { ...slice, normalisation: windowOf(scan, percentiles) } : slice;
  },

  /** @param {{file: string, scan: number, slices: import("./coin.js").ExplainedSlice[], model: string, corrected: boolean}} args */
  write: ({ file, scan, slices, model, corrected }) => withExplained(scan, slices, (opened, explained) => opened.write(file, explained, model, corrected)),

  /** @param {{scan: number, slices: import("./coin.js").ExplainedSlice[], count: number}} args */
  components: ({ scan, slices, count }) => withExplained(scan, slices, (opened, explained) => opened.components(explained, count)),

  /** @param {{scan: number | null, index: number, rgba: Uint8ClampedArray, width: number, height: number, model: string}} args */
  capture({ scan, index, rgba, width, height, model }) {
    const pixels = new Uint8Array(rgba.buffer);
    return scan === null ? bindings.capture(pixels, width, height, model) : scans.get(scan).capture(pixels, width, height, model, index);
  },

  /** @param {{names: string[], contents: Uint8Array[]}} args */
  pack: ({ names, contents }) => bindings.pack(names, contents),

  /** @param {{slice: PlainSlice, window: [number, number], size: number, aroundBody: boolean, input: Float32Array, counterfactual: Float32Array}} args */
  counterfactualHu: ({ slice, window: [low, high], size, aroundBody, input, counterfactual }) =>
    withSlice(slice, (handle) => bindings.counterfactualHu(handle, low, high, size, aroundBody, input, counterfactual)),

  /** @param {{scan: number}} args */
  close({ scan }) {
    scans.get(scan)?.free();
    scans.delete(scan);
    windows.delete(scan);
  },

  /** @param {{seed: number, size: number, anomaly: PlainStyle | null}} args */
  phantom({ seed, size, anomaly }) {
    const { slice, truth, plain } = bindings.phantom(seed, size, anomaly ? styleOf(anomaly) : undefined);
    return { slice: toPlain(slice), truth, plain: toPlain(plain) };
  },

  /** @param {{slice: PlainSlice, x: number, y: number, anomaly: PlainStyle, seed: number}} args */
  async insert({ slice, x, y, anomaly, seed }) {
    const inserted = await withSlice(slice, (handle) => bindings.insertAnomaly(handle, x, y, styleOf(anomaly), seed));
    return { slice: toPlain(inserted.slice), mask: inserted.mask };
  },

  /** @param {{map: Float32Array, size: number, threshold: number, seedThreshold: number, postprocess: boolean}} args */
  maskOf: ({ map, size, threshold, seedThreshold, postprocess }) => bindings.maskOf(map, size, threshold, seedThreshold, postprocess),

  /** @param {{slice: PlainSlice, mask: Uint8Array, size: number, aroundBody: boolean}} args */
  maskOnGrid: ({ slice, mask, size, aroundBody }) => withSlice(slice, (handle) => bindings.maskOnGrid(handle, mask, size, aroundBody)),

  /** @param {{mask: Uint8Array, size: number}} args */
  componentNumbers: ({ mask, size }) => bindings.componentNumbers(mask, size),

  /** @param {{mask: Uint8Array, size: number, count: number}} args */
  componentDiameters: ({ mask, size, count }) => bindings.componentDiameters(mask, size, count),

  /** @param {{name: string}} args */
  colourTable: ({ name }) => bindings.colourTable(name),

  /** @param {{slice: PlainSlice, method: string}} args */
  attribute: ({ slice, method }, /** @type {number} */ id) =>
    withSlice(slice, (handle) => engine.attribute(handle, method, stepsOf(id))),

  /** @param {{slice: PlainSlice, masks: number, first: number, end: number}} args */
  riseSum: ({ slice, masks, first, end }, /** @type {number} */ id) =>
    withSlice(slice, (handle) => engine.riseSum(handle, masks, first, end, stepsOf(id))),

  memory: () => memory.buffer.byteLength,
};

/**
 * Calls `use` with a scan and explanations of its slices in the engine's memory.
 *
 * @template T
 * @param {number} scan
 * @param {import("./coin.js").ExplainedSlice[]} slices
 * @param {(scan: any, explained: any) => T} use
 * @returns {T}
 */
function withExplained(scan, slices, use) {
  const [opened, explained] = [scans.get(scan), new bindings.Explained()];
  try {
    for (const { index, mask, explanation } of slices) {
      const { size, window: [low, high], square, input, counterfactual } = explanation;
      explained.put(opened, index, low, high, size, square.aroundBody, input, counterfactual, mask);
    }
    return use(opened, explained);
  } finally {
    explained.free();
  }
}

/**
 * Intensities of a scan at two percentiles, computed once.
 *
 * @param {number} scan
 * @param {[number, number]} percentiles
 * @returns {[number, number]}
 */
function windowOf(scan, percentiles) {
  const known = windows.get(scan);
  if (known && known.percentiles.every((value, i) => value === percentiles[i])) return known.window;
  const window = scans.get(scan).percentiles(...percentiles);
  windows.set(scan, { percentiles, window });
  return window;
}

/**
 * Callback that posts the progress of a call.
 *
 * @param {number} id
 * @returns {(done: number, all: number) => void}
 */
function stepsOf(id) {
  return (done, all) => self.postMessage({ id, step: { done, all } });
}

/**
 * Calls `use` with a copy of a slice in the engine's memory.
 *
 * @template T
 * @param {PlainSlice} slice
 * @param {(handle: any) => T} use
 * @returns {Promise<Awaited<T>>}
 */
async function withSlice({ hu, width, height, rowMm, columnMm, normalisation }, use) {
  const handle = bindings.Slice.fromHu(hu, width, height, rowMm, columnMm, normalisation?.[0], normalisation?.[1]);
  try {
    return await use(handle);
  } finally {
    try {
      handle.free();
    } catch {
      // After a trap, the slice is still borrowed. The trap itself is the error to report.
    }
  }
}

/**
 * Creates an anomaly style for a call that takes ownership of it.
 *
 * @param {PlainStyle} style
 */
function styleOf({ diameterMm, window }) {
  return new bindings.AnomalyStyle(diameterMm, window?.[0], window?.[1]);
}

/**
 * Copies a slice out of the engine's memory and frees it there.
 *
 * @param {any} slice
 * @returns {PlainSlice}
 */
function toPlain(slice) {
  const { width, height, rowMm, columnMm } = slice;
  const hu = slice.hu();
  slice.free();
  return { width, height, rowMm, columnMm, hu };
}

/**
 * Buffers of a result that can be transferred instead of copied.
 *
 * @param {unknown} value
 * @returns {ArrayBuffer[]}
 */
function buffers(value) {
  if (ArrayBuffer.isView(value)) {
    const { buffer } = value;
    return buffer instanceof ArrayBuffer && buffer.byteLength === value.byteLength ? [buffer] : [];
  }
  return value && typeof value === "object" ? Object.values(value).flatMap(buffers) : [];
}

/** @param {unknown} error */
function messageOf(error) {
  return error instanceof Error ? error.message : String(error);
}
