/**
 * Reads a preference from local storage; null if it is not set or storage is blocked.
 *
 * @param {string} name
 */
export function loadPreference(name) {
  try {
    return localStorage.getItem(`coin ${name}`);
  } catch {
    return null;
  }
}

/**
 * Writes a preference to local storage.
 *
 * @param {string} name
 * @param {string} value
 */
export function savePreference(name, value) {
  try {
    localStorage.setItem(`coin ${name}`, value);
  } catch {
    // Storage is blocked: the preference lasts until the page is closed.
  }
}
