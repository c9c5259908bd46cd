import { OFFLINE } from "./strings.js";

const { serviceWorker } = navigator;

/**
 * Hears what the service worker, which keeps the page for when there is no network, sees of requests and makes itself, in
 * whatever tab of this site.
 *
 * @param {(refused: boolean) => void} onWatched it has answered a request of the page, or refused it
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
 * @param {(sentence: string, show: () => void) => void} onUpdate there is a new build of the page, and a way to show it
 */
export async function keepPage(onState, onUpdate) {
  if (!serviceWorker) return onState(OFFLINE.impossible);
  let asked = false;
  serviceWorker.addEventListener("controllerchange", () => asked && location.reload());
  const offer = (/** @type {ServiceWorker} */ next) => {
    const show = () => {
      asked = true;
      if (next.state === "installed") next.postMessage("activate");
      else location.reload();
    };
    serviceWorker.addEventListener("message", ({ data }) => data.crowded && onUpdate(OFFLINE.crowded, show));
    onUpdate(OFFLINE.update, show);
  };
  const follow = (/** @type {ServiceWorkerRegistration} */ registration) => {
    const next = registration.installing;
    next?.addEventListener("statechange", () => {
      if (next.state === "installed" && registration.active) offer(next);
      if (next.state === "redundant" && !registration.active) onState(OFFLINE.failed);
    });
  };
  try {
    onState(OFFLINE.keeping);
    // Its list must be asked for anew, too, whatever the server says of scripts.
    const registration = await serviceWorker.register(new URL("service-worker.js", document.baseURI), { updateViaCache: "none" });
    if (registration.waiting) offer(registration.waiting);
    follow(registration);
    registration.addEventListener("updatefound", () => follow(registration));
    await serviceWorker.ready;
    onState(OFFLINE.kept);
  } catch {
    onState(OFFLINE.failed);
  }
}
