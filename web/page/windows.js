import { WINDOW } from "./strings.js";

/** The usual windows of CT, in HU. @type {Record<string, {name: string, window: [number, number]}>} */
export const WINDOWS = {
  "soft-tissue": { name: WINDOW.softTissue, window: [-160, 240] },
  lung: { name: WINDOW.lung, window: [-1350, 150] },
  bone: { name: WINDOW.bone, window: [-450, 1050] },
};

/**
 * A choice between the model's window and the usual ones.
 *
 * @param {[number, number]} model
 */
export function windowOptions(model) {
  const usual = Object.entries(WINDOWS).map(([value, { name, window }]) => new Option(WINDOW.named(name, window), value));
  return [new Option(WINDOW.model(model), "model"), ...usual];
}
