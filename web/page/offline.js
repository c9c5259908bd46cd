import { OFFLINE } from "./strings.js";

const { serviceWorker } = navigator;

/**
 * Listens to the service worker, which reports the requests of this site's tabs and its own.
 *
 * @param {(blocked: boolean) => void} onMonitored a request of a page was answered or blocked
 * @param {(request: {address: string, bytes: number}) => void} onOwnRequest
 */
export function listenToServiceWorker(onMonitored, onOwnRequest) {
  serviceWorker?.addEventListener("message", ({ data: { watched, made } }) => {
    if (watched) onMonitored(watched.refused);
    if (made) onOwnRequest(made);
  });
  serviceWorker?.startMessages();
}

/**
 * Registers the service worker, which saves the page for offline use.
 *
 * @param {(state: string) => void} onState text for the state of the saved page
 * @param {(text: string, activate: () => void) => void} onUpdate a new build is available; `activate` loads it
 */
export async function registerServiceWorker(onState, onUpdate) {
  if (!serviceWorker) return onState(OFFLINE.unsupported);
  let activating = false;
  serviceWorker.addEventListener("controllerchange", () => activating && location.reload());
  const offerUpdate = (/** @type {ServiceWorker} */ next) => {
    const activate = () => {
      activating = true;
      if (next.state === "installed") next.postMessage("activate");
      else location.reload();
    };
    serviceWorker.addEventListener("message", ({ data }) => data.crowded && onUpdate(OFFLINE.otherTabs, activate));
    onUpdate(OFFLINE.update, activate);
  };
  const watchInstallation = (/** @type {ServiceWorkerRegistration} */ registration) => {
    const next = registration.installing;
    next?.addEventListener("statechange", () => {
      if (next.state === "installed" && registration.active) offerUpdate(next);
      if (next.state === "redundant" && !registration.active) onState(OFFLINE.failed);
    });
  };
  try {
    onState(OFFLINE.saving);
    // "none" also bypasses the HTTP cache for the imported list of files.
    const registration = await serviceWorker.register(new URL("service-worker.js", document.baseURI), { updateViaCache: "none" });
    if (registration.waiting) offerUpdate(registration.waiting);
    watchInstallation(registration);
    registration.addEventListener("updatefound", () => watchInstallation(registration));
    await serviceWorker.ready;
    onState(OFFLINE.saved);
  } catch {
    onState(OFFLINE.failed);
  }
}
