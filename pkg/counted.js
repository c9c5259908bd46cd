/**
 * Wraps a response to report the progress of its download in bytes.
 *
 * @param {Response} response
 * @param {(received: number, total: number | null) => void} onProgress `total` is null if the server does not send it
 * @param {(received: number, total: number | null) => void} [onEnd]
 */
export function withProgress(response, onProgress, onEnd = () => {}) {
  // With a content encoding, the length is that of the compressed body, but the stream is decompressed.
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
