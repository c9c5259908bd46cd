//! Files that are opened together.
#![allow(clippy::unwrap_used, reason = "tests")]

mod samples;

use std::io::{Cursor, Read as _, Write as _};

use coin_imaging::{File, Limits, Opened, Scan, Window, data_files, open_all, write};
use dicom_core::VR;
use dicom_dictionary_std::{tags, uids};
use flate2::Compression;
use flate2::read::DeflateEncoder;
use samples::{Dicom, small_nifti};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

const UPRIGHT: &str = "1\\0\\0\\0\\1\\0";

/// A slice of a series at `position`, whose stored values are its number.
fn slice(series: &str, orientation: &str, position: [f64; 3], number: u16) -> Vec<u8> {
    dicom(series, orientation, position, number).bytes()
}

fn dicom(series: &str, orientation: &str, position: [f64; 3], number: u16) -> Dicom {
    let mut file = Dicom::new();
    let [x, y, z] = position;
    file.text(tags::SERIES_INSTANCE_UID, VR::UI, series);
    file.text(tags::INSTANCE_NUMBER, VR::IS, &number.to_string());
    file.text(tags::IMAGE_ORIENTATION_PATIENT, VR::DS, orientation);
    file.text(tags::IMAGE_POSITION_PATIENT, VR::DS, &format!("{x}\\{y}\\{z}"));
    file.text(tags::RESCALE_SLOPE, VR::DS, "1").text(tags::RESCALE_INTERCEPT, VR::DS, "0");
    file.words(&[number; 6]);
    file
}

fn open_within(files: &[(&str, Vec<u8>)], limits: &Limits) -> Result<Opened, coin_imaging::Error> {
    let files: Vec<File<'_>> = files.iter().map(|(name, bytes)| File { name, bytes }).collect();
    open_all(&files, Window::ABDOMEN, limits)
}

fn open(files: &[(&str, Vec<u8>)]) -> Opened {
    open_within(files, &Limits::default()).unwrap()
}

/// The first stored value of every slice.
fn numbers(scan: &Scan) -> Vec<f32> {
    (0..scan.slice_count()).map(|index| scan.slice(index).unwrap().hu()[0]).collect()
}

fn upright(places: &[f64]) -> Vec<(&'static str, Vec<u8>)> {
    let places = places.iter().enumerate();
    places.map(|(i, &z)| ("slice", slice("1.2", UPRIGHT, [0.0, 0.0, z], i as u16))).collect()
}

#[test]
fn slices_are_sorted_by_position() {
    let opened = open(&upright(&[20.0, 0.0, 30.0, 10.0]));
    let [scan] = &opened.scans[..] else { unreachable!("{} scans", opened.scans.len()) };
    assert_eq!(numbers(scan), [1.0, 3.0, 0.0, 2.0]);
    assert!(scan.notes().is_empty() && scan.is_oriented());
    let geometry = scan.geometry().unwrap();
    assert_eq!((geometry.depth(), geometry.slice_mm()), (4, 10.0));
}

#[test]
fn gaps_are_reported() {
    let missing = open(&upright(&[0.0, 10.0, 20.0, 40.0]));
    assert_eq!(
        missing.scans[0].notes(),
        ["slices are missing or uneven: 20.00 mm after slice 3, 10.00 mm elsewhere; no volume is exported"]
    );
    assert!(missing.scans[0].geometry().is_none());
    // Positions that are rounded are none.
    let rounded = open(&upright(&[0.0, 10.1, 20.0, 30.0]));
    assert!(rounded.scans[0].notes().is_empty() && rounded.scans[0].geometry().is_some());
    // Two slices of a localiser; each can be viewed.
    let far = open(&upright(&[0.0, 120.0]));
    assert_eq!(far.scans[0].slice_count(), 2);
    assert!(far.scans[0].geometry().is_none() && far.scans[0].notes()[0].contains("120"), "{:?}", far.scans[0].notes());
}

/// Slices at these places, with the acquisition of each.
fn acquired(slices: &[(f64, &str)]) -> Vec<(&'static str, Vec<u8>)> {
    let slices = slices.iter().enumerate().map(|(i, (z, acquisition))| {
        let mut file = dicom("1.2", UPRIGHT, [0.0, 0.0, *z], i as u16);
        ("slice", file.text(tags::ACQUISITION_NUMBER, VR::IS, acquisition).bytes())
    });
    slices.collect()
}

#[test]
fn overlapping_acquisitions_are_separate_volumes() {
    let same_places = [(0.0, "1"), (0.0, "2"), (3.0, "2"), (3.0, "1"), (6.0, "1"), (6.0, "2")];
    let interleaved = [(0.0, "1"), (1.5, "2"), (4.5, "2"), (3.0, "1"), (6.0, "1"), (7.5, "2")];
    for slices in [same_places, interleaved] {
        let opened = open(&acquired(&slices));
        let found: Vec<Vec<f32>> = opened.scans.iter().map(numbers).collect();
        assert_eq!(found, [[0.0, 3.0, 4.0], [1.0, 2.0, 5.0]]);
        for (scan, acquisition) in opened.scans.iter().zip(["1", "2"]) {
            assert_eq!(scan.geometry().unwrap().slice_mm(), 3.0);
            let note = format!(
                "its series holds 2 acquisitions that overlap; in this one, AcquisitionNumber is {acquisition}"
            );
            assert_eq!(scan.notes(), [note]);
        }
    }
    // Some scanners number every slice, and stacks that follow each other.
    for numbers in [["1", "2", "3", "4"], ["1", "1", "2", "2"]] {
        let slices: Vec<(f64, &str)> = [0.0, 2.0, 4.0, 6.0].into_iter().zip(numbers).collect();
        let opened = open(&acquired(&slices));
        assert_eq!(opened.scans.len(), 1);
        assert!(opened.scans[0].notes().is_empty() && opened.scans[0].geometry().is_some());
    }
}

/// Reported for other programs: two passes that overlap in part (vtk-dicom 220), echoes that share instance numbers
/// (dcm2niix 349), and positions of which some are repeated (vtk-dicom 30).
#[test]
fn passes_and_echoes_become_volumes() {
    let passes: Vec<(f64, &str)> =
        (0..5).map(|i| (2.0 * f64::from(i), "1")).chain((0..5).map(|i| (7.0 + 2.0 * f64::from(i), "2"))).collect();
    let opened = open(&acquired(&passes));
    let found: Vec<Vec<f32>> = opened.scans.iter().map(numbers).collect();
    assert_eq!(found, [[0.0, 1.0, 2.0, 3.0, 4.0], [5.0, 6.0, 7.0, 8.0, 9.0]]);
    assert!(opened.scans.iter().all(|scan| scan.geometry().is_some()));

    // The third acquisition continues the second, not the first.
    let phases: Vec<(f64, &str)> = [("1", 0.0), ("2", 0.0), ("3", 6.0)]
        .into_iter()
        .flat_map(|(acquisition, start)| (0..3).map(move |i| (start + 2.0 * f64::from(i), acquisition)))
        .collect();
    let found: Vec<Vec<f32>> = open(&acquired(&phases)).scans.iter().map(numbers).collect();
    assert_eq!(found, [vec![3.0, 4.0, 5.0, 6.0, 7.0, 8.0], vec![0.0, 1.0, 2.0]]);

    // Each reconstruction is shown in its own window.
    let kernel = |z: u16, name: &str, width: &str| {
        let mut file = dicom("1.2", UPRIGHT, [0.0, 0.0, f64::from(z)], z);
        file.text(tags::CONVOLUTION_KERNEL, VR::SH, name);
        file.text(tags::WINDOW_CENTER, VR::DS, "40").text(tags::WINDOW_WIDTH, VR::DS, width);
        ("kernel", file.words(&[z + width.len() as u16; 6]).bytes())
    };
    let slices = (0..3).flat_map(|z| [kernel(z, "B30f", "400"), kernel(z, "B70f", "2000")]);
    let opened = open(&slices.collect::<Vec<_>>());
    let ends: Vec<f32> = opened.scans.iter().map(|scan| scan.window().unwrap().high()).collect();
    assert_eq!(ends, [240.0, 1040.0]);

    let echo = |z: u16, time: u16| {
        let mut file = dicom("1.2", UPRIGHT, [0.0, 0.0, f64::from(z)], z);
        file.text(tags::MODALITY, VR::CS, "MR").text(tags::ECHO_TIME, VR::DS, &time.to_string());
        ("echo", file.words(&[100 * time + z; 6]).bytes())
    };
    let opened = open(&(0..4).flat_map(|z| [echo(z, 5), echo(z, 10)]).collect::<Vec<_>>());
    let found: Vec<Vec<f32>> = opened.scans.iter().map(numbers).collect();
    assert_eq!(found, [[500.0, 501.0, 502.0, 503.0], [1000.0, 1001.0, 1002.0, 1003.0]]);

    let opened = open(&upright(&[0.0, 2.0, 4.0, 0.0, 4.0, 0.0]));
    let found: Vec<Vec<f32>> = opened.scans.iter().map(numbers).collect();
    assert_eq!(found, [vec![0.0, 1.0, 2.0], vec![3.0, 4.0], vec![5.0]]);
}

#[test]
fn slices_at_the_same_position_are_copies_or_separate_volumes() {
    let different = open(&upright(&[0.0, 10.0, 10.0, 20.0]));
    assert_eq!(different.scans.iter().map(numbers).collect::<Vec<_>>(), [vec![0.0, 1.0, 3.0], vec![2.0]]);
    let note = "its series has different slices at the same position; this is volume 1 of 2, by instance number; \
                some positions have fewer slices, so that volumes can be mixed";
    assert_eq!(different.scans[0].notes(), [note]);
    let mut copied = upright(&[0.0, 10.0, 20.0]);
    copied.push(copied[1].clone());
    let copied = open(&copied);
    assert_eq!(copied.scans.iter().map(numbers).collect::<Vec<_>>(), [[0.0, 1.0, 2.0]]);
    assert_eq!(copied.scans[0].notes(), ["one slice is a copy of another and was left out"]);
}

#[test]
fn slices_without_a_series_are_grouped_by_geometry() {
    let anonymised = (0..6_u16).map(|i| {
        let mut file = dicom("", UPRIGHT, [0.0, 0.0, 3.0 * f64::from(i)], i);
        ("slice", file.remove(tags::SERIES_INSTANCE_UID).bytes())
    });
    let opened = open(&anonymised.collect::<Vec<_>>());
    assert_eq!(opened.scans.iter().map(Scan::slice_count).collect::<Vec<_>>(), [6]);
}

#[test]
fn patients_without_a_series_or_with_the_same_one_are_not_mixed() {
    let file = |series: &str, study: &str, z: f64, number: u16| {
        let mut file = dicom(series, UPRIGHT, [0.0, 0.0, z], number);
        file.text(tags::STUDY_INSTANCE_UID, VR::UI, study).bytes()
    };
    let by_folder =
        [("a/1", ("", "", 0.0, 1)), ("b/1", ("", "", 0.5, 3)), ("a/2", ("", "", 1.0, 2)), ("b/2", ("", "", 1.5, 4))];
    let by_study =
        [("1", ("9", "5", 0.0, 1)), ("2", ("9", "6", 0.5, 3)), ("3", ("9", "5", 1.0, 2)), ("4", ("9", "6", 1.5, 4))];
    for files in [by_folder, by_study] {
        let files = files.map(|(name, (series, study, z, number))| (name, file(series, study, z, number)));
        let found: Vec<Vec<f32>> = open(&files).scans.iter().map(numbers).collect();
        assert_eq!(found, [[1.0, 2.0], [3.0, 4.0]]);
    }
}

#[test]
fn frames_of_one_position_follow_the_normal() {
    let mut file = dicom("1.2", "1\\0\\0\\0\\-1\\0", [0.0, 0.0, 10.0], 0);
    file.text(tags::NUMBER_OF_FRAMES, VR::IS, "3").words([[1; 6], [2; 6], [3; 6]].as_flattened());
    let unknown = open(&[("cbct", file.bytes())]);
    assert_eq!(numbers(&unknown.scans[0]), [1.0, 2.0, 3.0]);
    assert!(unknown.scans[0].notes()[0].contains("no position") && unknown.scans[0].geometry().is_none());
    // The normal points to the feet.
    file.text(tags::SPACING_BETWEEN_SLICES, VR::DS, "3");
    let opened = open(&[("cbct", file.bytes())]);
    assert_eq!(numbers(&opened.scans[0]), [3.0, 2.0, 1.0]);
    assert_eq!(opened.scans[0].geometry().unwrap().slice_mm(), 3.0);
    // Only the directions count, not their lengths.
    file.text(tags::IMAGE_ORIENTATION_PATIENT, VR::DS, "1.25\\0\\0\\0\\-1.25\\0");
    let slice_mm = open(&[("cbct", file.bytes())]).scans[0].geometry().unwrap().slice_mm();
    assert!((slice_mm - 3.0).abs() < 1e-5, "{slice_mm}");
}

#[test]
fn axial_slices_are_cut_from_a_coronal_series() {
    let coronal = "1\\0\\0\\0\\0\\-1";
    // 3 columns, 2 rows from head to feet, and 10 slices from the front to the back.
    let series = |count: u16| {
        let slices = (0..count).map(|i| {
            let mut file = dicom("1.2", coronal, [0.0, 4.0 * f64::from(i), 0.0], i);
            ("coronal", file.words(&[10, 20, 30, 40, 50, 60].map(|value| value + i)).bytes())
        });
        slices.collect::<Vec<_>>()
    };
    let opened = open(&series(10));
    let scan = &opened.scans[0];
    assert_eq!(scan.geometry().unwrap().shape(), [3, 10, 2]);
    // The lower slice: the second row of each coronal slice, from the front.
    assert_eq!(scan.slice(0).unwrap().hu()[..6], [40.0, 50.0, 60.0, 41.0, 51.0, 61.0]);
    assert_eq!(scan.slice(1).unwrap().hu()[..3], [10.0, 20.0, 30.0]);
    assert_eq!(scan.notes(), ["the series is coronal; its axial slices are cut from the volume"]);
    let few = open_within(&series(3), &Limits::default()).unwrap_err().to_string();
    assert!(few.contains("too few or too uneven"), "{few}");
    let scout = series(10).into_iter().map(|(name, _)| name).zip((0..10).map(|i| {
        let mut file = dicom("1.2", coronal, [0.0, 4.0 * f64::from(i), 0.0], i as u16);
        file.text(tags::IMAGE_TYPE, VR::CS, "ORIGINAL\\PRIMARY\\LOCALIZER").bytes()
    }));
    let scout = open_within(&scout.collect::<Vec<_>>(), &Limits::default()).unwrap_err().to_string();
    assert!(scout.contains("scout"), "{scout}");
}

#[test]
fn elements_encoded_otherwise_than_stated_are_read_with_a_note() {
    let file = dicom("1.2", UPRIGHT, [0.0, 0.0, 0.0], 7);
    let (explicit, implicit) = (uids::EXPLICIT_VR_LITTLE_ENDIAN, uids::IMPLICIT_VR_LITTLE_ENDIAN);
    let big_endian = "1.2.840.10008.1.2.2";
    let mut deflated = Vec::new();
    let plain = file.bare_bytes(explicit);
    DeflateEncoder::new(&plain[..], Compression::default()).read_to_end(&mut deflated).unwrap();
    let pairs = [(explicit, implicit), (explicit, big_endian), (implicit, big_endian)];
    let pairs = pairs.into_iter().flat_map(|(one, other)| [(one, other), (other, one)]);
    let bodies = pairs.map(|(stated, actual)| (stated, file.bare_bytes(actual)));
    for (stated, body) in bodies.chain([(explicit, deflated)]) {
        let (right, elements) = (file.bytes_as(stated), file.bare_bytes(stated));
        let head = &right[..right.len() - elements.len()];
        let opened = open(&[("slice", [head, &body].concat())]);
        assert_eq!(numbers(&opened.scans[0]), [7.0]);
        assert!(opened.scans[0].notes()[0].contains("not encoded as its transfer syntax says"));
        assert!(open(&[("slice", right)]).scans[0].notes().is_empty());
    }
}

#[test]
fn files_of_operating_systems_are_passed_over() {
    let mut files = upright(&[0.0, 3.0]);
    files.extend([("folder/._slice", vec![0; 9]), ("folder/DICOMDIR", vec![0; 9]), ("Thumbs.db", vec![1])]);
    let opened = open(&files);
    assert!(opened.scans.len() == 1 && opened.notes.is_empty(), "{:?}", opened.notes);
}

#[test]
fn gantry_tilt_is_rejected_and_rounded_positions_are_not() {
    let sheared: Vec<_> = (0..5_u16)
        .map(|i| ("tilted", slice("1.2", UPRIGHT, [0.0, 0.3 * f64::from(i), 2.0 * f64::from(i)], i)))
        .collect();
    let message = open_within(&sheared, &Limits::default()).unwrap_err().to_string();
    assert!(message.contains("sheared by 8.5 degrees (gantry tilt); resample"), "{message}");
    // Slices of 0.6 mm, tilted by 3 degrees, whose positions have two decimals.
    let (sin, cos) = 3_f64.to_radians().sin_cos();
    let orientation = format!("1\\0\\0\\0\\{cos:.6}\\{:.6}", -sin);
    let place = |i: u16, share: f64| (f64::from(i) * 60.0 * share).round() / 100.0;
    let rounded: Vec<_> =
        (0..20).map(|i| ("thin", slice("1.2", &orientation, [0.0, place(i, sin), place(i, cos)], i))).collect();
    let opened = open(&rounded);
    assert_eq!(opened.scans[0].slice_count(), 20);
}

#[test]
fn series_and_shapes_are_separated_and_unreadable_files_reported() {
    let coronal = "1\\0\\0\\0\\0\\-1";
    let files = [
        ("a1", slice("1.2", UPRIGHT, [0.0, 0.0, 0.0], 0)),
        ("b1", slice("1.3", UPRIGHT, [0.0, 0.0, 0.0], 7)),
        // Rounding of a few decimals does not split a series.
        ("a2", slice("1.2", "1\\0.0004\\0\\0\\1\\0", [0.0, 0.0, 5.0], 1)),
        ("survey", slice("1.2", coronal, [0.0, 0.0, 0.0], 9)),
        ("report.pdf", b"%PDF-1.7".to_vec()),
        ("v.nii", small_nifti().bytes()),
    ];
    let opened = open(&files);
    let slices: Vec<usize> = opened.scans.iter().map(Scan::slice_count).collect();
    assert_eq!(slices, [2, 2, 1]);
    assert_eq!(opened.notes.len(), 2, "{:?}", opened.notes);
    assert!(
        opened.notes.iter().any(|note| note.starts_with("survey: ImageOrientationPatient: the slice is not axial"))
    );
    assert!(opened.notes.iter().any(|note| note.starts_with("report.pdf: this is no DICOM")));
}

#[test]
fn slices_without_positions_are_sorted_by_number() {
    let file = |number: &str, value: u16| {
        let mut file = Dicom::new();
        file.text(tags::SERIES_INSTANCE_UID, VR::UI, "1.2").text(tags::INSTANCE_NUMBER, VR::IS, number);
        file.text(tags::RESCALE_SLOPE, VR::DS, "1").text(tags::RESCALE_INTERCEPT, VR::DS, "0").words(&[value; 6]);
        file.bytes()
    };
    let opened = open(&[("x", file("10", 10)), ("y", file("2", 2)), ("z", file("1", 1))]);
    assert_eq!(numbers(&opened.scans[0]), [1.0, 2.0, 10.0]);
    assert!(opened.scans[0].notes()[0].starts_with("the slices have no position"));
}

#[test]
fn limits_apply_to_all_files_together() {
    let files = upright(&[0.0, 1.0, 2.0, 3.0]);
    let limits = Limits { voxels: 23, ..Limits::default() };
    let message = open_within(&files, &limits).unwrap_err().to_string();
    assert!(message.contains("voxels of the files together exceeds the limit of 23"), "{message}");
    let limits = Limits { bytes: 3 * files[0].1.len() as u64, ..Limits::default() };
    let message = open_within(&files, &limits).unwrap_err().to_string();
    assert!(message.contains("size of the files together exceeds"), "{message}");
}

#[test]
fn header_and_image_pairs_need_the_same_name() {
    let pair = |value: u8| {
        let mut header = small_nifti();
        header.put(344, *b"ni1\0");
        header.put_f32(108, &[0.0]);
        let voxels = vec![value; header.voxels.len()];
        (header.header[..348].to_vec(), voxels)
    };
    let ((a_header, a_image), (b_header, b_image)) = (pair(1), pair(2));
    let opened = open(&[("a/v.hdr", a_header), ("a/v.img", a_image), ("b/v.hdr", b_header), ("b/v.img", b_image)]);
    let first: Vec<f32> = opened.scans.iter().map(|scan| scan.slice(0).unwrap().hu()[0]).collect();
    assert_eq!(first, [257.0, 514.0]);
    assert!(opened.notes.is_empty(), "{:?}", opened.notes);
}

#[test]
fn a_file_without_orientation_is_not_oriented() {
    let mut silent = small_nifti();
    silent.put(254, 0_i16.to_le_bytes());
    assert!(!open(&[("v.nii", silent.bytes())]).scans[0].is_oriented());
    assert!(open(&[("v.nii", small_nifti().bytes())]).scans[0].is_oriented());
}

/// An element with explicit length.
fn element(group: u16, number: u16, vr: &[u8; 2], value: &[u8]) -> Vec<u8> {
    let head = [&group.to_le_bytes()[..], &number.to_le_bytes(), vr].concat();
    let length = match vr {
        b"OB" | b"SQ" => [&[0, 0][..], &(value.len() as u32).to_le_bytes()].concat(),
        _ => (value.len() as u16).to_le_bytes().to_vec(),
    };
    [head, length, value.to_vec()].concat()
}

/// Encapsulated pixel data with these items and the sequence delimiter.
fn encapsulated(items: &[&[u8]]) -> Vec<u8> {
    let mut bytes = b"\xE0\x7F\x10\x00OB\0\0\xFF\xFF\xFF\xFF".to_vec();
    for item in items {
        bytes.extend(b"\xFE\xFF\x00\xE0");
        bytes.extend((item.len() as u32).to_le_bytes());
        bytes.extend(*item);
    }
    bytes.extend(b"\xFE\xFF\xDD\xE0\0\0\0\0");
    bytes
}

fn rle(frames: &str, icon: &[u8], items: &[&[u8]]) -> Vec<u8> {
    let short = |number: u16, value: u16| element(0x28, number, b"US", &value.to_le_bytes());
    let syntax = element(2, 0x10, b"UI", uids::RLE_LOSSLESS.as_bytes());
    let modality = element(8, 0x60, b"CS", b"CT");
    let frames = element(0x28, 8, b"IS", frames.as_bytes());
    let grid = [short(2, 1), frames, short(0x10, 1), short(0x11, 2), short(0x100, 8), short(0x101, 8)].concat();
    let meta = [&[0; 128][..], b"DICM", &syntax].concat();
    [meta, modality, grid, short(0x102, 7), short(0x103, 0), icon.to_vec(), encapsulated(items)].concat()
}

/// A frame of two pixels in RLE.
fn packed(pixels: [u8; 2]) -> Vec<u8> {
    let mut frame = vec![0; 64];
    (frame[0], frame[4]) = (1, 64);
    frame.extend([1, pixels[0], pixels[1], 0]);
    frame
}

#[test]
fn a_compressed_icon_is_skipped() {
    let inside = encapsulated(&[&[], b"\xFF\xD8 no elements at all \xFF\xD9"]);
    let item = [&b"\xFE\xFF\x00\xE0\xFF\xFF\xFF\xFF"[..], &inside, b"\xFE\xFF\x0D\xE0\0\0\0\0"].concat();
    let icon = [&b"\x88\x00\x00\x02SQ\0\0\xFF\xFF\xFF\xFF"[..], &item, b"\xFE\xFF\xDD\xE0\0\0\0\0"].concat();
    let file = rle("1 ", &icon, &[&[], &packed([5, 9])]);
    assert_eq!(open(&[("icon", file)]).scans[0].slice(0).unwrap().hu(), [5.0, 9.0]);
}

#[test]
fn fragmented_frames_follow_the_offset_table() {
    let (a, b) = (packed([1, 2]), packed([3, 4]));
    let table: Vec<u8> = [0_u32, 8 + 30 + 8 + 38].iter().flat_map(|offset| offset.to_le_bytes()).collect();
    let file = rle("2 ", &[], &[&table, &a[..30], &a[30..], &b[..40], &b[40..]]);
    let scan = &open(&[("frames", file)]).scans[0];
    assert_eq!((scan.slice(0).unwrap().hu(), scan.slice(1).unwrap().hu()), (&[1.0, 2.0][..], &[3.0, 4.0][..]));
    // A damaged table allocates nothing beyond its bytes.
    let (table, nothing) = (vec![7; 4 << 20], vec![&b""[..]; 400_000]);
    let items: Vec<&[u8]> = std::iter::once(&table[..]).chain(nothing).collect();
    let message = open_within(&[("frames", rle("2 ", &[], &items))], &Limits::default()).unwrap_err().to_string();
    assert!(message.contains("400000 fragments for 2 frames"), "{message}");
}

/// A ZIP archive of the files, with a folder and a hidden file.
fn archive(files: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut archive = ZipWriter::new(Cursor::new(Vec::new()));
    archive.add_directory("study", SimpleFileOptions::default()).unwrap();
    let hidden = ("study/.hidden", b"not a slice".to_vec());
    for (index, (name, bytes)) in files.iter().chain([&hidden]).enumerate() {
        let name = if name.contains('/') { (*name).to_owned() } else { format!("study/{index}-{name}") };
        archive.start_file(name, SimpleFileOptions::default()).unwrap();
        archive.write_all(bytes).unwrap();
    }
    archive.finish().unwrap().into_inner()
}

#[test]
fn an_archive_gives_the_same_as_its_files() {
    let files = upright(&[20.0, 0.0, 10.0]);
    let [loose, packed] = [open(&files), open(&[("study.zip", archive(&files))])];
    assert_eq!(numbers(&packed.scans[0]), numbers(&loose.scans[0]));
    assert_eq!((packed.scans.len(), packed.notes.len()), (1, 0), "folders and hidden files are passed over");
    // The notes name the file in the archive.
    let mut mixed = files.clone();
    mixed.push(("report.txt", b"a report".to_vec()));
    let notes = open(&[("study.zip", archive(&mixed))]).notes;
    assert!(notes[0].starts_with("study.zip/study/3-report.txt: "), "{notes:?}");
}

#[test]
fn archives_have_limits() {
    let entries = |count: usize| -> Vec<(&str, Vec<u8>)> { (0..count).map(|_| ("note", b"text".to_vec())).collect() };
    let limits = Limits { slices: 4, ..Limits::default() };
    // With the folder and the hidden file, 8 and 9 entries.
    let mut files = entries(5);
    files.push(("slice", slice("1.2", UPRIGHT, [0.0; 3], 7)));
    assert_eq!(numbers(&open_within(&[("a.zip", archive(&files))], &limits).unwrap().scans[0]), [7.0]);
    files.push(("note", b"text".to_vec()));
    let message = open_within(&[("a.zip", archive(&files))], &limits).unwrap_err().to_string();
    assert!(message.contains("number of files") && message.contains('8'), "{message}");

    // Both together: zeros compress well.
    let long = |number: u16| {
        let mut file = dicom("1.2", UPRIGHT, [0.0, 0.0, f64::from(number)], number);
        file.text(tags::IMAGE_COMMENTS, VR::LT, &" x".repeat(5000));
        vec![("slice", file.bytes())]
    };
    let packed = [("a.zip", archive(&long(1))), ("b.zip", archive(&long(2)))];
    let stored: usize = packed.iter().map(|(_, bytes)| bytes.len()).sum();
    let unpacked = long(1)[0].1.len();
    // An archive may unpack to what remains.
    let exact = Limits { bytes: 2 * unpacked as u64, ..Limits::default() };
    assert!(stored < unpacked);
    assert_eq!(open_within(&packed, &exact).unwrap().scans[0].slice_count(), 2);
    let short = Limits { bytes: exact.bytes - 1, ..exact };
    let opened = open_within(&packed, &short).unwrap();
    assert_eq!(opened.scans[0].slice_count(), 1);
    assert!(opened.notes[0].contains("b.zip") && opened.notes[0].contains("unpacked size"), "{:?}", opened.notes);
}

#[test]
fn files_that_are_too_large_together_are_told_from_one_that_is() {
    // Each slice has 6 pixels.
    let files = upright(&[0.0, 10.0]);
    let refusal = |limits: Limits, files: &[(&str, Vec<u8>)]| open_within(files, &limits).unwrap_err().to_string();
    let fits = Limits { voxels: 12, slices: 2, ..Limits::default() };
    assert_eq!(open_within(&files, &fits).unwrap().scans[0].slice_count(), 2);
    let together = "voxels of the files together";
    assert!(refusal(Limits { voxels: 11, ..fits }, &files).contains(together));
    assert!(refusal(Limits { slices: 1, ..fits }, &files).contains(together));
    let alone = refusal(Limits { voxels: 5, ..fits }, &files[..1]);
    assert!(alone.contains("PixelData") && !alone.contains(together), "{alone}");
}

#[test]
fn a_hidden_file_that_is_opened_alone_is_read() {
    let hidden = (".slice", slice("1.2", UPRIGHT, [0.0; 3], 7));
    assert_eq!(numbers(&open(std::slice::from_ref(&hidden)).scans[0]), [7.0]);
    let two = open(&[hidden, ("slice", slice("1.3", UPRIGHT, [0.0; 3], 8))]);
    assert_eq!((two.scans.len(), numbers(&two.scans[0])), (1, vec![8.0]));
}

#[test]
fn detached_headers_name_their_voxels() {
    let meta = b"ObjectType = Image\nNDims = 3\nDimSize = 2 2 2\nElementDataFile = sub/voxels.raw\n";
    assert_eq!(data_files(meta), [["sub/voxels.raw", "voxels.raw"]]);
    assert_eq!(data_files(b"NRRD0004\ntype: short\ndata file: ./voxels.raw.gz\n"), [["voxels.raw.gz"]]);
    // A path of another computer, or out of the folder.
    for stated in ["/home/someone/voxels.raw", "C:\\scans\\voxels.raw", "../other/voxels.raw"] {
        let header = format!("NRRD0004\ntype: short\ndata file: {stated}\n");
        assert_eq!(data_files(header.as_bytes()), [["voxels.raw"]], "{stated}");
    }
    for (stated, files) in [
        ("LIST\nb.raw\nsub/a.raw\n", &[&["b.raw"][..], &["sub/a.raw", "a.raw"]][..]),
        ("LIST 2\n\n", &[]),
        ("a%d.raw 9 11 1", &[&["a9.raw"], &["a10.raw"], &["a11.raw"]]),
        ("a%03d.raw 5 1 -2 2", &[&["a005.raw"], &["a003.raw"], &["a001.raw"]]),
        ("%2i.raw 1 1", &[&[" 1.raw"]]),
        // Not patterns.
        ("50% dose.raw", &[&["50% dose.raw"]]),
        ("a%d.raw 1 2 0", &[&["a%d.raw 1 2 0"]]),
        ("a%d.raw 2 1 1", &[&["a%d.raw 2 1 1"]]),
        ("a%d.raw 1 99999999 1", &[&["a%d.raw 1 99999999 1"]]),
        ("a%s.raw 1 2 1", &[&["a%s.raw 1 2 1"]]),
        ("LISTED.raw", &[&["LISTED.raw"]]),
    ] {
        for header in ["NRRD0004\ntype: short\nDATA FILE: ", "NDims = 3\nElementDataFile = "] {
            assert_eq!(data_files(format!("{header}{stated}").as_bytes()), files, "{header}{stated}");
        }
    }
    for other in
        [&b"NRRD0004\ntype: short\n\n"[..], b"ElementDataFile = v.raw\n", b"", &slice("1.2", UPRIGHT, [0.0; 3], 1)]
    {
        assert!(data_files(other).is_empty());
    }
    // A header is text of at most 4 MiB.
    assert!(data_files(b"NRRD0004\ndata file: v.raw\n\0").is_empty());
    for (bytes, end) in
        [((4 << 20) - 1, ""), (4 << 20, ""), ((4 << 20) + 1, ""), ((4 << 20) - 2, "\n\n"), ((4 << 20) + 1, "\n\n")]
    {
        let start = "NRRD0004\ndata file: v.raw\n";
        let padding = "# a comment\n".repeat(bytes / 12);
        let header = format!("{start}{}", &padding[..bytes - start.len()]) + end;
        assert_eq!(data_files(header.as_bytes()).len(), usize::from(bytes <= 4 << 20), "{bytes} bytes");
    }
}

#[test]
fn a_volume_of_a_series_lies_where_the_series_lies() {
    let opened = open(&upright(&[0.0, 3.0, 6.0, 9.0]));
    let [scan] = &opened.scans[..] else { unreachable!("{} scans", opened.scans.len()) };
    let hu: Vec<&[f32]> = (0..4).map(|index| scan.slice(index).unwrap().hu()).collect();
    let written = write::nifti::<f32>(&hu, scan.geometry().unwrap()).unwrap();
    let read = Scan::open(&written, "written", Window::ABDOMEN, &Limits::default()).unwrap();
    assert_eq!(read.geometry().unwrap().distance(scan.geometry().unwrap()), 0.0);
    assert_eq!(read.geometry().unwrap().to_string(), scan.geometry().unwrap().to_string());
    assert_eq!(numbers(&read), numbers(scan));
}

#[test]
fn voxels_are_found_below_their_header() {
    let header = |file: &str| {
        let text = "NRRD0004\ntype: uchar\ndimension: 3\nsizes: 2 1 1\nspacings: 1 1 1\nencoding: raw\n";
        format!("{text}data file: {file}\n").into_bytes()
    };
    // Two headers name files of one name in different folders.
    let files = [
        ("study/a.nhdr", header("a/voxels.raw")),
        ("study/b.nhdr", header("b/voxels.raw")),
        ("study/a/voxels.raw", vec![1, 2]),
        ("study/b/voxels.raw", vec![3, 4]),
    ];
    let opened = open(&files);
    assert_eq!(opened.scans.iter().map(numbers).collect::<Vec<_>>(), [[1.0], [3.0]]);
    assert!(opened.notes.is_empty(), "{:?}", opened.notes);
}

#[test]
fn acquisitions_whose_ends_have_one_place_overlap() {
    // The third slice of one and the first of the other are at the same place but for rounding.
    for slices in [
        [(0.0, "1"), (3.0, "1"), (6.0, "1"), (6.0005, "2"), (9.0005, "2"), (12.0005, "2")],
        [(6.0005, "1"), (9.0005, "1"), (12.0005, "1"), (0.0, "2"), (3.0, "2"), (6.0, "2")],
    ] {
        let opened = open(&acquired(&slices));
        assert_eq!(opened.scans.iter().map(Scan::slice_count).collect::<Vec<_>>(), [3, 3], "{slices:?}");
    }
    let absent = open(&acquired(&[(0.0, ""), (3.0, ""), (0.0, "1"), (3.0, "1")]));
    assert!(absent.scans[0].notes()[0].ends_with("AcquisitionNumber is absent"), "{:?}", absent.scans[0].notes());
}

#[test]
fn notes_of_several_files_are_listed_once() {
    let explicit = uids::EXPLICIT_VR_LITTLE_ENDIAN;
    let deviating = |place: f64| {
        let file = dicom("1.2", UPRIGHT, [0.0, 0.0, place], 1);
        let (right, elements) = (file.bytes_as(explicit), file.bare_bytes(explicit));
        let head = right[..right.len() - elements.len()].to_vec();
        ("slice", [head, file.bare_bytes(uids::IMPLICIT_VR_LITTLE_ENDIAN)].concat())
    };
    let plain = ("slice", slice("1.2", UPRIGHT, [0.0; 3], 0));
    for files in [vec![plain.clone(), deviating(3.0), deviating(6.0)], vec![deviating(3.0), deviating(6.0), plain]] {
        let opened = open(&files);
        assert_eq!(opened.scans[0].notes(), ["it is not encoded as its transfer syntax says; it was read"]);
    }
}

#[test]
fn turned_and_reformatted_slices_are_described() {
    let series = |orientation: &str, step: [f64; 3], count: u16| {
        let slice = |i: u16| ("slice", slice("1.2", orientation, step.map(|mm| mm * f64::from(i)), i));
        open(&(0..count).map(slice).collect::<Vec<_>>()).scans.remove(0)
    };
    let turned = series("0.8660254\\0.5\\0\\-0.5\\0.8660254\\0", [0.0, 0.0, 3.0], 3);
    assert_eq!(turned.notes(), ["the slices are turned by 30 degrees in their plane"]);
    let slightly = series("0.9961947\\0.0871557\\0\\-0.0871557\\0.9961947\\0", [0.0, 0.0, 3.0], 3);
    assert!(slightly.notes().is_empty(), "{:?}", slightly.notes());
    for (orientation, step, kind) in [
        ("1\\0\\0\\0\\0\\-1", [0.0, 4.0, 0.0], "coronal"),
        ("0\\1\\0\\0\\0\\-1", [-4.0, 0.0, 0.0], "sagittal"),
        ("1\\0\\0\\0\\0.7071068\\-0.7071068", [0.0, 2.8284271, 2.8284271], "oblique"),
    ] {
        let note = format!("the series is {kind}; its axial slices are cut from the volume");
        assert_eq!(series(orientation, step, 10).notes(), [note]);
    }
}

#[test]
fn a_mirrored_series_lies_where_the_straight_one_lies() {
    // 3 columns and 2 rows of 0.75 x 0.5 mm; the first pixel of a mirrored slice is the last of a straight one.
    let series = |orientation: &str, [x, y]: [f64; 2]| {
        let slice = |z: u16| ("slice", slice("1.2", orientation, [x, y, 3.0 * f64::from(z)], z));
        open(&(0..4).map(slice).collect::<Vec<_>>()).scans.remove(0)
    };
    let straight = series(UPRIGHT, [10.0, 20.0]);
    for (orientation, corner) in
        [("-1\\0\\0\\0\\-1\\0", [11.5, 20.5]), ("0\\1\\0\\-1\\0\\0", [10.5, 20.0]), ("0\\-1\\0\\1\\0\\0", [10.0, 21.5])]
    {
        let mirrored = series(orientation, corner);
        let (own, other) = (straight.geometry().unwrap(), mirrored.geometry().unwrap());
        assert_eq!(mirrored.slice_count(), 4);
        if own.shape() == other.shape() {
            assert!(own.distance(other) < 1e-6, "{orientation}: {own}, {other}");
        } else {
            // Turned by a right angle: 2 columns and 3 rows, with their corner in the same place.
            assert_eq!(other.shape(), [2, 3, 4]);
            assert!(other.to_string().ends_with("from (-10.00, -20.00, 0.00)"), "{orientation}: {other}");
        }
    }
}
