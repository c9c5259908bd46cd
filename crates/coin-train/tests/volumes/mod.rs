//! Small NIfTI volumes, and folders in the layouts of the public data sets.
#![allow(dead_code, clippy::unwrap_used, reason = "each test binary uses its part, and a sample that fails is a bug")]

use std::io::Write as _;
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;

/// Sides of every volume: columns, rows, slices.
pub const SIDES: [usize; 3] = [40, 32, 6];

/// The affine of every volume, in radiological orientation.
pub const AFFINE: [f32; 12] = [-1.5, 0.0, 0.0, 0.0, 0.0, -1.5, 0.0, 0.0, 0.0, 0.0, 3.0, 0.0];

/// Writes a gzipped volume with voxels of 1.5 x 1.5 x 3 mm; `value` gives the value at column, row and slice in radiological
/// orientation. The type is float32, or uint8 for labels.
pub fn write(path: &Path, sides: [usize; 3], labels: bool, value: impl Fn(usize, usize, usize) -> f32) {
    write_at(path, sides, AFFINE, labels, value);
}

/// Like [`write`], with another affine.
pub fn write_at(
    path: &Path,
    sides: [usize; 3],
    affine: [f32; 12],
    labels: bool,
    value: impl Fn(usize, usize, usize) -> f32,
) {
    let mut bytes = vec![0_u8; 352];
    let mut put = |offset: usize, part: &[u8]| bytes[offset..offset + part.len()].copy_from_slice(part);
    let [columns, rows, slices] = sides;
    put(0, &348_i32.to_le_bytes());
    put(40, &[3, columns as i16, rows as i16, slices as i16, 1, 1, 1, 1].map(i16::to_le_bytes).concat());
    let (kind, bits) = if labels { (2_i16, 8_i16) } else { (16, 32) };
    put(70, &kind.to_le_bytes());
    put(72, &bits.to_le_bytes());
    put(108, &352_f32.to_le_bytes());
    put(254, &1_i16.to_le_bytes());
    put(280, &affine.map(f32::to_le_bytes).concat());
    put(344, b"n+1\0");
    for z in 0..slices {
        for y in 0..rows {
            for x in 0..columns {
                let value = value(x, y, z);
                if labels { bytes.push(value as u8) } else { bytes.extend(value.to_le_bytes()) }
            }
        }
    }
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    let mut gzip = GzEncoder::new(std::fs::File::create(path).unwrap(), Compression::fast());
    gzip.write_all(&bytes).unwrap();
    gzip.finish().unwrap();
}

/// Writes a CT with HU that encode the position: 100 z + y + x / 100, which extraction rounds.
pub fn ct(path: &Path) {
    write(path, SIDES, false, |x, y, z| (100 * z + y) as f32 + x as f32 / 100.0);
}

/// Writes labels: kidney in the left half of slices 2 to 4, and a box of tumour in slice 3.
pub fn labels(path: &Path, kidney: u8, tumour: u8) {
    labels_at(path, AFFINE, kidney, tumour);
}

/// Like [`labels`], with another affine.
pub fn labels_at(path: &Path, affine: [f32; 12], kidney: u8, tumour: u8) {
    write_at(path, SIDES, affine, true, |x, y, z| match () {
        () if z == 3 && (4..14).contains(&x) && (4..14).contains(&y) => f32::from(tumour),
        () if (2..5).contains(&z) && x < 20 => f32::from(kidney),
        () => 0.0,
    });
}
