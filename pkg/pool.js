/**
 * A pool of CPU engines for independent work: the slices of a volume, the masks of RISE. The results do not depend on the number
 * of engines.
 */

import { EngineHost } from "./host.js";

/** Idle workers are stopped after this time. */
const IDLE_MS = 30_000;

const MAX_WORKERS = 8;
/** On phones and devices with little memory. */
const MAX_WORKERS_SMALL_DEVICE = 2;
const SMALL_DEVICE_MEMORY_GIB = 4;

/** Number of workers for the CPU cores and the memory of this device. */
export function workerCount() {
  const { hardwareConcurrency = MAX_WORKERS_SMALL_DEVICE, deviceMemory = Infinity } = /** @type {Partial<Navigator> & {deviceMemory?: number}} */ (globalThis.navigator ?? {});
  const isSmall = deviceMemory <= SMALL_DEVICE_MEMORY_GIB || globalThis.matchMedia?.("(pointer: coarse)").matches;
  return Math.max(1, Math.min(hardwareConcurrency, isSmall ? MAX_WORKERS_SMALL_DEVICE : MAX_WORKERS));
}

/** A pool of engines. They start on demand and stop when all are idle for some time, or after a call was aborted. */
export class EnginePool {
  hosts;
  #idle;
  /** Wakes calls that wait for an idle engine, in order. @type {(() => void)[]} */
  #waiting = [];
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  #idleTimer;

  /** @param {number} workers */
  constructor(workers) {
    this.hosts = Array.from({ length: workers }, (_, i) => new EngineHost("cpu", `cpu ${i + 1}`));
    this.#idle = [...this.hosts];
  }

  /** Number of concurrent calls that keep all engines busy: each has one running and one waiting. */
  get capacity() {
    return 2 * this.hosts.length;
  }

  /**
   * Runs a method that needs a model on the next idle engine. Aborting kills its worker.
   *
   * @param {Uint8Array} model
   * @param {string} method
   * @param {Record<string, unknown>} args
   * @param {AbortSignal} [signal]
   * @param {(done: number, all: number) => void} [onStep] progress
   * @returns {Promise<any>}
   */
  async call(model, method, args, signal, onStep) {
    while (this.#idle.length === 0) await this.#waitForIdle(signal);
    clearTimeout(this.#idleTimer);
    // Prefer an engine that is running.
    const running = this.#idle.findIndex((host) => host.isRunning);
    const [host] = this.#idle.splice(Math.max(0, running), 1);
    try {
      return await host.callWith(model, method, args, signal, onStep);
    } finally {
      this.#idle.push(host);
      this.#waiting.shift()?.();
      // An aborted call releases the memory at once.
      if (this.#idle.length === this.hosts.length) this.#idleTimer = setTimeout(() => this.#stop(), signal?.aborted ? 0 : IDLE_MS);
    }
  }

  /**
   * Waits until an engine becomes idle; rejects when aborted.
   *
   * @param {AbortSignal} [signal]
   * @returns {Promise<void>}
   */
  #waitForIdle(signal) {
    signal?.throwIfAborted();
    return new Promise((resolve, reject) => {
      const wake = () => {
        signal?.removeEventListener("abort", cancel);
        resolve();
      };
      const cancel = () => {
        this.#waiting = this.#waiting.filter((other) => other !== wake);
        reject(signal?.reason);
      };
      this.#waiting.push(wake);
      signal?.addEventListener("abort", cancel, { once: true });
    });
  }

  #stop() {
    for (const host of this.#idle) host.stop("The CPU engine was idle.");
  }
}

/**
 * Processes items concurrently and yields the results in the order of the items. When it ends early, by an error or because the
 * caller stops, running work is aborted.
 *
 * @template T, R
 * @param {Iterable<T> | AsyncIterable<T>} items
 * @param {(item: T, signal: AbortSignal) => Promise<R>} work
 * @param {number} limit maximum number of concurrent items
 * @param {AbortSignal} [signal]
 * @returns {AsyncGenerator<R, void, void>}
 */
export async function* inOrder(items, work, limit, signal) {
  const stopped = new AbortController();
  const aborting = signal ? AbortSignal.any([signal, stopped.signal]) : stopped.signal;
  /** @type {Promise<R>[]} */
  const running = [];
  try {
    for await (const item of items) {
      aborting.throwIfAborted();
      const result = work(item, aborting);
      // It may reject before it is awaited.
      result.catch(() => {});
      running.push(result);
      while (running.length >= limit) yield /** @type {Promise<R>} */ (running.shift());
    }
    for (const result of running) {
      aborting.throwIfAborted();
      yield result;
    }
  } finally {
    stopped.abort();
  }
}
