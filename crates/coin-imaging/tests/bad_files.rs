//! Malformed files never cause a panic or unbounded allocation: they give slices, or an error that names the file.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod samples;

use std::io::{Cursor, Write as _};

use coin_imaging::{File, Limits, Scan, Window, label_counts, open_all, write};
use dicom_core::VR;
use dicom_dictionary_std::{tags, uids};
use flate2::Crc;
use samples::{Dicom, gzip, small_nifti};
use tiff::tags::{ExtraSamples, Tag};

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
        let limits = Limits { bytes: bytes.len() as u64, ..Limits::default() };
        assert!(open_within(&bytes, &limits).is_ok(), "{format}");
    }
    let limits = Limits { slices: 1, ..Limits::default() };
    assert!(matches!(
        open_within(&small_nifti().bytes(), &limits),
        Err(coin_imaging::Error::TooLarge { limit: 1, .. })
    ));
    // Volumes of 24 voxels each: what counts is all that is opened.
    let volume = small_nifti().bytes();
    let files = ["a.nii", "b.nii"].map(|name| File { name, bytes: &volume });
    let within = |voxels| open_all(&files, Window::ABDOMEN, &Limits { voxels, ..Limits::default() });
    assert_eq!(within(48).unwrap().scans.iter().map(Scan::name).collect::<Vec<_>>(), ["a.nii", "b.nii"]);
    assert!(matches!(within(47), Err(coin_imaging::Error::TooLarge { limit: 47, .. })));
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
fn checksums_and_trailers_are_verified() {
    let volume = small_nifti().bytes();
    let packed = gzip(&volume);
    assert!(open(&packed).is_ok());
    // Some media fill their blocks with zeros; a file may consist of several members.
    assert!(open(&[&packed[..], &[0; 512]].concat()).is_ok());
    assert!(open(&[gzip(&volume[..400]), gzip(&volume[400..])].concat()).is_ok());
    // The checksum and the length are the last 8 bytes.
    for at in [packed.len() - 8, packed.len() - 1] {
        let mut damaged = packed.clone();
        damaged[at] ^= 1;
        assert!(refusal(&damaged).contains("damaged"), "byte {at}");
    }
    assert!(refusal(&packed[..packed.len() - 4]).contains("damaged"));
    let header = "ObjectType = Image\nNDims = 3\nDimSize = 2 2 2\nElementSpacing = 1 1 1\nElementType = MET_UCHAR\n\
                  CompressedData = True\nElementDataFile = LOCAL\n";
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(&[1, 2, 3, 4, 5, 6, 7, 8]).unwrap();
    let mut whole = [header.as_bytes(), &encoder.finish().unwrap()].concat();
    assert!(open(&whole).is_ok());
    *whole.last_mut().unwrap() ^= 1;
    assert!(refusal(&whole).contains("damaged"));
}

/// Where the bytes of `end` are last in `bytes`.
fn last(bytes: &[u8], end: &[u8]) -> usize {
    bytes.windows(end.len()).rposition(|found| found == end).unwrap()
}

/// The last bytes of a zlib stream.
fn checksum(pixels: &[u8]) -> [u8; 4] {
    let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(pixels).unwrap();
    *encoder.finish().unwrap().last_chunk().unwrap()
}

#[test]
fn the_checksum_of_all_pixels_of_a_picture_is_verified() {
    let mut png = Vec::new();
    let mut encoder = png::Encoder::new(&mut png, 4, 2);
    encoder.set_color(png::ColorType::Grayscale);
    encoder.set_filter(png::Filter::NoFilter);
    encoder.write_header().unwrap().write_image_data(&[1, 2, 3, 4, 5, 6, 7, 8]).unwrap();
    assert!(open(&png).is_ok());
    // A row begins with the number of its filter.
    let at = last(&png, &checksum(&[0, 1, 2, 3, 4, 0, 5, 6, 7, 8]));
    png[at] ^= 1;
    let data = last(&png, b"IDAT");
    let mut crc = Crc::new();
    crc.update(&png[data..at + 4]);
    png[at + 4..at + 8].copy_from_slice(&crc.sum().to_be_bytes());
    assert!(refusal(&png).contains("copy or export it again"), "{}", refusal(&png));

    let mut tiff = Cursor::new(Vec::new());
    let mut encoder = tiff::encoder::TiffEncoder::new(&mut tiff)
        .unwrap()
        .with_compression(tiff::encoder::Compression::Deflate(tiff::encoder::compression::DeflateLevel::Balanced));
    encoder.write_image::<tiff::encoder::colortype::Gray8>(4, 2, &[1, 2, 3, 4, 5, 6, 7, 8]).unwrap();
    assert!(open(tiff.get_ref()).is_ok());
    let mut tiff = tiff.into_inner();
    let at = last(&tiff, &checksum(&[1, 2, 3, 4, 5, 6, 7, 8]));
    tiff[at] ^= 1;
    assert!(refusal(&tiff).contains("save it again"), "{}", refusal(&tiff));
}

#[test]
fn voxels_that_are_not_a_number_are_air() {
    let mut file = small_nifti();
    file.put(70, 16_i16.to_le_bytes());
    for (least, air) in [(-200.0, -1024.0), (3.0, 3.0)] {
        let mut values = [40.0_f32; 24];
        (values[3], values[7], values[9]) = (f32::NAN, f32::NAN, least);
        file.voxels = values.iter().flat_map(|value| value.to_le_bytes()).collect();
        let scan = open(&file.bytes()).unwrap();
        let found = (0..scan.slice_count()).flat_map(|index| scan.slice(index).unwrap().hu().to_vec());
        assert_eq!(found.filter(|value| *value == air).count(), if air == least { 3 } else { 2 });
        assert_eq!(scan.notes(), [format!("2 voxels are not a number (NaN) and are read as {air}")]);
    }
}

/// The header of a volume of 3 x 2 x 2 voxels.
fn nrrd_header(more: &str) -> String {
    format!(
        "NRRD0004\ntype: uchar\ndimension: 3\nspace: left-posterior-superior\nsizes: 3 2 2\n\
         space directions: (1,0,0) (0,1,0) (0,0,2)\nencoding: raw\n{more}"
    )
}

#[test]
fn headers_are_read_as_other_programs_write_them() {
    let voxels: Vec<u8> = (1..=12).collect();
    let volume = |header: &[u8]| [header, &voxels].concat();
    let plain = nrrd_header("\n");
    let four = plain.replace("3 2 2", "3 2 2 1").replace("(0,0,2)", "(0,0,2) none");
    let slice = plain.replace("3 2 2", "3 2").replace(" (0,0,2)", "");
    let long = nrrd_header(&format!("# {}\n\n", "x".repeat(100_000)));
    let latin = [nrrd_header("").as_bytes(), b"# Ger\xE4t\nunit:=\xB5m\n\n"].concat();
    for (header, slices) in
        [(plain.as_bytes(), 2), (four.as_bytes(), 2), (slice.as_bytes(), 1), (long.as_bytes(), 2), (&latin, 2)]
    {
        let scan = open(&[header, &voxels[..6 * slices]].concat()).unwrap();
        assert_eq!((scan.slice_count(), scan.slice(0).unwrap().hu()[0]), (slices, 1.0));
    }
    // Types and encodings in capitals, a time axis, directions that are not numbers, and another unit.
    let written = plain.replace("uchar", "UChar").replace("raw", "RAW");
    let time = four.replace("posterior-superior", "posterior-superior-time");
    let time = time.replace("(1,0,0) (0,1,0) (0,0,2) none", "(1,0,0,0) (0,1,0,0) (0,0,2,0) (0,0,0,1)");
    let nan = four.replace("none", "(nan,nan,nan)");
    let cm = plain.replace("(1,0,0) (0,1,0) (0,0,2)", "(0.1,0,0) (0,0.1,0) (0,0,0.2)");
    let cm = cm.replace("encoding", "space units: \"cm\" \"cm\" \"cm\"\nencoding");
    for header in [written, time, nan, cm.clone()] {
        let scan = open(&volume(header.as_bytes())).unwrap();
        assert_eq!((scan.slice_count(), scan.geometry().unwrap().slice_mm()), (2, 2.0), "{header}");
    }
    assert!(refusal(&volume(cm.replace("cm", "inch").as_bytes())).contains("space units: \"inch\" is no unit"));
    // Lines of other programs that look like fields.
    let noted = nrrd_header("endian:=big\nsizes:=10 10 10\ntype:=CT\nencoding:=UTF-8\nspace:=patient\n\n");
    assert_eq!(open(&volume(noted.as_bytes())).unwrap().slice_count(), 2);
    let vector = plain.replace("3 2 2", "3 3 2 2").replace("directions: ", "directions: none ");
    assert!(refusal(&volume(vector.as_bytes())).contains("axis 1 has 3 values per voxel"));
    let meta = |dimensions: &str, spacing: &str| {
        let header = format!(
            "ObjectType = Image\nNDims = {}\nDimSize = {dimensions}\nElementSpacing = {spacing}\nElementType = MET_UCHAR\n\
             ElementDataFile = LOCAL\n",
            spacing.split(' ').count()
        );
        let voxels = if dimensions == "3 2" { &voxels[..6] } else { &voxels };
        open(&[header.as_bytes(), voxels].concat()).unwrap().slice_count()
    };
    assert_eq!((meta("3 2 2 1", "1 1 2 1"), meta("3 2", "1 1")), (2, 1));
    let header = |first: &str, more: &str| {
        let header =
            format!("{first}\nNDims = 3\nDimSize = 3 2 2\nElementSpacing = 1 1 2\n{more}ElementDataFile = LOCAL\n");
        open(&[header.as_bytes(), &[0; 48]].concat())
    };
    assert!(header("Comment = by a scanner", "ElementType = MET_LONG\n").is_ok());
    let message = |more: &str| header("ObjectType = Image", more).unwrap_err().to_string();
    assert!(message("").contains("ElementType: it is missing"));
    assert!(
        message("ElementNumberOfChannels = 3\nElementType = MET_SHORT\n")
            .contains("Channels: it is 3; save one volume")
    );
    let many = format!("ObjectType = Image\nDimSize = {}\nElementDataFile = LOCAL\n", "1 ".repeat(100_000));
    assert!(refusal(many.as_bytes()).contains("several volumes"));

    // Without a space (niivue-vscode 50), and with a direction too many (DTIPlayground 63).
    let spacings = plain.replace("space directions: (1,0,0) (0,1,0) (0,0,2)", "spacings: 1 1 2");
    let spacings = spacings.replace("space: left-posterior-superior\n", "");
    let scan = open(&volume(spacings.as_bytes())).unwrap();
    assert!(!scan.is_oriented() && scan.geometry().unwrap().slice_mm() == 2.0);
    let many = plain.replace("(0,0,2)", "(0,0,2) none none");
    assert!(refusal(&volume(many.as_bytes())).contains("5 directions for 3 axes"));

    // A compressed detached header (holohub 301).
    let (packed, header) = (gzip(&voxels), nrrd_header("data file: ./v.raw.gz\n").replace("raw\n", "gzip\n"));
    let both = [File { name: "v.nhdr", bytes: header.as_bytes() }, File { name: "v.raw.gz", bytes: &packed }];
    assert_eq!(open_all(&both, Window::ABDOMEN, &Limits::default()).unwrap().scans[0].slice_count(), 2);

    let detached = nrrd_header("data file: v.raw\n");
    let both = [File { name: "a/v.nhdr", bytes: detached.as_bytes() }, File { name: "a/v.raw", bytes: &voxels }];
    let opened = open_all(&both, Window::ABDOMEN, &Limits::default()).unwrap();
    assert_eq!((opened.scans.len(), opened.notes.len(), opened.scans[0].slice_count()), (1, 0, 2));
    assert!(refusal(detached.as_bytes()).contains("v.raw; open both together"));
    let several = detached.replace("v.raw", "v%03d.raw 1 9 1");
    assert!(refusal(several.as_bytes()).contains("v001.raw to v009.raw; open all together"));
    let unnamed = detached.replace("v.raw", "LIST");
    assert!(refusal(unnamed.as_bytes()).contains("no file follows LIST"));
    let listed = nrrd_header("data file: LIST\n2.gz\n1.gz\n").replace("raw\n", "gzip\n");
    let (first, second) = voxels.split_at(voxels.len() / 2);
    let (first, second) = (gzip(first), gzip(second));
    let header = File { name: "v.nhdr", bytes: listed.as_bytes() };
    let all = [header, File { name: "1.gz", bytes: &second }, File { name: "2.gz", bytes: &first }];
    let opened = open_all(&all, Window::ABDOMEN, &Limits::default()).unwrap();
    let whole = open_all(&both, Window::ABDOMEN, &Limits::default()).unwrap();
    assert_eq!((opened.scans.len(), opened.notes.len()), (1, 0));
    for index in 0..2 {
        assert_eq!(opened.scans[0].slice(index).unwrap().hu(), whole.scans[0].slice(index).unwrap().hu());
    }
    let message = open_all(&all[..2], Window::ABDOMEN, &Limits::default()).unwrap_err().to_string();
    assert!(message.contains("2.gz is missing; open all together"), "{message}");
    // A file longer than its share would shift the rest; one that is named twice has one part at most.
    let raw = nrrd_header("data file: LIST\n2.raw\n1.raw\n");
    let open = |header: &str, first: &[u8], second: &[u8]| {
        let header = File { name: "v.nhdr", bytes: header.as_bytes() };
        let all = [header, File { name: "1.raw", bytes: second }, File { name: "2.raw", bytes: first }];
        open_all(&all, Window::ABDOMEN, &Limits::default()).map(|opened| opened.scans[0].clone())
    };
    let scan = open(&raw, &voxels[..6], &voxels[6..]).unwrap();
    assert_eq!(scan.slice(1).unwrap().hu(), whole.scans[0].slice(1).unwrap().hu());
    let message = open(&raw, &voxels[..6], &voxels[5..]).unwrap_err().to_string();
    assert!(message.contains("1.raw has 7 bytes, not 6"), "{message}");
    let twice = raw.replace("1.raw", "2.raw");
    let message = open(&twice, &voxels[..6], &voxels[6..]).unwrap_err().to_string();
    assert!(message.contains("in other files"), "{message}");
}

#[test]
fn every_page_of_a_tiff_is_a_slice() {
    use tiff::encoder::{TiffEncoder, colortype};
    let opened = |bytes: std::io::Cursor<Vec<u8>>| open(&bytes.into_inner());
    let first = |scan: &Scan| (0..scan.slice_count()).map(|i| scan.slice(i).unwrap().hu()[0]).collect::<Vec<_>>();
    let mut stack = std::io::Cursor::new(Vec::new());
    let mut encoder = TiffEncoder::new(&mut stack).unwrap();
    for level in [0_u8, 255, 0] {
        encoder.write_image::<colortype::Gray8>(4, 3, &[level; 12]).unwrap();
    }
    encoder.write_image::<colortype::Gray8>(2, 2, &[9; 4]).unwrap();
    let scan = opened(stack).unwrap();
    let (low, high) = (Window::ABDOMEN.low(), Window::ABDOMEN.high());
    assert_eq!(first(&scan), [low, high, low]);
    assert_eq!(scan.notes(), ["1 of its pages have another size than the first and were left out"]);

    let mut big = std::io::Cursor::new(Vec::new());
    TiffEncoder::new_big(&mut big).unwrap().write_image::<colortype::Gray16>(2, 1, &[65535, 0]).unwrap();
    assert_eq!(first(&opened(big).unwrap()), [high]);
    let mut signed = std::io::Cursor::new(Vec::new());
    TiffEncoder::new(&mut signed).unwrap().write_image::<colortype::GrayI16>(2, 1, &[-900, 40]).unwrap();
    assert_eq!(first(&opened(signed).unwrap()), [-900.0]);

    // An intensity and a transparency for each pixel. If the second is not specified, it could be anything.
    for (second, opens) in [(ExtraSamples::UnassociatedAlpha, true), (ExtraSamples::Unspecified, false)] {
        let mut transparent = std::io::Cursor::new(Vec::new());
        let mut encoder = TiffEncoder::new(&mut transparent).unwrap();
        for page in 0..2_u8 {
            let mut image = encoder.new_image::<colortype::Gray8>(2, 1).unwrap();
            image.extra_samples(&[second]).unwrap();
            image.write_data(&[255 * page, 9, 7, 9]).unwrap();
        }
        assert_eq!(opened(transparent).map(|scan| first(&scan)).ok(), opens.then(|| vec![low, high]));
    }

    // The first row of the page is the left column, from top to bottom, of the picture; or the right column.
    for (orientation, expected) in
        [(1_u16, [-900.0, 40.0]), (2, [40.0, -900.0]), (5, [-900.0, 40.0]), (8, [40.0, -900.0])]
    {
        let mut turned = std::io::Cursor::new(Vec::new());
        let mut encoder = TiffEncoder::new(&mut turned).unwrap();
        let mut image = encoder.new_image::<colortype::GrayI16>(2, 1).unwrap();
        image.encoder().write_tag(tiff::tags::Tag::Orientation, orientation).unwrap();
        image.write_data(&[-900, 40]).unwrap();
        let scan = opened(turned).unwrap();
        let slice = scan.slice(0).unwrap();
        assert_eq!((slice.width(), slice.hu()), (if orientation > 4 { 1 } else { 2 }, &expected[..]), "{orientation}");
    }
}

#[test]
fn labels_are_read_from_pictures_of_any_depth() {
    let counts = |bytes: &[u8]| label_counts(bytes, NAME, &Limits::default()).map(|found| found.into_iter().collect());
    for (depth, packed) in
        [(png::BitDepth::One, 0b0100_0000), (png::BitDepth::Two, 0b0001_0000), (png::BitDepth::Four, 0b0000_0001)]
    {
        let mut png = Vec::new();
        let mut encoder = png::Encoder::new(&mut png, 2, 1);
        encoder.set_color(png::ColorType::Grayscale);
        encoder.set_depth(depth);
        encoder.write_header().unwrap().write_image_data(&[packed]).unwrap();
        assert_eq!(counts(&png).unwrap(), [(1, 1)], "{depth:?}");
    }
    let deep = |values: [u16; 3]| counts(&write::png_16bit(3, 1, values.to_vec()).unwrap());
    assert_eq!(deep([0, 1, 255]).unwrap(), [(1, 1), (255, 1)]);
    let refused: Result<Vec<(u8, u32)>, _> = deep([0, 1, 256]);
    assert!(refused.unwrap_err().to_string().contains("256 exceeds 255"));
}

#[test]
fn the_orientation_of_a_camera_is_applied() {
    let mut png = Vec::new();
    let mut encoder = png::Encoder::new(&mut png, 2, 1);
    encoder.set_color(png::ColorType::Grayscale);
    let mut info = encoder.write_header().unwrap();
    // One entry: orientation 8, turned by 90 degrees clockwise when taken.
    let entry = [&b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x08\0\0\0"[..], &[0; 4]].concat();
    info.write_chunk(png::chunk::eXIf, &entry).unwrap();
    info.write_image_data(&[255, 0]).unwrap();
    info.finish().unwrap();
    let scan = open(&png).unwrap();
    let slice = scan.slice(0).unwrap();
    let (low, high) = (Window::ABDOMEN.low(), Window::ABDOMEN.high());
    assert_eq!((slice.width(), slice.height(), slice.hu()), (1, 2, &[low, high][..]));
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

#[test]
fn values_of_a_tiff_that_are_no_number_become_air() {
    let mut bytes = Cursor::new(Vec::new());
    let mut encoder = tiff::encoder::TiffEncoder::new(&mut bytes).unwrap();
    let values = [-1000.0_f32, 40.0, f32::NAN, 60.0];
    encoder.write_image::<tiff::encoder::colortype::Gray32Float>(2, 2, &values).unwrap();
    let scan = open(bytes.get_ref()).unwrap();
    assert_eq!(scan.slice(0).unwrap().hu(), [-1000.0, 40.0, -1024.0, 60.0]);
    assert_eq!(scan.notes(), ["1 voxels are not a number (NaN) and are read as -1024"]);
}

#[test]
fn thumbnails_of_a_tiff_are_passed_over_and_stacks_of_imagej_in_one_page_refused() {
    let page = |encoder: &mut tiff::encoder::TiffEncoder<&mut Cursor<Vec<u8>>>, side: u32, tag: Option<(Tag, &str)>| {
        let mut image = encoder.new_image::<tiff::encoder::colortype::Gray8>(side, side).unwrap();
        match tag {
            Some((Tag::NewSubfileType, _)) => image.encoder().write_tag(Tag::NewSubfileType, 1_u32).unwrap(),
            Some((tag, text)) => image.encoder().write_tag(tag, text).unwrap(),
            None => {}
        }
        image.write_data(&vec![7; (side * side) as usize]).unwrap();
    };
    let mut bytes = Cursor::new(Vec::new());
    let mut encoder = tiff::encoder::TiffEncoder::new(&mut bytes).unwrap();
    page(&mut encoder, 2, Some((Tag::NewSubfileType, "")));
    page(&mut encoder, 8, None);
    page(&mut encoder, 8, None);
    let scan = open(bytes.get_ref()).unwrap();
    assert_eq!((scan.slice_count(), scan.slice(0).unwrap().width()), (2, 8));
    assert!(scan.notes().is_empty());

    let mut bytes = Cursor::new(Vec::new());
    let mut encoder = tiff::encoder::TiffEncoder::new(&mut bytes).unwrap();
    page(&mut encoder, 8, Some((Tag::ImageDescription, "ImageJ=1.53t\nimages=6\nslices=6\n")));
    assert!(refusal(bytes.get_ref()).contains("ImageJ wrote 6 images into 1 of its pages"));
}

#[test]
fn formats_that_are_not_read_are_named() {
    for (bytes, name) in [
        (&b"GIF89a\x01\0\x01\0"[..], "a GIF picture; save it as PNG"),
        (b"RIFF\x24\0\0\0WEBPVP8 ", "a WebP picture; save it as PNG"),
        (b"\0\0\0\x1cftypavif\0\0\0\0", "an AVIF picture; save it as PNG"),
        (b"version https://git-lfs.github.com/spec/v1\n", "a Git LFS pointer; fetch it with git lfs pull"),
    ] {
        assert!(refusal(bytes).ends_with(name), "{}", refusal(bytes));
    }
}
