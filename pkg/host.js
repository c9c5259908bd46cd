/**
 * The life of an engine: one engine in one dedicated worker, started by the first call, killed when it traps,
 * hangs or is cancelled, and started afresh by the next call.
 */

/** `files` reads and writes files; the others explain. @typedef {"cpu" | "webgpu" | "files"} EngineKind */

/**
 * @typedef {Object} EngineProgress
 * @property {EngineKind} engine
 * @property {"download" | "compile" | "model"} phase
 * @property {number} received bytes so far
 * @property {number | null} total bytes in all, null when the server does not say
 * @property {boolean} aside whether the engine is one of several that share work
 */

/**
 * @typedef {Object} EngineStop
 * @property {EngineKind} engine
 * @property {string} sentence what happened, for people
 */

/** What engines are called in sentences. @type {Record<EngineKind, string>} */
const ENGINE_LABEL = { cpu: "CPU engine", webgpu: "WebGPU engine", files: "file reader" };

/** What a worker has compiled serves all others of its kind. @type {Map<EngineKind, WebAssembly.Module>} */
const compiled = new Map();

/**
 * What an engine's worker asked its site for.
 *
 * @typedef {Object} EngineRequest
 * @property {string} address
 * @property {number} bytes of the answer
 */

/**
 * Dispatches `progress` (detail: EngineProgress), `stop` (detail: EngineStop) and `request` (detail: EngineRequest) as
 * CustomEvents.
 */
export const engineEvents = new EventTarget();

/** An engine that is gone, and with it everything it held; `cause` is why, in the engine's words. */
export class EngineStopped extends Error {
  name = "EngineStopped";

  /**
   * @param {EngineKind} engine
   * @param {string} sentence
   * @param {string} [cause]
   */
  constructor(engine, sentence, cause) {
    super(sentence, { cause });
    this.engine = engine;
  }
}

export class EngineHost {
  /** @type {Worker | null} */
  #worker = null;
  /** @type {Map<number, {resolve: (value: any) => void, reject: (reason: unknown) => void, onStep?: (done: number, all: number) => void}>} */
  #pending = new Map();
  #calls = 0;
  /** The model that the worker holds, or will hold once it has worked through its queue. @type {Uint8Array | null} */
  #model = null;
  /** Counts the workers: what an earlier one held is gone. */
  generation = 0;

  /**
   * @param {EngineKind} kind
   * @param {string} [name] of the worker, which begins with the kind
   */
  constructor(kind, name = kind) {
    this.kind = kind;
    this.name = name;
  }

  /** Whether there is a worker. */
  get isRunning() {
    return this.#worker !== null;
  }

  /** Starts the worker, as the first call does. */
  start() {
    return (this.#worker ??= this.#spawn());
  }

  /**
   * Runs one method of the worker. Aborting kills the worker, since nothing else stops a computation.
   *
   * @param {string} method
   * @param {Record<string, unknown>} [args]
   * @param {AbortSignal} [signal]
   * @param {(done: number, all: number) => void} [onStep] hears how far it is
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
   * Puts a model on the engine.
   *
   * @param {Uint8Array} model
   * @param {AbortSignal} [signal]
   * @returns {Promise<{info: import("./coin.js").ModelInfo, name: string, software: boolean}>}
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
   * Explains a slice with a model, which is loaded again where another model or a new worker took its place.
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
   * Runs a method that needs a model.
   *
   * @param {Uint8Array} model
   * @param {string} method
   * @param {Record<string, unknown>} args
   * @param {AbortSignal} [signal]
   * @param {(done: number, all: number) => void} [onStep]
   * @returns {Promise<any>}
   */
  async callWith(model, method, args, signal, onStep) {
    // Both are posted at once, so that no other model can slip in between.
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
   * Kills the worker; calls that were waiting are rejected.
   *
   * @param {string} sentence
   * @param {string} [cause]
   */
  stop(sentence, cause) {
    if (!this.#worker) return;
    this.#worker.terminate();
    this.#worker = null;
    this.#model = null;
    this.generation += 1;
    const lost = [...this.#pending.values()];
    this.#pending.clear();
    for (const { reject } of lost) reject(new EngineStopped(this.kind, sentence, cause));
  }

  #spawn() {
    const worker = new Worker(new URL("./worker.js", import.meta.url), { type: "module", name: this.name });
    worker.postMessage({ module: compiled.get(this.kind) ?? null });
    worker.addEventListener("message", ({ data }) => {
      if (worker !== this.#worker) return;
      if (data.compiled) {
        compiled.set(this.kind, data.compiled);
        return;
      }
      if (data.progress) {
        this.#announce("progress", { engine: this.kind, aside: this.name !== this.kind, ...data.progress });
        return;
      }
      if (data.requests) {
        for (const request of data.requests) this.#announce("request", request);
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

  /** @param {string | undefined} message */
  #fail(message) {
    const cause = message || "it could not be loaded";
    // After a new build its bindings would not fit the code of the one before.
    compiled.delete(this.kind);
    const sentence = `The ${ENGINE_LABEL[this.kind]} stopped (${cause}) and starts afresh with the next request.`;
    this.stop(sentence, cause);
    this.#announce("stop", { engine: this.kind, sentence });
  }

  /**
   * @param {"progress" | "stop" | "request"} type
   * @param {EngineProgress | EngineStop | EngineRequest} detail
   */
  #announce(type, detail) {
    engineEvents.dispatchEvent(new CustomEvent(type, { detail }));
  }
}
