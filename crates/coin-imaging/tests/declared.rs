//! Files whose contents are not what they declare: more, less, or damaged in part.
#![allow(clippy::unwrap_used, reason = "tests")]

mod samples;

use std::io::{Cursor, Write as _};

use coin_imaging::{File, Limits, Scan, Window, open_all};
use dicom_core::value::{PixelFragmentSequence, Value};
use dicom_core::{DataElement, VR};
use dicom_dictionary_std::{tags, uids};
use samples::{Dicom, gzip, small_nifti};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

fn open(bytes: &[u8]) -> Result<Scan, coin_imaging::Error> {
    Scan::open(bytes, "scan", Window::ABDOMEN, &Limits::default())
}

fn refusal(bytes: &[u8]) -> String {
    open(bytes).unwrap_err().to_string()
}

#[test]
fn more_voxels_than_the_header_says_are_refused() {
    let mut file = small_nifti();
    file.voxels.extend_from_within(..);
    let expected = "scan: volume: it has 96 bytes instead of 48, so its header is wrong; export it again";
    assert_eq!(refusal(&file.bytes()), expected);
    assert_eq!(refusal(&gzip(&file.bytes())), expected);
    file.voxels.truncate(48);
    file.voxels.extend([0; 512]);
    assert!(open(&file.bytes()).is_ok(), "padding");
    file.voxels.truncate(48);
    file.voxels.extend([1; 8]);
    assert!(open(&file.bytes()).is_ok(), "less than a slice");

    let mut dicom = Dicom::new();
    dicom.words(&[1; 18]);
    let expected = "scan: PixelData: it has 36 bytes instead of 12, so NumberOfFrames or BitsAllocated is wrong; \
                    export the file again";
    assert_eq!(refusal(&dicom.bytes()), expected);
    dicom.words(&[&[1; 6][..], &[0; 12]].concat());
    assert!(open(&dicom.bytes()).is_ok(), "padding");
}

#[test]
fn one_file_that_cannot_be_read_does_not_stop_the_others() {
    let good = Dicom::new().bytes();
    let mut huge = Dicom::new();
    huge.text(tags::NUMBER_OF_FRAMES, VR::IS, "100000");
    let mut wide = Dicom::new();
    wide.integer(tags::ROWS, 60000);
    for bad in [huge.bytes(), wide.bytes()] {
        let files = [File { name: "good", bytes: &good }, File { name: "bad", bytes: &bad }];
        let opened = open_all(&files, Window::ABDOMEN, &Limits::default()).unwrap();
        assert_eq!((opened.scans.len(), opened.notes.len()), (1, 1));
        assert!(opened.notes[0].starts_with("bad: "), "{:?}", opened.notes);
    }

    // Of a ZIP archive, the checksum of one file is wrong.
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let stored = SimpleFileOptions::default().compression_method(zip::CompressionMethod::Stored);
    for (name, content) in [("report.pdf", &b"a report"[..]), ("slice.dcm", &good)] {
        zip.start_file(name, stored).unwrap();
        zip.write_all(content).unwrap();
    }
    let mut zip = zip.finish().unwrap().into_inner();
    let report = zip.windows(8).position(|bytes| bytes == b"a report").unwrap();
    zip[report] = b'A';
    let opened = open_all(&[File { name: "all.zip", bytes: &zip }], Window::ABDOMEN, &Limits::default()).unwrap();
    assert_eq!(opened.scans.len(), 1);
    assert!(opened.notes[0].starts_with("all.zip/report.pdf: archive: Invalid checksum"), "{:?}", opened.notes);
}

#[test]
fn a_picture_that_ends_early_is_refused() {
    let grey = image::GrayImage::from_fn(64, 64, |x, y| image::Luma([(3 * x + y) as u8]));
    let mut jpeg = Cursor::new(Vec::new());
    grey.write_to(&mut jpeg, image::ImageFormat::Jpeg).unwrap();
    let jpeg = jpeg.into_inner();
    assert!(open(&jpeg).is_ok());
    let expected = "scan: picture: the file ends early; copy or export it again";
    for length in [jpeg.len() / 2, jpeg.len() - 2] {
        assert_eq!(refusal(&jpeg[..length]), expected);
    }
    // Bytes that fill the space before a marker.
    let mut filled = jpeg.clone();
    filled.splice(2..2, [0xFF; 3]);
    assert!(open(&filled).is_ok());
}

fn compressed(fragments: Vec<Vec<u8>>, syntax: &str) -> Vec<u8> {
    let mut file = Dicom::new();
    file.text(tags::RESCALE_SLOPE, VR::DS, "1").text(tags::RESCALE_INTERCEPT, VR::DS, "0");
    let pixels = Value::PixelSequence(PixelFragmentSequence::new(Vec::<u32>::new(), fragments));
    file.0.put(DataElement::new(tags::PIXEL_DATA, VR::OB, pixels));
    file.bytes_as(syntax)
}

/// Greyscale lossless JPEG (ITU-T T.81, annex H) with the left neighbour as prediction. All lengths of differences have codes of
/// five bits.
fn lossless_jpeg([width, height]: [u16; 2], precision: u8, values: &[u16]) -> Vec<u8> {
    let mut bits: Vec<bool> = Vec::new();
    let mut push = |value: u32, count: u32| bits.extend((0..count).rev().map(|bit| value >> bit & 1 == 1));
    for (index, &value) in values.iter().enumerate() {
        let (column, row) = (index % usize::from(width), index / usize::from(width));
        let predicted = match (column, row) {
            (0, 0) => 1 << (precision - 1),
            (0, _) => values[index - usize::from(width)],
            _ => values[index - 1],
        };
        let difference = i32::from(value) - i32::from(predicted);
        let length = u32::BITS - difference.unsigned_abs().leading_zeros();
        push(length, 5);
        push(if difference < 0 { (difference - 1).cast_unsigned() } else { difference.cast_unsigned() }, length);
    }
    bits.resize(bits.len().next_multiple_of(8), true);
    let bytes = bits.chunks(8).map(|byte| byte.iter().fold(0, |byte, &bit| byte << 1 | u8::from(bit)));
    let stuffed = bytes.flat_map(|byte| if byte == 0xFF { vec![byte, 0] } else { vec![byte] });
    let [[h, h2], [w, w2]] = [height, width].map(u16::to_be_bytes);
    let mut jpeg = vec![0xFF, 0xD8, 0xFF, 0xC4, 0, 36, 0, 0, 0, 0, 0, 17];
    jpeg.extend([0; 11]);
    jpeg.extend(0..17);
    jpeg.extend([0xFF, 0xC3, 0, 11, precision, h, h2, w, w2, 1, 1, 0x11, 0]);
    jpeg.extend([0xFF, 0xDA, 0, 8, 1, 1, 0, 1, 0, 0]);
    jpeg.extend(stuffed);
    jpeg.extend([0xFF, 0xD9]);
    jpeg
}

#[test]
fn lossless_jpeg_of_any_precision_is_decoded() {
    let values = [4095, 0, 1072, 2048, 1, 4094];
    for precision in [12, 13, 16] {
        let file = compressed(vec![lossless_jpeg([3, 2], precision, &values)], uids::JPEG_LOSSLESS_SV1);
        assert_eq!(open(&file).unwrap().slice(0).unwrap().hu(), values.map(f32::from), "{precision} bits");
    }
}

#[test]
fn the_size_in_a_codestream_is_checked_before_it_is_decoded() {
    let mut frame = lossless_jpeg([3, 2], 12, &[1; 6]);
    let start = frame.windows(2).position(|marker| marker == [0xFF, 0xC3]).unwrap();
    frame[start + 5..start + 9].fill(0xFF);
    let expected = "scan: PixelData: its frame has 65535 x 65535 pixels instead of 3 x 2";
    assert_eq!(refusal(&compressed(vec![frame], uids::JPEG_LOSSLESS_SV1)), expected);
}

/// A frame of 16-bit pixels in RLE (PS3.5, annex G): the high bytes, then the low ones, each as a literal run.
fn rle(values: &[u16]) -> Vec<u8> {
    let segment = |bytes: Vec<u8>| [&[bytes.len() as u8 - 1], &bytes[..]].concat();
    let [high, low] = [8, 0].map(|shift| segment(values.iter().map(|value| (value >> shift) as u8).collect()));
    let offsets = [2, 64, 64 + high.len() as u32].map(u32::to_le_bytes).concat();
    let mut frame = offsets;
    frame.resize(64, 0);
    frame.extend(high);
    frame.extend(low);
    frame.resize(frame.len().next_multiple_of(2), 0);
    frame
}

#[test]
fn more_compressed_frames_than_declared_are_refused() {
    let values = [1, 300, 3, 4, 5, 4095];
    let divided = |frame: Vec<u8>| vec![frame[..70].to_vec(), frame[70..].to_vec()];
    let scan = open(&compressed(divided(rle(&values)), uids::RLE_LOSSLESS)).unwrap();
    assert_eq!(scan.slice(0).unwrap().hu(), values.map(f32::from));
    let two = vec![rle(&values), rle(&values)];
    let expected = "scan: PixelData: it has 2 frames, but NumberOfFrames says 1; export the file again";
    assert_eq!(refusal(&compressed(two, uids::RLE_LOSSLESS)), expected);

    let frame = || lossless_jpeg([3, 2], 12, &[1; 6]);
    let expected = "scan: PixelData: it has 6 frames, but NumberOfFrames says 1; export the file again";
    assert_eq!(refusal(&compressed((0..6).map(|_| frame()).collect(), uids::JPEG_LOSSLESS_SV1)), expected);
    // A frame can be divided.
    let (start, end) = (frame()[..20].to_vec(), frame()[20..].to_vec());
    assert!(open(&compressed(vec![start, end], uids::JPEG_LOSSLESS_SV1)).is_ok());
}
