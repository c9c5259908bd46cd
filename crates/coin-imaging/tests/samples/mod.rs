//! Small valid files to read, modify and truncate.
#![allow(dead_code, clippy::unwrap_used, reason = "each test binary uses its part, and a sample that fails is a bug")]

use std::io::Write;

use dicom_core::value::PrimitiveValue;
use dicom_core::{DataElement, Tag, VR};
use dicom_dictionary_std::{tags, uids};
use dicom_object::{FileMetaTableBuilder, InMemDicomObject};
use flate2::Compression;
use flate2::write::GzEncoder;

/// A little-endian NIfTI-1 file with fields set by offset.
#[derive(Clone)]
pub struct Nifti {
    pub header: Vec<u8>,
    pub voxels: Vec<u8>,
}

impl Nifti {
    /// int16 voxels with an sform.
    pub fn new(dims: [u16; 3], sform: [[f32; 4]; 3], voxels: &[i16]) -> Self {
        let mut file = Self { header: vec![0; 352], voxels: Vec::new() };
        file.put(0, 348_i32.to_le_bytes());
        for (i, dim) in [3, dims[0], dims[1], dims[2], 1, 1, 1, 1].into_iter().enumerate() {
            file.put(40 + 2 * i, dim.to_le_bytes());
        }
        file.put(70, 4_i16.to_le_bytes());
        file.put(72, 16_i16.to_le_bytes());
        file.put_f32(108, &[352.0]);
        file.put_f32(76, &[1.0; 8]);
        file.put(254, 1_i16.to_le_bytes());
        file.put_f32(280, sform.as_flattened());
        file.put(344, *b"n+1\0");
        file.voxels = voxels.iter().flat_map(|voxel| voxel.to_le_bytes()).collect();
        file
    }

    pub fn put<const N: usize>(&mut self, offset: usize, bytes: [u8; N]) {
        self.header[offset..offset + N].copy_from_slice(&bytes);
    }

    pub fn put_f32(&mut self, offset: usize, values: &[f32]) {
        for (i, value) in values.iter().enumerate() {
            self.put(offset + 4 * i, value.to_le_bytes());
        }
    }

    pub fn bytes(&self) -> Vec<u8> {
        [&self.header[..], &self.voxels].concat()
    }
}

/// A volume of 4 x 3 x 2 voxels of 1 mm.
pub fn small_nifti() -> Nifti {
    let identity = [[1.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0], [0.0, 0.0, 1.0, 0.0]];
    Nifti::new([4, 3, 2], identity, &(0..24).collect::<Vec<_>>())
}

pub fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::default());
    gzip.write_all(bytes).unwrap();
    gzip.finish().unwrap()
}

/// A DICOM object that can be modified before it is written.
pub struct Dicom(pub InMemDicomObject);

impl Dicom {
    /// A CT slice of 3 columns and 2 rows, 12 bits, with the stored values 0 to 5.
    pub fn new() -> Self {
        let mut file = Self(InMemDicomObject::new_empty());
        file.text(tags::SOP_CLASS_UID, VR::UI, uids::CT_IMAGE_STORAGE);
        file.text(tags::SOP_INSTANCE_UID, VR::UI, "1.2.3");
        file.text(tags::MODALITY, VR::CS, "CT");
        file.text(tags::PHOTOMETRIC_INTERPRETATION, VR::CS, "MONOCHROME2");
        file.text(tags::IMAGE_ORIENTATION_PATIENT, VR::DS, "1\\0\\0\\0\\1\\0");
        file.text(tags::PIXEL_SPACING, VR::DS, "0.5\\0.75");
        file.text(tags::RESCALE_SLOPE, VR::DS, "2");
        file.text(tags::RESCALE_INTERCEPT, VR::DS, "-1024");
        for (tag, value) in [
            (tags::SAMPLES_PER_PIXEL, 1),
            (tags::ROWS, 2),
            (tags::COLUMNS, 3),
            (tags::BITS_ALLOCATED, 16),
            (tags::BITS_STORED, 12),
            (tags::HIGH_BIT, 11),
            (tags::PIXEL_REPRESENTATION, 0),
        ] {
            file.integer(tag, value);
        }
        file.words(&[0, 1, 2, 3, 4, 5]);
        file
    }

    pub fn text(&mut self, tag: Tag, vr: VR, value: &str) -> &mut Self {
        self.0.put(DataElement::new(tag, vr, PrimitiveValue::from(value)));
        self
    }

    pub fn integer(&mut self, tag: Tag, value: u16) -> &mut Self {
        self.0.put(DataElement::new(tag, VR::US, PrimitiveValue::from(value)));
        self
    }

    pub fn words(&mut self, pixels: &[u16]) -> &mut Self {
        self.0.put(DataElement::new(tags::PIXEL_DATA, VR::OW, PrimitiveValue::U16(pixels.into())));
        self
    }

    pub fn remove(&mut self, tag: Tag) -> &mut Self {
        self.0.remove_element(tag);
        self
    }

    pub fn bytes(&self) -> Vec<u8> {
        self.bytes_as(uids::EXPLICIT_VR_LITTLE_ENDIAN)
    }

    pub fn bytes_as(&self, transfer_syntax: &str) -> Vec<u8> {
        let meta = FileMetaTableBuilder::new().transfer_syntax(transfer_syntax);
        let mut bytes = Vec::new();
        self.0.clone().with_meta(meta).unwrap().write_all(&mut bytes).unwrap();
        bytes
    }

    /// The data set alone, without preamble and meta information.
    pub fn bare_bytes(&self, transfer_syntax: &str) -> Vec<u8> {
        let bytes = self.bytes_as(transfer_syntax);
        // The group length, always the first element, counts the bytes after itself.
        let length = u32::from_le_bytes(bytes[140..144].try_into().unwrap());
        bytes[144 + length as usize..].to_vec()
    }
}
