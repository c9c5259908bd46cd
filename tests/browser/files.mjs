import { readFile, readdir } from "node:fs/promises";
import { basename, join } from "node:path";
import { deflateSync, crc32, gunzipSync } from "node:zlib";

/**
 * @typedef {Object} Expected output of the native `explain` for a file
 * @property {string} name
 * @property {string} input path
 * @property {{before: number, after: number, slice: number, model?: string}} summary
 * @property {Float32Array} difference
 * @property {Record<string, Buffer>} written files on the grid of the scan: counterfactual, mask, segmentation
 */

/**
 * Reads all cases.
 *
 * @param {string} folder with one folder per case
 * @returns {Promise<Expected[]>}
 */
export async function readExpected(folder) {
  const entries = await readdir(folder, { withFileTypes: true });
  const cases = entries.filter((entry) => entry.isDirectory()).map(({ name }) => readCase(join(folder, name)));
  return Promise.all(cases);
}

/** @param {string} folder */
async function readCase(folder) {
  const names = await readdir(folder);
  const input = names.find((name) => name.startsWith("input."));
  if (!input) throw new Error(`${folder} has no input.*`);
  return {
    name: basename(folder),
    input: join(folder, input),
    summary: JSON.parse(await readFile(join(folder, "summary.json"), "utf8")),
    difference: readNpy(await readFile(join(folder, "difference.npy"))),
    written: Object.fromEntries(
      await Promise.all(
        names.flatMap((name) => {
          const kind = name.match(/^(counterfactual|mask|segmentation)\./)?.[1];
          return kind ? [readFile(join(folder, name)).then((content) => [kind, content])] : [];
        }),
      ),
    ),
  };
}

/**
 * Reads header and voxels of a gzipped NIfTI-1 file of float32 or uint8.
 *
 * @param {Buffer} gzipped
 */
export function readNifti(gzipped) {
  const bytes = gunzipSync(gzipped);
  const voxels = Uint8Array.from(bytes.subarray(352));
  const isFloat = bytes.readInt16LE(70) === 16;
  return { header: bytes.subarray(0, 352), voxels: isFloat ? new Float32Array(voxels.buffer) : voxels };
}

/**
 * Reads a .npy file: version 1, float32, row-major.
 *
 * @param {Buffer} bytes
 */
function readNpy(bytes) {
  const start = 10 + bytes.readUInt16LE(8);
  const header = bytes.toString("latin1", 10, start);
  if (bytes.toString("latin1", 1, 6) !== "NUMPY" || !header.includes("'<f4'") || header.includes("'fortran_order': True")) {
    throw new Error(`not a float32 .npy file in row order: ${header}`);
  }
  return new Float32Array(Uint8Array.from(bytes.subarray(start)).buffer);
}

/**
 * Generates a NIfTI-1 volume: a disc of 40 HU in air, the same in all slices, with voxels of 1 mm.
 *
 * @param {number} size
 * @param {number} slices
 */
export function discNifti(size, slices) {
  const header = Buffer.alloc(352);
  header.writeInt32LE(348, 0);
  [3, size, size, slices].forEach((length, i) => header.writeInt16LE(length, 40 + 2 * i));
  header.writeInt16LE(4, 70); // int16
  header.writeInt16LE(16, 72);
  [1, 1, 1, 1].forEach((mm, i) => header.writeFloatLE(mm, 76 + 4 * i));
  header.writeFloatLE(header.length, 108);
  header.write("n+1\0", 344, "latin1");
  const slice = Buffer.alloc(2 * size * size);
  for (let i = 0; i < size * size; i++) {
    const far = Math.hypot((i % size) - size / 2, Math.floor(i / size) - size / 2);
    slice.writeInt16LE(far < size / 3 ? 40 : -1000, 2 * i);
  }
  return Buffer.concat([header, ...Array(slices).fill(slice)]);
}

/**
 * Generates a DICOM slice: a disc whose diameter increases towards the head.
 *
 * @param {{series: string, place: number, size?: number, window?: [number, number], modality?: string, slope?: number}} slice
 *   `place`: position in mm, below 60; `window`: centre and width; `slope`: rescale slope
 */
export function discDicom({ series, place, size = 64, window, modality = "CT", slope = 1 }) {
  const pixels = Buffer.alloc(2 * size * size);
  for (let i = 0; i < size * size; i++) {
    const far = Math.hypot((i % size) - size / 2, Math.floor(i / size) - size / 2);
    pixels.writeInt16LE(far < (size / 2) * ((place + 20) / 80) ? 40 : -1000, 2 * i);
  }
  const words = (/** @type {number} */ value) => Buffer.from(Uint16Array.of(value).buffer);
  /** @type {[number, number, string, string | Buffer][]} */
  const elements = [
    [0x0002, 0x0010, "UI", "1.2.840.10008.1.2.1"],
    [0x0008, 0x0060, "CS", modality],
    [0x0008, 0x103e, "LO", `Disc ${series}`],
    [0x0010, 0x0010, "PN", "Secret^Name"],
    [0x0020, 0x000e, "UI", series],
    [0x0020, 0x0032, "DS", `-32\\-32\\${place}`],
    [0x0020, 0x0037, "DS", "1\\0\\0\\0\\1\\0"],
    [0x0028, 0x0002, "US", words(1)],
    [0x0028, 0x0010, "US", words(size)],
    [0x0028, 0x0011, "US", words(size)],
    [0x0028, 0x0030, "DS", "1\\1"],
    [0x0028, 0x0100, "US", words(16)],
    [0x0028, 0x0101, "US", words(16)],
    [0x0028, 0x0102, "US", words(15)],
    [0x0028, 0x0103, "US", words(1)],
    ...(window ?? []).map((hu, i) => /** @type {[number, number, string, string]} */ ([0x0028, 0x1050 + i, "DS", `${hu}`])),
    [0x0028, 0x1053, "DS", `${slope}`],
    [0x7fe0, 0x0010, "OW", pixels],
  ];
  const written = elements.map(([group, element, vr, value]) => {
    const bytes = typeof value === "string" ? Buffer.from(value.length % 2 ? `${value} ` : value, "latin1") : value;
    const long = vr === "OW";
    const header = Buffer.alloc(long ? 12 : 8);
    header.writeUInt16LE(group, 0);
    header.writeUInt16LE(element, 2);
    header.write(vr, 4, "latin1");
    if (long) header.writeUInt32LE(bytes.length, 8);
    else header.writeUInt16LE(bytes.length, 6);
    return Buffer.concat([header, bytes]);
  });
  return Buffer.concat([Buffer.alloc(128), Buffer.from("DICM", "latin1"), ...written]);
}

/**
 * Changes the metadata of a model file and keeps its weights.
 *
 * @param {Buffer} file
 * @param {object} changes to the document `coin`
 */
export function withMetadata(file, changes) {
  const length = Number(file.readBigUInt64LE(0));
  const header = JSON.parse(file.toString("utf8", 8, 8 + length));
  const { window, ...metadata } = JSON.parse(header.__metadata__.coin);
  header.__metadata__.coin = JSON.stringify({ ...metadata, format: 4, normalisation: { window }, ...changes });
  const text = Buffer.from(JSON.stringify(header));
  const padded = Buffer.concat([text, Buffer.alloc((8 - (text.length % 8)) % 8, " ")]);
  const size = Buffer.alloc(8);
  size.writeBigUInt64LE(BigInt(padded.length));
  return Buffer.concat([size, padded, file.subarray(8 + length)]);
}

/**
 * Generates a greyscale PNG with a bright disc on a black background.
 *
 * @param {number} size
 * @param {number} [radius]
 */
export function discPng(size, radius = size / 3) {
  const rows = Buffer.alloc(size * (size + 1));
  for (let y = 0; y < size; y++) {
    for (let x = 0; x < size; x++) {
      const far = Math.hypot(x - size / 2, y - size / 2);
      rows[y * (size + 1) + 1 + x] = far < radius ? 110 + ((x * y) % 17) : 0;
    }
  }
  const header = Buffer.alloc(13);
  header.writeUInt32BE(size, 0);
  header.writeUInt32BE(size, 4);
  header[8] = 8;
  const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
  return Buffer.concat([signature, chunk("IHDR", header), chunk("IDAT", deflateSync(rows)), chunk("IEND", Buffer.alloc(0))]);
}

/**
 * A PNG chunk.
 *
 * @param {string} type
 * @param {Buffer} data
 */
function chunk(type, data) {
  const body = Buffer.concat([Buffer.from(type, "latin1"), data]);
  const [length, check] = [Buffer.alloc(4), Buffer.alloc(4)];
  length.writeUInt32BE(data.length);
  check.writeUInt32BE(crc32(body));
  return Buffer.concat([length, body, check]);
}
