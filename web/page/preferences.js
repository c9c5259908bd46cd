/**
 * What this device remembers of a choice; null where there is none, or where this browser lets pages remember nothing.
 *
 * @param {string} choice
 */
export function remembered(choice) {
  try {
    return localStorage.getItem(`coin ${choice}`);
  } catch {
    return null;
  }
}

/**
 * @param {string} choice
 * @param {string} value
 */
export function remember(choice, value) {
  try {
    localStorage.setItem(`coin ${choice}`, value);
  } catch {
    // It lasts until the page is left, then.
  }
}
