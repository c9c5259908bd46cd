/**
 * The unit of what is looked at: HU in CT, unless the model ranks intensities of its own; else none.
 *
 * @param {import("../coin.js").ModelInfo} model
 * @param {import("../coin.js").Scan | null | undefined} scan
 */
export function unitOf(model, scan) {
  const modality = scan?.info.modality ?? model.modality;
  return modality === "CT" ? model.unit : "";
}

/** What DICOM calls X-rays. */
const X_RAYS = ["CR", "DX", "DR", "RF", "XA"];

/**
 * The modality of a scan, where it says one and the model was trained on another.
 *
 * @param {import("../coin.js").ModelInfo} model
 * @param {import("../coin.js").Scan | null | undefined} scan
 */
export function otherModality(model, scan) {
  const found = scan?.info.modality;
  if (!found) return null;
  const known = model.modality.split(" and ");
  const same = known.includes(found) || (known.includes("XR") && X_RAYS.includes(found));
  return same ? null : found;
}
