import { OFFLINE } from "./strings.js";

const { serviceWorker } = navigator;

/**
 * Hears what the service worker, which keeps the page for when there is no network, sees of requests and makes itself.
 *
 * @param {(refused: boolean) => void} onWatched it has answered a request of this page, or refused it
 * @param {(request: {address: string, bytes: number}) => void} onMade
 */
export function hearServiceWorker(onWatched, onMade) {
  serviceWorker?.addEventListener("message", ({ data: { watched, made } }) => {
    if (watched) onWatched(watched.refused);
    if (made) onMade(made);
  });
  serviceWorker?.startMessages();
}

/**
 * Has the page kept.
 *
 * @param {(state: string) => void} onState a sentence about what is kept
 * @param {(reload: () => void) => void} onUpdate there is a new build of the page, which `reload` shows
 */
export async function keepPage(onState, onUpdate) {
  if (!serviceWorker) return onState(OFFLINE.impossible);
  let asked = false;
  const hadOne = serviceWorker.controller !== null;
  serviceWorker.addEventListener("controllerchange", () => {
    // Another tab may have asked for the new build.
    if (asked) location.reload();
    else if (hadOne) onUpdate(() => location.reload());
  });
  const offer = (/** @type {ServiceWorker} */ next) =>
    onUpdate(() => {
      asked = true;
      next.postMessage("activate");
    });
  try {
    onState(OFFLINE.keeping);
    const registration = await serviceWorker.register(new URL("service-worker.js", document.baseURI));
    if (registration.waiting) offer(registration.waiting);
    registration.addEventListener("updatefound", () => {
      const next = registration.installing;
      next?.addEventListener("statechange", () => {
        if (next.state === "installed" && registration.active) offer(next);
        if (next.state === "redundant" && !registration.active) onState(OFFLINE.failed);
      });
    });
    await serviceWorker.ready;
    onState(OFFLINE.kept);
  } catch {
    onState(OFFLINE.failed);
  }
}
