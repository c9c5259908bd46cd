//! Malformed files never cause a panic or unbounded allocation: they give slices, or an error that names the file.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod samples;

use coin_imaging::{Limits, Scan, Window, write};
use dicom_core::VR;
use dicom_dictionary_std::{tags, uids};
use flate2::Crc;
use samples::{Dicom, gzip, small_nifti};

const NAME: &str = "folder/file 1";

fn open_within(bytes: &[u8], limits: &Limits) -> Result<Scan, coin_imaging::Error> {
    let result = Scan::open(bytes, NAME, Window::ABDOMEN, limits);
    if let Err(error) = &result {
        let message = error.to_string();
        assert!(message.starts_with(NAME), "{message}");
        assert!(!message.contains('\n'), "{message}");
    }
    result
}

fn open(bytes: &[u8]) -> Result<Scan, coin_imaging::Error> {
    open_within(bytes, &Limits::default())
}

fn refusal(bytes: &[u8]) -> String {
    open(bytes).unwrap_err().to_string()
}

fn small_png() -> Vec<u8> {
    write::png_8bit(5, 4, &(0..20).collect::<Vec<_>>()).unwrap()
}

/// A valid file of each format.
fn valid() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("PNG", small_png()),
        ("explicit DICOM", Dicom::new().bytes()),
        ("implicit DICOM", Dicom::new().bytes_as(uids::IMPLICIT_VR_LITTLE_ENDIAN)),
        ("bare DICOM", Dicom::new().bare_bytes(uids::IMPLICIT_VR_LITTLE_ENDIAN)),
        ("NIfTI", small_nifti().bytes()),
        ("gzipped NIfTI", gzip(&small_nifti().bytes())),
    ]
}

#[test]
fn valid_files_open() {
    for (format, bytes) in valid() {
        assert!(open(&bytes).is_ok(), "{format}");
    }
}

#[test]
fn truncated_files_are_rejected() {
    for (format, bytes) in valid() {
        for length in 0..bytes.len() {
            let result = open(&bytes[..length]);
            // The end of a PNG or a gzip stream contains no pixels.
            let only_a_checksum_is_lost = ["PNG", "gzipped NIfTI"].contains(&format) && length + 24 > bytes.len();
            assert!(result.is_err() || only_a_checksum_is_lost, "{format} of {length} bytes");
        }
    }
}

#[test]
fn unknown_formats_are_rejected() {
    assert_eq!(
        refusal(b""),
        format!("{NAME}: this is no DICOM, NIfTI, NRRD, MetaImage, PNG, JPEG, TIFF or BMP file: it is empty")
    );
    assert!(refusal(b"PK\x03\x04rest of an archive").contains("ZIP archive; unpack it"));
    assert!(refusal(&gzip(&[b'x'; 1000])).contains("the gzipped content is something else"));
    let others: [&[u8]; 6] = [b"hello", b"%PDF-1.7", &[0; 4096], &[0xFF; 4096], b"\x1f\x8b", b"\x89PNG\r\n\x1a\n"];
    for bytes in others {
        assert!(open(bytes).is_err());
    }
}

#[test]
fn files_above_the_limit_are_rejected() {
    for (format, bytes) in valid() {
        let limits = Limits { bytes: bytes.len() as u64 - 1, ..Limits::default() };
        assert!(matches!(open_within(&bytes, &limits), Err(coin_imaging::Error::TooLarge { .. })), "{format}");
        let limits = Limits { voxels: 5, ..Limits::default() };
        assert!(matches!(open_within(&bytes, &limits), Err(coin_imaging::Error::TooLarge { .. })), "{format}");
        let limits = Limits { side: 2, ..Limits::default() };
        assert!(open_within(&bytes, &limits).is_err(), "{format}");
    }
}

#[test]
fn implausible_nifti_sizes_are_rejected() {
    for (offset, value) in [(42, 0xFFFF_u16), (44, 0xFFFF), (46, 0x7FFF), (42, 0), (46, 0), (40, 0), (40, 9)] {
        let mut file = small_nifti();
        file.put(offset, value.to_le_bytes());
        assert!(open(&file.bytes()).is_err(), "{value} at {offset}");
    }
    let mut file = small_nifti();
    for offset in [42, 44, 46] {
        file.put(offset, 0x7FFF_u16.to_le_bytes());
    }
    assert!(matches!(open(&file.bytes()), Err(coin_imaging::Error::TooLarge { .. })));
    for vox_offset in [-1.0, 1.0, 352.5, 1e9, 1e30, f32::NAN, f32::INFINITY] {
        let mut file = small_nifti();
        file.put_f32(108, &[vox_offset]);
        assert!(open(&file.bytes()).is_err(), "{vox_offset}");
    }
    for datatype in [0_i16, 1, 32, 128, 1536, -4, 5] {
        let mut file = small_nifti();
        file.put(70, datatype.to_le_bytes());
        assert!(refusal(&file.bytes()).contains("datatype"), "{datatype}");
    }
}

#[test]
fn implausible_dicom_sizes_are_rejected() {
    for (tag, value) in [
        (tags::ROWS, 0),
        (tags::ROWS, 3),
        (tags::ROWS, u16::MAX),
        (tags::COLUMNS, 0),
        (tags::COLUMNS, u16::MAX),
        (tags::BITS_ALLOCATED, 0),
        (tags::BITS_ALLOCATED, 32),
        (tags::BITS_STORED, 0),
        (tags::BITS_STORED, 17),
        (tags::HIGH_BIT, 15),
        (tags::SAMPLES_PER_PIXEL, 3),
    ] {
        let mut file = Dicom::new();
        file.integer(tag, value);
        assert!(open(&file.bytes()).is_err(), "{tag} {value}");
    }
    for frames in ["-1", "1.5", "2", "2147483647", "1e300", "many", "1\\1"] {
        let mut file = Dicom::new();
        file.text(tags::NUMBER_OF_FRAMES, VR::IS, frames);
        assert!(open(&file.bytes()).is_err(), "{frames}");
    }
    let mut file = Dicom::new();
    file.integer(tags::ROWS, 8000).integer(tags::COLUMNS, 8000).text(tags::NUMBER_OF_FRAMES, VR::IS, "4000");
    assert!(matches!(open(&file.bytes()), Err(coin_imaging::Error::TooLarge { .. })));
}

#[test]
fn claimed_lengths_and_nesting_allocate_nothing() {
    // An element of 4 GiB in a file of 100 bytes.
    let mut bytes = b"DICM\x08\x00\x05\x00\xFE\xFF\xFF\xFF".to_vec();
    bytes.resize(100, 0);
    assert!(refusal(&bytes).contains("ends early"));
    // 100,000 nested sequences.
    let level = b"\x08\x00\x40\x11\xFF\xFF\xFF\xFF\xFE\xFF\x00\xE0\xFF\xFF\xFF\xFF";
    assert!(refusal(&[&b"DICM"[..], &level.repeat(100_000)].concat()).contains("nest too deeply"));
    // Item delimiters without items.
    let end = b"\xFE\xFF\x0D\xE0\x00\x00\x00\x00";
    assert!(open(&[&b"DICM"[..], &end.repeat(1000)].concat()).is_err());
}

#[test]
fn an_implausible_png_header_is_rejected() {
    let mut png = small_png();
    png[16..24].copy_from_slice(&[0x7F, 0xFF, 0xFF, 0xFF, 0x7F, 0xFF, 0xFF, 0xFF]);
    let mut crc = Crc::new();
    crc.update(&png[12..29]);
    png[29..33].copy_from_slice(&crc.sum().to_be_bytes());
    assert!(open(&png).is_err());
}

#[test]
fn invalid_spacing_and_scaling_are_rejected() {
    for spacing in ["0\\0", "0.5", "nan\\1", "inf\\1", "-1\\1", "1e-9\\1", "wide\\1", "1\\1\\1"] {
        let mut file = Dicom::new();
        file.text(tags::PIXEL_SPACING, VR::DS, spacing);
        assert!(refusal(&file.bytes()).contains("PixelSpacing"), "{spacing}");
    }
    for slope in ["0", "nan", "steep"] {
        let mut file = Dicom::new();
        file.text(tags::RESCALE_SLOPE, VR::DS, slope);
        assert!(refusal(&file.bytes()).contains("RescaleSlope"), "{slope}");
    }
    for step in [0.0, 1e-6, 1e6, f32::NAN, f32::INFINITY] {
        for element in [0, 5, 10] {
            let mut file = small_nifti();
            file.put_f32(280 + 4 * element, &[step]);
            assert!(refusal(&file.bytes()).contains("sform"), "{step}");

            file.put(254, 0_i16.to_le_bytes());
            file.put_f32(80, &[step; 3]);
            assert!(refusal(&file.bytes()).contains("pixdim"), "{step}");

            file.put(252, 1_i16.to_le_bytes());
            assert!(refusal(&file.bytes()).contains("qform"), "{step}");
        }
    }
    let mut file = small_nifti();
    file.put_f32(112, &[f32::INFINITY]);
    assert!(refusal(&file.bytes()).contains("scl_slope"));
    let mut file = small_nifti();
    file.put(70, 16_i16.to_le_bytes());
    file.voxels = [f32::NAN; 24].iter().flat_map(|value| value.to_le_bytes()).collect();
    assert!(refusal(&file.bytes()).contains("not a finite number"));
}

#[test]
fn a_gzip_bomb_stops_at_the_limit() {
    let limits = Limits { bytes: 1 << 20, ..Limits::default() };
    assert!(open_within(&gzip(&vec![0; 64 << 20]), &limits).is_err());

    // The claimed size is within the limit, so the excess is never unpacked.
    let mut bomb = small_nifti().bytes();
    bomb.resize(64 << 20, 0);
    assert!(open_within(&gzip(&bomb), &limits).is_ok());

    let mut claims = small_nifti();
    claims.put_f32(108, &[(32 << 20) as f32]);
    let bytes = [claims.bytes(), vec![0; 32 << 20]].concat();
    assert!(matches!(open_within(&gzip(&bytes), &limits), Err(coin_imaging::Error::TooLarge { .. })));

    let mut claims = small_nifti();
    for offset in [42, 44, 46] {
        claims.put(offset, 256_u16.to_le_bytes());
    }
    let bytes = [claims.bytes(), vec![0; 32 << 20]].concat();
    assert!(matches!(open_within(&gzip(&bytes), &limits), Err(coin_imaging::Error::TooLarge { .. })));
}
