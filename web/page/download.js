import { withProgress } from "../counted.js";
import { MODEL } from "./strings.js";

/**
 * Fetches a file of this site and reports the progress.
 *
 * @param {string} path relative to the page
 * @param {string} what name of the content for error messages
 * @param {(received: number, total: number | null) => void} [onProgress]
 * @param {AbortSignal} [signal]
 * @returns {Promise<Blob>}
 */
export async function download(path, what, onProgress = () => {}, signal) {
  const response = await fetch(new URL(path, document.baseURI), { signal }).catch((error) => {
    signal?.throwIfAborted();
    throw new Error(MODEL.unreachable(what), { cause: error });
  });
  if (!response.ok || !response.body) throw new Error(MODEL.unreachable(what));
  return withProgress(response, onProgress).blob();
}
