/**
 * Unit of the intensities that are shown: HU in CT, unless the model normalises by percentiles; otherwise empty.
 *
 * @param {import("../coin.js").ModelInfo} model
 * @param {import("../coin.js").Scan | null | undefined} scan
 */
export function unitOf(model, scan) {
  const modality = scan?.info.modality ?? model.modality;
  return modality === "CT" ? model.unit : "";
}

/**
 * The modality of a scan if the model was trained on a different one; null if it matches or is unknown.
 *
 * @param {import("../coin.js").ModelInfo} model
 * @param {import("../coin.js").Scan | null | undefined} scan
 */
export function otherModality(model, scan) {
  const found = scan?.info.modality;
  return found && !model.modalities.includes(found) ? found : null;
}
