import { element } from "./dom.js";
import { DEVICE, translated } from "./strings.js";

const reason = element("device-reason", HTMLElement);

/** @param {import("../coin.js").Device} device */
export function showDevice(device) {
  const kind = DEVICE[device.engine];
  element("device-name", HTMLElement).textContent = device.name === kind ? kind : `${kind}: ${device.name}`;
  reason.textContent = translated(device.reason);
}

/** For when none could be started. */
export function showNoDevice() {
  element("device-name", HTMLElement).textContent = DEVICE.none;
  reason.textContent = "";
}

/**
 * What goes on behind the engine in use.
 *
 * @param {string} sentence
 */
export function showDeviceProgress(sentence) {
  reason.textContent = sentence;
}
