/**
 * CPU engines that share work which falls into independent parts: the slices of a volume, the masks of RISE.
 * What comes out does not depend on how many there are.
 */

import { EngineHost } from "./host.js";

/** How long idle workers are kept for what comes next. */
const IDLE_MS = 30_000;

const MOST_WORKERS = 8;
/** On phones, and where memory is scarce. */
const FEW_WORKERS = 2;
/** Devices with no more memory than this get few workers. */
const LITTLE_MEMORY_GIB = 4;

/** As many workers as this device has processors and memory for. */
export function roomForWorkers() {
  const { hardwareConcurrency = FEW_WORKERS, deviceMemory = Infinity } = /** @type {Partial<Navigator> & {deviceMemory?: number}} */ (globalThis.navigator ?? {});
  const isSmall = deviceMemory <= LITTLE_MEMORY_GIB || globalThis.matchMedia?.("(pointer: coarse)").matches;
  return Math.max(1, Math.min(hardwareConcurrency, isSmall ? FEW_WORKERS : MOST_WORKERS));
}

/** Each engine starts when it is needed; all end when they have been idle for a while, or when a call was cancelled. */
export class EnginePool {
  hosts;
  #idle;
  /** Wakes those who wait for an idle engine, first come first served. @type {(() => void)[]} */
  #waiting = [];
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #rest;

  /** @param {number} workers */
  constructor(workers) {
    this.hosts = Array.from({ length: workers }, (_, i) => new EngineHost("cpu", `cpu ${i + 1}`));
    this.#idle = [...this.hosts];
  }

  /** How many calls keep all engines busy: each has its next one waiting. */
  get room() {
    return 2 * this.hosts.length;
  }

  /**
   * Runs a method that needs a model on the next idle engine. Aborting kills its worker.
   *
   * @param {Uint8Array} model
   * @param {string} method
   * @param {Record<string, unknown>} args
   * @param {AbortSignal} [signal]
   * @param {(done: number, all: number) => void} [onStep] hears how far it is
   * @returns {Promise<any>}
   */
  async call(model, method, args, signal, onStep) {
    while (this.#idle.length === 0) await this.#turn(signal);
    clearTimeout(this.#rest);
    // A running one rather than one that must be started.
    const running = this.#idle.findIndex((host) => host.isRunning);
    const [host] = this.#idle.splice(Math.max(0, running), 1);
    try {
      return await host.callWith(model, method, args, signal, onStep);
    } finally {
      this.#idle.push(host);
      this.#waiting.shift()?.();
      // A cancelled call gives its memory back at once.
      if (this.#idle.length === this.hosts.length) this.#rest = setTimeout(() => this.#stop(), signal?.aborted ? 0 : IDLE_MS);
    }
  }

  /**
   * Waits until an engine was idle; aborting gives up.
   *
   * @param {AbortSignal} [signal]
   * @returns {Promise<void>}
   */
  #turn(signal) {
    signal?.throwIfAborted();
    return new Promise((resolve, reject) => {
      const wake = () => {
        signal?.removeEventListener("abort", leave);
        resolve();
      };
      const leave = () => {
        this.#waiting = this.#waiting.filter((other) => other !== wake);
        reject(signal?.reason);
      };
      this.#waiting.push(wake);
      signal?.addEventListener("abort", leave, { once: true });
    });
  }

  #stop() {
    for (const host of this.#idle) host.stop("The CPU engine had nothing to do.");
  }
}

/**
 * Works on items side by side and gives the results in the order of the items. When it ends early, by an error or because no
 * more results are wanted, so does what is still under way.
 *
 * @template T, R
 * @param {Iterable<T> | AsyncIterable<T>} items
 * @param {(item: T, signal: AbortSignal) => Promise<R>} work
 * @param {number} room how many may be under way
 * @param {AbortSignal} [signal]
 * @returns {AsyncGenerator<R, void, void>}
 */
export async function* inOrder(items, work, room, signal) {
  const ended = new AbortController();
  const ending = signal ? AbortSignal.any([signal, ended.signal]) : ended.signal;
  /** @type {Promise<R>[]} */
  const running = [];
  try {
    for await (const item of items) {
      ending.throwIfAborted();
      const result = work(item, ending);
      // It may fail before it is its turn.
      result.catch(() => {});
      running.push(result);
      while (running.length >= room) yield /** @type {Promise<R>} */ (running.shift());
    }
    for (const result of running) {
      ending.throwIfAborted();
      yield result;
    }
  } finally {
    ended.abort();
  }
}
