import { MODEL } from "./strings.js";

/**
 * Fetches a file of this site and counts its bytes.
 *
 * @param {string} path relative to the page
 * @param {string} what for the error message
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
  // With a content encoding the length counts compressed bytes, the stream plain ones.
  const length = response.headers.get("content-encoding") ? null : response.headers.get("content-length");
  const total = length === null ? null : Number(length);
  let received = 0;
  const counter = new TransformStream({
    transform(chunk, controller) {
      received += chunk.byteLength;
      onProgress(received, total);
      controller.enqueue(chunk);
    },
  });
  return new Response(response.body.pipeThrough(counter)).blob();
}
