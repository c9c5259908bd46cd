/**
 * Runs one task at a time; of the requests that come meanwhile only the newest is kept.
 *
 * @template T
 * @param {(request: T) => Promise<void>} task
 * @returns {(request: T) => Promise<void>} settles when nothing is left to do
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
          // A newer request makes up for an older one that failed.
          if (!waiting) throw error;
        }
      }
    } finally {
      running = null;
    }
  }

  return (request) => {
    waiting = { request };
    return (running ??= run());
  };
}
