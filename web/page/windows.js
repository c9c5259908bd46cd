import { WINDOW } from "./strings.js";

/** The usual windows of CT, in HU. @type {Record<string, {name: string, window: [number, number]}>} */
export const WINDOWS = {
  "soft-tissue": { name: WINDOW.softTissue, window: [-160, 240] },
  lung: { name: WINDOW.lung, window: [-1350, 150] },
  bone: { name: WINDOW.bone, window: [-450, 1050] },
};
