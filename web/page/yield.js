/** Lets the browser draw and hear the reader before more is done; long work pauses so in between. @returns {Promise<void>} */
export function yieldToBrowser() {
  return new Promise((resolve) => setTimeout(resolve));
}
