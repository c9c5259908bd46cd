import { element } from "./dom.js";
import { DEVICE, translated } from "./strings.js";

const reason = element("device-reason", HTMLElement);

/**
 * Shows the engine in use and the reason for its choice.
 *
 * @param {import("../coin.js").Device} device
 */
export function showDevice(device) {
  const kind = DEVICE[device.engine];
  element("device-name", HTMLElement).textContent = device.name === kind ? kind : `${kind}: ${device.name}`;
  reason.textContent = translated(device.reason);
}

/** Shows that no engine could be started. */
export function showNoDevice() {
  element("device-name", HTMLElement).textContent = DEVICE.none;
  reason.textContent = "";
}

/**
 * Shows the progress of an engine that loads in the background.
 *
 * @param {string} text
 */
export function showDeviceProgress(text) {
  reason.textContent = text;
}
