import { create, element } from "./dom.js";
import { loadPreference, savePreference } from "./preferences.js";
import { CALLOUTS } from "./strings.js";

/** What each callout points at, and on which side of it it stands. */
const TARGETS = /** @type {const} */ ([
  { id: "insert", side: "inside", text: CALLOUTS.insert },
  { id: "threshold", side: "left", text: CALLOUTS.threshold },
  { id: "drop", side: "below", text: CALLOUTS.open },
]);

/** Distance from the target in CSS pixels. */
const GAP = 8;

/** On the first visit, points at what to do, until the visitor closes the callouts or opens files. */
export function showCallouts() {
  if (loadPreference("introduced")) return;
  const close = create("button", { type: "button" }, CALLOUTS.close);
  const callouts = TARGETS.map(({ id, side, text }) => {
    const callout = create("div", { className: `callout ${side}` }, create("p", {}, text));
    return { callout, side, target: element(id, HTMLElement) };
  });
  const group = create("section", { className: "callouts", ariaLabel: CALLOUTS.title }, ...callouts.map(({ callout }) => callout));
  document.body.append(group);
  const place = () => {
    for (const { callout, target } of callouts) {
      const { bottom, width } = target.getBoundingClientRect();
      // Where the target is not visible, as in a closed group, there is nothing to point at.
      callout.hidden = width === 0 || bottom > innerHeight;
    }
    const shown = callouts.filter(({ callout }) => !callout.hidden);
    if (close.parentElement !== shown[0]?.callout) shown[0]?.callout.append(close);
    for (const { callout, side, target } of shown) {
      const { left, top, bottom, width } = target.getBoundingClientRect();
      const box = callout.getBoundingClientRect();
      const x = { inside: left + (width - box.width) / 2, left: left - box.width - GAP, below: left }[side];
      const y = { inside: bottom - box.height - GAP, left: top - GAP, below: bottom + GAP }[side];
      callout.style.left = `${Math.max(GAP, Math.min(x, innerWidth - box.width - GAP))}px`;
      callout.style.top = `${Math.max(GAP, y)}px`;
    }
  };
  const observer = new ResizeObserver(place);
  observer.observe(document.body);
  observer.observe(element("viewer", HTMLElement));
  const done = new AbortController();
  const finish = () => {
    savePreference("introduced", "yes");
    observer.disconnect();
    done.abort();
    group.remove();
  };
  document.addEventListener("scroll", place, { capture: true, passive: true, signal: done.signal });
  close.addEventListener("click", finish);
  element("file", HTMLInputElement).addEventListener("change", finish, { signal: done.signal });
  addEventListener("drop", finish, { signal: done.signal });
}
