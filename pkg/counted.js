/**
 * The same response, with its bytes counted on the way.
 *
 * @param {Response} response
 * @param {(received: number, total: number | null) => void} onProgress the total is null where the server does not say
 * @param {(received: number, total: number | null) => void} [onEnd]
 */
export function counted(response, onProgress, onEnd = () => {}) {
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
    flush: () => onEnd(received, total),
  });
  return new Response(response.body?.pipeThrough(counter));
}
