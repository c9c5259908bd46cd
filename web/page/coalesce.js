/**
 * Runs one task at a time. Of the requests that arrive meanwhile, only the newest is kept.
 *
 * @template T
 * @param {(request: T) => Promise<void>} task
 * @returns {((request: T) => Promise<void>) & {isWaiting: () => boolean}} settles when no request is left; `isWaiting`: a newer
 *   request than the running one has arrived
 */
export function coalesce(task) {
  /** @type {{request: T} | null} */
  let waiting = null;
  /** @type {Promise<void> | null} */
  let running = null;

  async function run() {
    try {
      while (waiting) {
        const { request } = waiting;
        waiting = null;
        try {
          await task(request);
        } catch (error) {
          // The error is dropped if a newer request replaces the failed one.
          if (!waiting) throw error;
        }
      }
    } finally {
      running = null;
    }
  }

  const ask = (/** @type {T} */ request) => {
    waiting = { request };
    return (running ??= run());
  };
  return Object.assign(ask, { isWaiting: () => waiting !== null });
}
