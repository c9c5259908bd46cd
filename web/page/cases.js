/**
 * Groups files into cases, which are patients in most archives.
 */

/** @typedef {{source: File, name: string}} NamedFile a file and its path in the chosen folder */

/**
 * @typedef {Object} FileCase
 * @property {string} label name of its folder or file
 * @property {NamedFile[]} files
 */

/** Endings of files that are a case of their own, or with a file of the same name: a header and its voxels. */
const OWN = /\.(nii|nii\.gz|hdr|hdr\.gz|img|img\.gz|nrrd|nhdr|mha|mhd|raw|zraw|png|jpe?g|tiff?|bmp|zip)$/i;

/** Endings of headers whose voxels are in other files, and of those. */
const HEADER = /\.(nhdr|mhd)$/i;
const VOXELS = /\.(raw|zraw|dat|raw\.gz|gz)$/i;

/** What operating systems write into folders. */
const PASSED_OVER = /^(\..*|__MACOSX|Thumbs\.db|desktop\.ini|DICOMDIR)$/i;

/**
 * Groups files: each folder is a case, each volume, picture or archive beside the folders is one, and the other files there, such
 * as those of a DICOM series, are one together.
 *
 * @param {NamedFile[]} files
 * @returns {FileCase[]} in the order of their labels
 */
export function casesOf(files) {
  const kept = files.map((file) => ({ file, path: file.name.split("/") })).filter(({ path }) => !path.some((name) => PASSED_OVER.test(name)));
  // The folders that contain everything say nothing about the cases.
  let shared = "";
  while (kept.length > 0 && kept.every(({ path }) => path.length > 1 && path[0] === kept[0].path[0])) {
    shared = kept[0].path[0];
    for (const { path } of kept) path.shift();
  }
  const loose = kept.flatMap(({ path: [name, ...below] }) => (below.length > 0 ? [] : [name]));
  const headers = loose.filter((name) => HEADER.test(name)).map((name) => name.replace(OWN, ""));
  const isVoxels = (/** @type {string} */ name) => VOXELS.test(name) && !/\.(nii|hdr|img)\.gz$/i.test(name);
  // Only a header knows which files are its own: unless they have its name, all headers and such files are one case.
  const mixed = headers.length > 0 && loose.some((name) => isVoxels(name) && !headers.includes(name.replace(OWN, "")));
  const nameOf = (/** @type {string} */ name) => (mixed && (HEADER.test(name) || isVoxels(name)) ? headers[0] : name.replace(OWN, ""));
  /** @type {Map<string, FileCase>} */
  const cases = new Map();
  for (const { file, path: [first, ...below] } of kept) {
    const own = nameOf(first);
    const label = below.length > 0 ? first : own !== first ? own : shared || first;
    const key = below.length > 0 ? `folder ${first}` : own !== first ? `file ${own}` : "other";
    const found = cases.get(key) ?? { label, files: [] };
    cases.set(key, found);
    found.files.push(file);
  }
  return [...cases.values()].sort((a, b) => a.label.localeCompare(b.label, undefined, { numeric: true }));
}
