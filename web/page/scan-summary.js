import { maskOf, openScans } from "../coin.js";
import { ABNORMAL } from "./verdict.js";
import { otherModality } from "./units.js";

/** @typedef {import("../coin.js").Explanation} Explanation */
/** @typedef {import("../coin.js").MaskRule} MaskRule */

/**
 * Results of a scan, as a row of a table. Measurements are null without a spacing.
 *
 * @typedef {Object} ScanSummary
 * @property {string} label
 * @property {number} series index among the scans of its files
 * @property {string} model name
 * @property {MaskRule} maskRule
 * @property {number} slices
 * @property {number} abnormalSlices
 * @property {number} slice the one with the highest probability of "abnormal", from 0
 * @property {number} before its probability
 * @property {number} after probability of its counterfactual
 * @property {number | null} temperature of both probabilities, if they are calibrated
 * @property {number | null} maskMm3 of volumes
 * @property {number | null} maskMm2 of single slices
 * @property {number} maskVoxels
 * @property {number} components
 * @property {{keySlice: number, mm3: number | null, longestMm: number | null, perpendicularMm: number | null} | null} largest component
 * @property {number} oodWarnings number of slices
 * @property {string | null} otherModality modality of the scan if the model was not trained on it
 * @property {number} seconds
 * @property {{name: string, content: Uint8Array<ArrayBuffer>}[]} masks files
 * @property {string} [folder] name of the folder with these files, unique in a batch
 */

/**
 * Explains all slices of all scans of files that belong together.
 *
 * @param {import("./cases.js").FileCase} files
 * @param {import("../coin.js").Explainer} explainer
 * @param {MaskRule} maskRule
 * @param {{signal: AbortSignal, onSlice: (done: number, all: number) => void}} options
 * @returns {Promise<{scans: ScanSummary[], notes: string[]}>}
 */
export async function explainCase({ label, files }, explainer, maskRule, { signal, onSlice }) {
  const { info } = explainer;
  // Without the signal: aborting a call stops the file reader, which the viewer uses, too.
  const { scans, notes } = await openScans(files, { window: info.window });
  try {
    const all = scans.reduce((sum, scan) => sum + scan.info.slices, 0);
    const summaries = [];
    let before = 0;
    for (const [series, scan] of scans.entries()) {
      signal.throwIfAborted();
      const name = scans.length > 1 ? `${label}: ${scan.info.name}` : label;
      const start = performance.now();
      const explained = await explainScan(scan, explainer, maskRule, { signal, onSlice: (done) => onSlice(before + done, all) });
      const seconds = (performance.now() - start) / 1000;
      summaries.push({ label: name, series, model: info.name, maskRule, ...(await summaryOf(scan, explained, explainer)), seconds });
      before += scan.info.slices;
    }
    return { scans: summaries, notes: [...notes, ...scans.flatMap((scan) => scan.info.notes)] };
  } finally {
    for (const scan of scans) scan.close();
  }
}

/**
 * @param {import("../coin.js").Scan} scan
 * @param {import("../coin.js").Explainer} explainer
 * @param {MaskRule} maskRule
 * @param {{signal: AbortSignal, onSlice: (done: number) => void}} options
 */
async function explainScan(scan, explainer, maskRule, { signal, onSlice }) {
  const percentiles = explainer.info.casePercentiles;
  const slices = async function* () {
    for (let i = 0; i < scan.info.slices; i++) {
      signal.throwIfAborted();
      yield await scan.slice(i, { percentiles });
    }
  };
  const explained = [];
  for await (const explanation of explainer.explainAll(slices(), { signal })) {
    explained.push({ index: explained.length, explanation, mask: await maskOf(explanation, maskRule) });
    onSlice(explained.length);
  }
  return explained;
}

/**
 * @param {import("../coin.js").Scan} scan
 * @param {{index: number, explanation: Explanation, mask: Uint8Array}[]} explained
 * @param {import("../coin.js").Explainer} explainer
 */
async function summaryOf(scan, explained, { info: model }) {
  const most = explained.reduce((most, next) => (next.explanation.before > most.explanation.before ? next : most));
  const { largest: [first], total, voxels } = await scan.components(explained, { count: 1 });
  const size = voxelSize(scan.info);
  return {
    slices: explained.length,
    abnormalSlices: explained.filter(({ explanation }) => explanation.before >= ABNORMAL).length,
    slice: most.index,
    before: most.explanation.before,
    after: most.explanation.after,
    temperature: model.temperature,
    maskMm3: size.mm3 && voxels * size.mm3,
    maskMm2: size.mm2 && voxels * size.mm2,
    maskVoxels: voxels,
    components: total,
    largest: first
      ? {
          keySlice: first.keySlice,
          mm3: size.mm3 && first.voxels * size.mm3,
          longestMm: size.isKnown ? first.longest : null,
          perpendicularMm: size.isKnown ? first.perpendicular : null,
        }
      : null,
    oodWarnings: explained.filter(({ explanation }) => explanation.oodWarning).length,
    otherModality: otherModality(model, scan),
    masks: await masksOf(scan, explained, model),
  };
}

/**
 * The mask of a volume as NIfTI and, of a DICOM series, as segmentation; masks of pictures as PNG.
 *
 * @param {import("../coin.js").Scan} scan
 * @param {{index: number, explanation: Explanation, mask: Uint8Array}[]} explained
 * @param {import("../coin.js").ModelInfo} model
 */
async function masksOf(scan, explained, model) {
  /** @type {{name: string, content: Uint8Array<ArrayBuffer> | null}[]} */
  const masks = [];
  if (scan.info.isVolume) masks.push({ name: "mask.nii.gz", content: await scan.write("mask", explained, { model }) });
  if (scan.info.isSegmentable) masks.push({ name: "segmentation.dcm", content: await scan.write("segmentation", explained, { model }) });
  if (!scan.info.isVolume) {
    for (const slice of explained) {
      const name = explained.length > 1 ? `mask-${String(slice.index + 1).padStart(4, "0")}.png` : "mask.png";
      masks.push({ name, content: await scan.write("picture", [slice], { model }) });
    }
  }
  return masks.flatMap(({ name, content }) => (content ? [{ name, content }] : []));
}

/**
 * Size of a scan's voxels: their volume in a stack, the area of a pixel in a single slice.
 *
 * @param {import("../coin.js").ScanInfo} info
 */
export function voxelSize({ spacing, sliceMm, slices }) {
  const mm2 = spacing && spacing[0] * spacing[1];
  const isStack = slices > 1 && sliceMm !== null;
  return { isKnown: spacing !== null, mm3: isStack && mm2 ? mm2 * sliceMm : null, mm2: isStack ? null : mm2 };
}
