//! NIfTI-1 volumes on the grid of their scan.

use std::io::{self, Write};
use std::ops::Range;

use flate2::Compression;
use flate2::write::GzEncoder;
use nifti::NiftiType;

use super::{CORRECTED, Correction, DESCRIPTION};
use crate::Error;
use crate::Geometry;
use crate::geometry::NIFTI_DATA_OFFSET;

/// Voxel types: `f32` for HU and maps, `u8` for masks and labels.
pub trait Voxel: Copy + Default + sealed::Encode {}

impl Voxel for f32 {}
impl Voxel for u8 {}

mod sealed {
    use nifti::NiftiType;

    pub trait Encode {
        const TYPE: NiftiType;

        fn encode(self, big_endian: bool, into: &mut Vec<u8>);
    }

    impl Encode for f32 {
        const TYPE: NiftiType = NiftiType::Float32;

        fn encode(self, big_endian: bool, into: &mut Vec<u8>) {
            into.extend(if big_endian { self.to_be_bytes() } else { self.to_le_bytes() });
        }
    }

    impl Encode for u8 {
        const TYPE: NiftiType = NiftiType::Uint8;

        fn encode(self, _: bool, into: &mut Vec<u8>) {
            into.push(self);
        }
    }
}

/// Encodes a `.nii.gz` on the grid and affine of `geometry`, so that it is aligned with the scan.
///
/// `slices` are all slices in radiological convention, in the order of [`crate::Scan`] and row-major.
///
/// # Errors
/// If the number or size of the slices does not match the grid.
pub fn nifti<T: Voxel>(slices: &[impl AsRef<[T]>], geometry: &Geometry) -> Result<Vec<u8>, Error> {
    encode(slices, geometry, DESCRIPTION)
}

/// [`nifti()`] of masks, whose description states whether a person corrected them.
///
/// # Errors
/// If the number or size of the slices does not match the grid.
pub fn nifti_mask(slices: &[impl AsRef<[u8]>], geometry: &Geometry, correction: Correction) -> Result<Vec<u8>, Error> {
    let description = match correction {
        Correction::None => DESCRIPTION,
        Correction::ByHand => CORRECTED,
    };
    encode(slices, geometry, description)
}

fn encode<T: Voxel>(slices: &[impl AsRef<[T]>], geometry: &Geometry, description: &str) -> Result<Vec<u8>, Error> {
    let (given, expected) = (slices.len(), geometry.depth());
    if given != expected {
        return Err(Error::VolumeSlices { given, expected });
    }
    let pixels = geometry.width() * geometry.height();
    let mut volume = vec![T::default(); pixels * expected];
    for (index, slice) in slices.iter().enumerate() {
        let slice = slice.as_ref();
        if slice.len() != pixels {
            return Err(Error::VolumePixels { index, given: slice.len(), expected: pixels });
        }
        for (position, &value) in geometry.slice_positions(index).zip(slice) {
            volume[position] = value;
        }
    }
    compress(&header(geometry, T::TYPE, description), &volume, geometry.big_endian())
        .map_err(|reason| Error::Encoding { format: "NIfTI volume", reason: reason.to_string() })
}

fn compress<T: Voxel>(header: &[u8], volume: &[T], big_endian: bool) -> io::Result<Vec<u8>> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    gzip.write_all(header)?;
    let mut bytes = Vec::new();
    for part in volume.chunks(1 << 16) {
        bytes.clear();
        part.iter().for_each(|value| value.encode(big_endian, &mut bytes));
        gzip.write_all(&bytes)?;
    }
    gzip.finish()
}

/// Free-text fields of the header, which may contain personal data: data_type and db_name, descrip and aux_file,
/// intent_name.
const TEXT_FIELDS: [Range<usize>; 3] = [4..32, 148..252, 328..344];

/// The original header with the new voxel type, unscaled values, one volume, no extensions, and only our description.
fn header(geometry: &Geometry, voxel: NiftiType, description: &str) -> Vec<u8> {
    let mut bytes = geometry.header().to_vec();
    bytes.resize(NIFTI_DATA_OFFSET.into(), 0);
    TEXT_FIELDS.into_iter().for_each(|field| bytes[field].fill(0));
    bytes[148..148 + description.len()].copy_from_slice(description.as_bytes());
    let mut put_u16 = |offset: usize, value: u16| {
        let value = if geometry.big_endian() { value.to_be_bytes() } else { value.to_le_bytes() };
        bytes[offset..offset + 2].copy_from_slice(&value);
    };
    put_u16(70, voxel as u16);
    put_u16(72, 8 * voxel.size_of() as u16);
    let mut put_f32 = |offset: usize, value: f32| {
        let value = if geometry.big_endian() { value.to_be_bytes() } else { value.to_le_bytes() };
        bytes[offset..offset + 4].copy_from_slice(&value);
    };
    put_f32(108, NIFTI_DATA_OFFSET.into());
    put_f32(112, 1.0);
    put_f32(116, 0.0);
    // The original display range does not apply to other values.
    put_f32(124, 0.0);
    put_f32(128, 0.0);
    bytes
}
