/**
 * A dedicated module worker with one engine in it; its name begins with which. It starts with `{module}`: the engine's code
 * as another worker compiled it, or null, after which it tells what it `{compiled}` itself. It answers `{id, method, args}`
 * with `{id, result}` or `{id, error}`, one call after the other, and reports `{progress}` while it starts and `{requests}`
 * that it made, and `{id, step}` while a long call runs. `{fatal, error}` means that the engine cannot go on: its
 * owner must terminate the worker.
 */

import { counted } from "./counted.js";
import { allowUntimed } from "./untimed.js";

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
/** @typedef {Required<import("./coin.js").AnomalyStyle>} PlainStyle */

/** The generated bindings. @type {any} */
let bindings;
/** Of the engine. @type {WebAssembly.Memory} */
let memory;
/** @type {any} */
let engine;
/** @type {Map<number, any>} */
const scans = new Map();
let opened = 0;

new PerformanceObserver((list) => {
  const entries = /** @type {PerformanceResourceTiming[]} */ (list.getEntries());
  self.postMessage({ requests: entries.map(({ name, encodedBodySize }) => ({ address: name, bytes: encodedBodySize })) });
}).observe({ type: "resource", buffered: true });

/** @type {Promise<void>} */
let started;
let queue = Promise.resolve();

self.addEventListener("message", ({ data: { id, method, args, module } }) => {
  if (module !== undefined) started = start(module);
  else queue = queue.then(() => answer(id, method, args));
});

// A panic inside a callback of the browser surfaces here.
self.addEventListener("error", (event) => {
  event.preventDefault();
  die(event.error);
});

// A panic inside a future of the engine surfaces here and never settles the call that caused it.
self.addEventListener("unhandledrejection", (event) => {
  event.preventDefault();
  die(event.reason);
});

/** @param {WebAssembly.Module | null} module */
async function start(module) {
  allowUntimed();
  const importing = import(/* @vite-ignore */ address.href);
  // The error is reported where the start is awaited.
  importing.catch(() => {});
  if (!module) {
    module = await compiled();
    self.postMessage({ compiled: module });
  }
  bindings = await importing;
  ({ memory } = await bindings.default({ module_or_path: module }));
}

async function compiled() {
  const response = await fetch(wasm);
  if (!response.ok || !response.body) throw new Error(`the server answered ${response.status} for ${wasm.pathname}`);
  const arriving = counted(
    response,
    (received, total) => report("download", received, total),
    (received, total) => report("compile", received, total),
  );
  // Only this type may be compiled while it arrives.
  const headers = { "content-type": "application/wasm" };
  return WebAssembly.compileStreaming(new Response(arriving.body, { headers }));
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
 * @param {number} id
 * @param {keyof typeof methods} method
 * @param {any} args
 */
async function answer(id, method, args) {
  try {
    await started;
  } catch (error) {
    die(error);
    return;
  }
  try {
    const result = await methods[method](args, id);
    self.postMessage({ id, result }, { transfer: buffers(result) });
  } catch (error) {
    // After a trap or an overflow the engine's memory is in no known state.
    if (error instanceof WebAssembly.RuntimeError || error instanceof RangeError) die(error);
    else self.postMessage({ id, error: sentence(error) });
  }
}

/** @param {unknown} error */
function die(error) {
  self.postMessage({ fatal: true, error: causeOf(error) });
}

/**
 * Why the engine cannot go on. A panic leaves its words; the one trap of this kind without any is memory that was refused.
 *
 * @param {unknown} error
 * @returns {string}
 */
function causeOf(error) {
  const { coinPanic } = /** @type {{coinPanic?: string}} */ (self);
  if (coinPanic) return coinPanic;
  const refused = error instanceof WebAssembly.RuntimeError && /unreachable/i.test(error.message);
  return refused ? "it ran out of memory" : sentence(error);
}

const methods = {
  /** @param {{model: Uint8Array}} args */
  async load({ model }) {
    report("model", model.byteLength, model.byteLength);
    if (!engine) {
      engine = await bindings.Engine.start();
      engine.lost()?.then(die);
    }
    const info = await engine.load(model);
    return { info, name: engine.device, software: engine.software };
  },

  /** @param {{slice: PlainSlice}} args */
  explain: ({ slice }) => withSlice(slice, (handle) => engine.explain(handle)),

  /** @param {{chosen: {blob: Blob, name: string}[], window: [number, number]}} args */
  async open({ chosen, window: [low, high] }) {
    const contents = await Promise.all(chosen.map(async ({ blob }) => new Uint8Array(await blob.arrayBuffer())));
    const found = bindings.openAll(chosen.map(({ name }) => name), contents, low, high);
    const kept = found.scans.map((/** @type {any} */ scan) => {
      opened += 1;
      scans.set(opened, scan);
      return { id: opened, info: scan.info };
    });
    return { scans: kept, notes: found.notes };
  },

  /** @param {{scan: number, index: number}} args */
  slice: ({ scan, index }) => toPlain(scans.get(scan).slice(index)),

  /** @param {{file: string, scan: number, slices: import("./coin.js").ExplainedSlice[], model: string}} args */
  write({ file, scan, slices, model }) {
    const explained = new bindings.Explained();
    try {
      for (const { index, mask, explanation } of slices) {
        const { size, window: [low, high], square, input, counterfactual } = explanation;
        explained.put(scans.get(scan), index, low, high, size, square.aroundBody, input, counterfactual, mask);
      }
      return scans.get(scan).write(file, explained, model);
    } finally {
      explained.free();
    }
  },

  /** @param {{slice: PlainSlice, window: [number, number], size: number, aroundBody: boolean, input: Float32Array, counterfactual: Float32Array}} args */
  counterfactualHu: ({ slice, window: [low, high], size, aroundBody, input, counterfactual }) =>
    withSlice(slice, (handle) => bindings.counterfactualHu(handle, low, high, size, aroundBody, input, counterfactual)),

  /** @param {{scan: number}} args */
  close({ scan }) {
    scans.get(scan)?.free();
    scans.delete(scan);
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

  /** @param {{difference: Float32Array, size: number, threshold: number, seedThreshold: number, postprocess: boolean}} args */
  maskOf: ({ difference, size, threshold, seedThreshold, postprocess }) => bindings.maskOf(difference, size, threshold, seedThreshold, postprocess),

  /** @param {{mask: Uint8Array, size: number}} args */
  componentNumbers: ({ mask, size }) => bindings.componentNumbers(mask, size),

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
 * What tells how far a call is.
 *
 * @param {number} id
 * @returns {(done: number, all: number) => void}
 */
function stepsOf(id) {
  return (done, all) => self.postMessage({ id, step: { done, all } });
}

/**
 * Lends a slice to the engine.
 *
 * @template T
 * @param {PlainSlice} slice
 * @param {(handle: any) => T} use
 * @returns {Promise<Awaited<T>>}
 */
async function withSlice({ hu, width, height, rowMm, columnMm }, use) {
  const handle = bindings.Slice.fromHu(hu, width, height, rowMm, columnMm);
  try {
    return await use(handle);
  } finally {
    try {
      handle.free();
    } catch {
      // A trap keeps it lent; that is what the caller must hear of, not this.
    }
  }
}

/**
 * For a call that takes it: the bindings free what they are given.
 *
 * @param {PlainStyle} style
 */
function styleOf({ diameterMm, window: [low, high] }) {
  return new bindings.AnomalyStyle(diameterMm, low, high);
}

/**
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
 * The buffers of a result that belong to it alone, to be moved instead of copied.
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
function sentence(error) {
  return error instanceof Error ? error.message : String(error);
}
