import { WINDOW } from "./strings.js";

/** The usual windows of CT, in HU. @type {Record<string, {name: string, window: [number, number]}>} */
export const WINDOWS = {
  "soft-tissue": { name: WINDOW.softTissue, window: [-160, 240] },
  lung: { name: WINDOW.lung, window: [-1350, 150] },
  bone: { name: WINDOW.bone, window: [-450, 1050] },
};

/**
 * A choice between the model's window and, where intensities are HU, the usual ones.
 *
 * @param {[number, number]} model
 * @param {string} unit
 */
export function windowOptions(model, unit) {
  const named = unit === "HU" ? Object.entries(WINDOWS) : [];
  const usual = named.map(([value, { name, window }]) => new Option(WINDOW.named(name, window, unit), value));
  return [new Option(WINDOW.model(model, unit), "model"), ...usual];
}
