/** Yields to the event loop so that the browser can paint and handle input. @returns {Promise<void>} */
export function yieldToBrowser() {
  return new Promise((resolve) => setTimeout(resolve));
}
