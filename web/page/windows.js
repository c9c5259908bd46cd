import { WINDOW } from "./strings.js";

/** Common CT windows, in HU. @type {Record<string, {name: string, window: [number, number]}>} */
export const WINDOWS = {
  "soft-tissue": { name: WINDOW.softTissue, window: [-160, 240] },
  lung: { name: WINDOW.lung, window: [-1350, 150] },
  bone: { name: WINDOW.bone, window: [-450, 1050] },
};

/**
 * Options for the model's window and, if intensities are in HU, the common windows.
 *
 * @param {[number, number]} model window of the model
 * @param {string} unit
 */
export function windowOptions(model, unit) {
  const named = unit === "HU" ? Object.entries(WINDOWS) : [];
  const common = named.map(([value, { name, window }]) => new Option(WINDOW.named(name, window, unit), value));
  return [new Option(WINDOW.model(model, unit), "model"), ...common];
}
