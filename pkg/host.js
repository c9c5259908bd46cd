/**
 * Runs one engine in one dedicated worker. The first call starts the worker; a trap or an aborted call kills it, and the next call
 * starts a new one.
 */

/** `files` reads and writes files; the others explain slices. @typedef {"cpu" | "webgpu" | "files"} EngineKind */

/**
 * @typedef {Object} EngineProgress
 * @property {EngineKind} engine
 * @property {"download" | "compile" | "model"} phase
 * @property {number} received bytes
 * @property {number | null} total bytes; null if the server does not send it
 * @property {boolean} pooled whether the engine belongs to a pool
 */

/**
 * @typedef {Object} EngineStop
 * @property {EngineKind} engine
 * @property {string} message what happened, for display
 */

/** Names of engines in messages. @type {Record<EngineKind, string>} */
const ENGINE_LABEL = { cpu: "CPU engine", webgpu: "WebGPU engine", files: "file reader" };

/** Time for a worker to start; afterwards, it is replaced with the next request. */
const START_TIMEOUT_MS = 30_000;

/** Compiled modules, shared by all workers of a kind. @type {Map<EngineKind, WebAssembly.Module>} */
const compiled = new Map();

/**
 * A request of an engine's worker.
 *
 * @typedef {Object} EngineRequest
 * @property {string} address
 * @property {number} bytes size of the response
 */

/**
 * Dispatches `progress` (detail: EngineProgress), `stop` (detail: EngineStop) and `request` (detail: EngineRequest) as
 * CustomEvents.
 */
export const engineEvents = new EventTarget();

/** The engine was stopped and lost its state; `cause` is the engine's own message. */
export class EngineStopped extends Error {
  name = "EngineStopped";

  /**
   * @param {EngineKind} engine
   * @param {string} message
   * @param {string} [cause]
   */
  constructor(engine, message, cause) {
    super(message, { cause });
    this.engine = engine;
  }
}

/** An engine and its worker. */
export class EngineHost {
  /** @type {Worker | null} */
  #worker = null;
  /** @type {Map<number, {resolve: (value: any) => void, reject: (reason: unknown) => void, onStep?: (done: number, all: number) => void}>} */
  #pending = new Map();
  #calls = 0;
  /** The model that is loaded after all queued calls. @type {Uint8Array | null} */
  #model = null;
  /** Number of the worker: handles of earlier workers are invalid. */
  generation = 0;

  /**
   * @param {EngineKind} kind
   * @param {string} [name] of the worker; begins with the kind
   */
  constructor(kind, name = kind) {
    this.kind = kind;
    this.name = name;
  }

  /** Whether the worker is running. */
  get isRunning() {
    return this.#worker !== null;
  }

  /** Starts the worker, unless it is running. */
  start() {
    return (this.#worker ??= this.#spawn());
  }

  /**
   * Calls a method of the worker. Aborting kills the worker, because a computation cannot be interrupted.
   *
   * @param {string} method
   * @param {Record<string, unknown>} [args]
   * @param {AbortSignal} [signal]
   * @param {(done: number, all: number) => void} [onStep] progress
   * @returns {Promise<any>}
   */
  async call(method, args = {}, signal, onStep) {
    signal?.throwIfAborted();
    const worker = this.start();
    const id = this.#calls++;
    const abort = () => {
      const { reject } = this.#pending.get(id) ?? {};
      this.#pending.delete(id);
      this.stop(`The ${ENGINE_LABEL[this.kind]} was stopped.`);
      reject?.(signal?.reason);
    };
    signal?.addEventListener("abort", abort, { once: true });
    try {
      return await new Promise((resolve, reject) => {
        this.#pending.set(id, { resolve, reject, onStep });
        worker.postMessage({ id, method, args });
      });
    } finally {
      signal?.removeEventListener("abort", abort);
    }
  }

  /**
   * Loads a model.
   *
   * @param {Uint8Array} model
   * @param {AbortSignal} [signal]
   * @returns {Promise<{info: import("./coin.js").ModelInfo, name: string, software: boolean, adapter: import("./coin.js").Adapter | null}>}
   */
  async load(model, signal) {
    this.#model = model;
    try {
      return await this.call("load", { model }, signal);
    } catch (error) {
      if (this.#model === model) this.#model = null;
      throw error;
    }
  }

  /**
   * Explains a slice with a model, which is loaded first unless it is already.
   *
   * @param {Uint8Array} model
   * @param {import("./coin.js").Slice} slice
   * @param {AbortSignal} [signal]
   * @returns {Promise<import("./coin.js").Explanation>}
   */
  explain(model, slice, signal) {
    return this.callWith(model, "explain", { slice }, signal);
  }

  /**
   * Calls a method with a model loaded.
   *
   * @param {Uint8Array} model
   * @param {string} method
   * @param {Record<string, unknown>} args
   * @param {AbortSignal} [signal]
   * @param {(done: number, all: number) => void} [onStep]
   * @returns {Promise<any>}
   */
  async callWith(model, method, args, signal, onStep) {
    // Both messages are posted together, so that no other model is loaded in between.
    const loaded = this.#model === model ? undefined : this.load(model, signal);
    try {
      const [result] = await Promise.all([this.call(method, args, signal, onStep), loaded]);
      return result;
    } catch (error) {
      signal?.throwIfAborted();
      throw error;
    }
  }

  /**
   * Kills the worker and rejects pending calls.
   *
   * @param {string} message
   * @param {string} [cause]
   */
  stop(message, cause) {
    if (!this.#worker) return;
    this.#worker.terminate();
    this.#worker = null;
    this.#model = null;
    this.generation += 1;
    const pending = [...this.#pending.values()];
    this.#pending.clear();
    for (const { reject } of pending) reject(new EngineStopped(this.kind, message, cause));
  }

  #spawn() {
    const worker = new Worker(new URL("./worker.js", import.meta.url), { type: "module", name: this.name });
    worker.postMessage({ module: compiled.get(this.kind) ?? null });
    const silent = setTimeout(() => worker === this.#worker && this.#fail("it did not start"), START_TIMEOUT_MS);
    worker.addEventListener("message", ({ data }) => {
      clearTimeout(silent);
      if (worker !== this.#worker) return;
      if (data.started) return;
      if (data.compiled) {
        compiled.set(this.kind, data.compiled);
        return;
      }
      if (data.progress) {
        this.#dispatch("progress", { engine: this.kind, pooled: this.name !== this.kind, ...data.progress });
        return;
      }
      if (data.requests) {
        for (const request of data.requests) this.#dispatch("request", request);
        return;
      }
      if (data.step) {
        this.#pending.get(data.id)?.onStep?.(data.step.done, data.step.all);
        return;
      }
      if (data.fatal) {
        this.#fail(data.error);
        return;
      }
      const call = this.#pending.get(data.id);
      this.#pending.delete(data.id);
      if (data.error === undefined) call?.resolve(data.result);
      else call?.reject(new Error(data.error));
    });
    worker.addEventListener("error", (event) => {
      event.preventDefault();
      if (worker === this.#worker) this.#fail(event.message);
    });
    return worker;
  }

  /** Stops a failed worker and reports it. @param {string | undefined} error */
  #fail(error) {
    const cause = error || "it could not be loaded";
    // A new build of the site would not match the compiled module.
    compiled.delete(this.kind);
    const message = `The ${ENGINE_LABEL[this.kind]} stopped (${cause}). It restarts with the next request.`;
    this.stop(message, cause);
    this.#dispatch("stop", { engine: this.kind, message });
  }

  /**
   * @param {"progress" | "stop" | "request"} type
   * @param {EngineProgress | EngineStop | EngineRequest} detail
   */
  #dispatch(type, detail) {
    engineEvents.dispatchEvent(new CustomEvent(type, { detail }));
  }
}
