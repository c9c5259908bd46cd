import { hasEdits } from "./edits.js";
import { LEAVING } from "./strings.js";

/**
 * Asks before the page closes while a mask of the user's images is corrected, or a batch would be lost.
 *
 * @param {() => import("./main.js").Result | null} current
 * @param {() => boolean} hasUnkeptCases
 * @returns {{mayReload: () => boolean}} `mayReload` asks whether the user's images may be closed
 */
export function initLeaving(current, hasUnkeptCases) {
  let agreed = false;
  /** The source of the shown slice, if it is the user's. */
  const own = () => {
    const source = current()?.input.source;
    return source?.sample === null ? source : null;
  };
  addEventListener("beforeunload", (event) => {
    const source = own();
    if (!agreed && (hasUnkeptCases() || (source && hasEdits(source)))) event.preventDefault();
  });
  return {
    mayReload() {
      agreed = (own() === null && !hasUnkeptCases()) || confirm(LEAVING.reload);
      return agreed;
    },
  };
}
