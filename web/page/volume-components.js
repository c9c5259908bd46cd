import { coalesce } from "./coalesce.js";
import { editedMasks } from "./correction.js";
import { csvOf, rounded } from "./csv.js";
import { create, element } from "./dom.js";
import { voxelSize } from "./scan-summary.js";
import { COMPONENTS } from "./strings.js";
import { unitOf } from "./units.js";

/** @typedef {import("../coin.js").Scan} Scan */
/** @typedef {import("../coin.js").VolumeComponent} VolumeComponent */

const MAX_ROWS = 8;

const section = element("volume-components-section", HTMLElement);
const body = element("volume-components", HTMLTableSectionElement);
const rest = element("volume-components-rest", HTMLElement);

/**
 * Lists the components of a volume, largest first. The button of a row opens its key slice.
 *
 * @type {(shown: {volume: import("./volume.js").Volume, open: (index: number) => void} | null) => Promise<void>}
 */
export const showVolumeComponents = coalesce(async (/** @type {{volume: import("./volume.js").Volume, open: (index: number) => void} | null} */ shown) => {
  section.hidden = shown === null;
  if (!shown) return;
  const { source, model } = shown.volume;
  const { largest, total } = await source.scan.components((await editedMasks(shown.volume)).explained, { count: MAX_ROWS });
  const { isKnown, mm3 } = voxelSize(source.scan.info);
  const [low, high] = model.window;
  const rowOf = (/** @type {VolumeComponent} */ { voxels, slices: [first, last], keySlice, longest, perpendicular, before, after }, /** @type {number} */ i) => {
    const show = create("button", { type: "button", ariaLabel: COMPONENTS.inSlice(i + 1, keySlice) }, String(i + 1));
    show.addEventListener("click", () => shown.open(keySlice));
    const cells = [
      mm3 ? COMPONENTS.volume(voxels * mm3) : COMPONENTS.voxels(voxels),
      isKnown ? COMPONENTS.diameters(longest, perpendicular) : COMPONENTS.diametersInPixels(longest, perpendicular),
      first === last ? String(first + 1) : `${first + 1}\u2013${last + 1}`,
      COMPONENTS.intensities({ mean: before[0], sd: before[1] }, { mean: after[0], sd: after[1] }, unitOf(model, source.scan), high - low),
    ];
    return create("tr", {}, create("th", { scope: "row" }, show), ...cells.map((text) => create("td", {}, text)));
  };
  body.replaceChildren(...largest.map(rowOf));
  rest.textContent = total === 0 ? COMPONENTS.none : total > largest.length ? COMPONENTS.more(total - largest.length) : "";
});

/**
 * The components of a volume as CSV, with the columns of the program `explain`.
 *
 * @param {Scan} scan
 * @param {import("../coin.js").ExplainedSlice[]} explained
 */
export async function componentsCsv(scan, explained) {
  const { largest } = await scan.components(explained);
  const { isKnown, mm2, mm3 } = voxelSize(scan.info);
  return csvOf(
    largest.map(({ voxels, slices: [first, last], keySlice, longest, perpendicular, before, after }, i) => ({
      component: i + 1,
      voxels,
      volume_mm3: mm3 && rounded(voxels * mm3),
      area_mm2: mm2 && rounded(voxels * mm2),
      first_slice: first + 1,
      last_slice: last + 1,
      key_slice: keySlice + 1,
      longest_mm: isKnown ? rounded(longest) : null,
      perpendicular_mm: isKnown ? rounded(perpendicular) : null,
      mean_before: rounded(before[0]),
      sd_before: rounded(before[1]),
      mean_after: rounded(after[0]),
      sd_after: rounded(after[1]),
    })),
    ["component"],
  );
}
