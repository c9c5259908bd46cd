//! What belongs together in a DICOM series: phases, echoes, reconstructions, scouts and copies.
#![allow(clippy::unwrap_used, reason = "tests")]

mod samples;

use coin_imaging::{File, Limits, Opened, Scan, Window, open_all};
use dicom_core::value::{DataSetSequence, PrimitiveValue};
use dicom_core::{DataElement, Tag, VR};
use dicom_dictionary_std::tags;
use dicom_object::InMemDicomObject;
use samples::Dicom;

/// An axial slice at `z` mm, whose stored values are its number.
fn slice(z: f64, number: u16) -> Dicom {
    let mut file = Dicom::new();
    file.text(tags::SERIES_INSTANCE_UID, VR::UI, "1.2");
    file.text(tags::INSTANCE_NUMBER, VR::IS, &number.to_string());
    file.text(tags::IMAGE_POSITION_PATIENT, VR::DS, &format!("0\\0\\{z}"));
    file.text(tags::RESCALE_SLOPE, VR::DS, "1").text(tags::RESCALE_INTERCEPT, VR::DS, "0");
    file.words(&[number; 6]);
    file
}

fn open(files: &[Vec<u8>]) -> Opened {
    let files: Vec<File<'_>> = files.iter().map(|bytes| File { name: "slice", bytes }).collect();
    open_all(&files, Window::ABDOMEN, &Limits::default()).unwrap()
}

/// The first stored value of every slice.
fn numbers(scan: &Scan) -> Vec<f32> {
    (0..scan.slice_count()).map(|index| scan.slice(index).unwrap().hu()[0]).collect()
}

fn volumes(files: &[Vec<u8>]) -> Vec<Vec<f32>> {
    open(files).scans.iter().map(numbers).collect()
}

/// Slices at these places, in the order of their instance numbers, each with a value of an element.
fn with(tag: Tag, vr: VR, slices: &[(f64, &str)]) -> Vec<Vec<u8>> {
    let slices = slices.iter().enumerate().map(|(index, (z, value))| {
        let mut file = slice(*z, index as u16);
        match *value {
            "" => {}
            value if vr == VR::FD => {
                file.0.put(DataElement::new(tag, vr, PrimitiveValue::from(value.parse::<f64>().unwrap())));
            }
            value => {
                file.text(tag, vr, value);
            }
        }
        file.bytes()
    });
    slices.collect()
}

#[test]
fn phases_at_the_same_places_are_told_apart() {
    for (tag, vr, a, b) in [
        (tags::SERIES_NUMBER, VR::IS, "2", "3"),
        (tags::SLICE_THICKNESS, VR::DS, "1.5", "3"),
        (tags::DIFFUSION_B_VALUE, VR::FD, "0", "800"),
        (tags::TRIGGER_TIME, VR::DS, "0", "412.5"),
        (tags::ACQUISITION_TIME, VR::TM, "101010.5", "101042"),
        (tags::STACK_ID, VR::SH, "a", "b"),
    ] {
        // The order changes from place to place.
        let slices = [(0.0, a), (0.0, b), (3.0, b), (3.0, a), (6.0, a), (6.0, b)];
        assert_eq!(volumes(&with(tag, vr, &slices)), [[0.0, 3.0, 4.0], [1.0, 2.0, 5.0]], "{tag}");
    }
    // A phase that lacks a slice gets none of the other.
    let times = [(0.0, "1"), (3.0, "1"), (9.0, "1"), (0.0, "2"), (3.0, "2"), (6.0, "2"), (9.0, "2")];
    assert_eq!(volumes(&with(tags::ACQUISITION_TIME, VR::TM, &times)), [vec![3.0, 4.0, 5.0, 6.0], vec![0.0, 1.0, 2.0]]);
    // Every image is an acquisition of its own, and those of a phase follow each other.
    let numbers = [(0.0, "1"), (0.0, "4"), (3.0, "5"), (3.0, "2"), (6.0, "3"), (6.0, "6")];
    assert_eq!(volumes(&with(tags::ACQUISITION_NUMBER, VR::IS, &numbers)), [[0.0, 3.0, 4.0], [1.0, 2.0, 5.0]]);
    // Every slice has its own time, and files of the same number alternate.
    let times = [(0.0, "10"), (0.0, "50"), (3.0, "11"), (3.0, "51"), (6.0, "12"), (6.0, "52")];
    assert_eq!(volumes(&with(tags::ACQUISITION_TIME, VR::TM, &times)), [[0.0, 2.0, 4.0], [1.0, 3.0, 5.0]]);
}

#[test]
fn a_volume_has_the_description_of_its_series() {
    let described = |characters: &str, description: &[u8]| {
        let mut file = slice(0.0, 1);
        file.text(tags::SPECIFIC_CHARACTER_SET, VR::CS, characters);
        file.0.put(DataElement::new(tags::SERIES_DESCRIPTION, VR::LO, PrimitiveValue::U8(description.into())));
        open(&[file.bytes()]).scans[0].description().map(str::to_owned)
    };
    assert_eq!(described("", b"Abdomen 1.5 Br36 ").as_deref(), Some("Abdomen 1.5 Br36"));
    assert_eq!(described("ISO_IR 100", b"Sch\xE4del").as_deref(), Some("Sch\u{e4}del"));
    assert_eq!(described("ISO_IR 192", "Sch\u{e4}del".as_bytes()).as_deref(), Some("Sch\u{e4}del"));
    // Characters that are not decoded are not shown wrongly.
    assert_eq!(described("ISO_IR 144", b"\xC3\xD0"), None);
    assert_eq!(described("GB18030", b"\xC4\xA3"), None);
    assert_eq!(described("GB18030", b"Chest 5mm").as_deref(), Some("Chest 5mm"));
    assert_eq!(described("ISO 2022 IR 87", b"\x1B$B4J\x1B(B"), None);
    assert_eq!(described("", b""), None);
    assert_eq!(open(&[slice(0.0, 1).bytes()]).scans[0].description(), None);
}

#[test]
fn reconstructions_between_each_others_slices_are_told_apart() {
    let slices = [(0.0, "1.5"), (1.0, "3"), (3.0, "1.5"), (4.0, "3"), (6.0, "1.5"), (7.0, "3")];
    assert_eq!(volumes(&with(tags::SLICE_THICKNESS, VR::DS, &slices)), [[0.0, 2.0, 4.0], [1.0, 3.0, 5.0]]);
}

#[test]
fn what_varies_within_a_volume_does_not_divide_it() {
    for (tag, vr, values) in [
        // The same numbers, written otherwise or rounded.
        (tags::ECHO_TIME, VR::DS, ["4.6", "4.60", "4.6", "4.60"]),
        (tags::ECHO_TIME, VR::DS, ["4.601", "4.602", "4.601", "4.602"]),
        (tags::ECHO_TIME, VR::DS, ["4.60", "4.63", "4.60", "4.63"]),
        (tags::ACQUISITION_NUMBER, VR::IS, ["1", "01", "1", "01"]),
        (tags::ACQUISITION_NUMBER, VR::IS, ["1", "", "1", ""]),
        // Packages of an MR sequence: odd slices first.
        (tags::ACQUISITION_TIME, VR::TM, ["101010", "101020", "101010", "101020"]),
        (tags::TRIGGER_TIME, VR::DS, ["0", "20", "0", "20"]),
    ] {
        let slices: Vec<(f64, &str)> = (0..4).map(|index| (3.0 * f64::from(index), values[index as usize])).collect();
        let opened = open(&with(tag, vr, &slices));
        assert_eq!(opened.scans.iter().map(numbers).collect::<Vec<_>>(), [[0.0, 1.0, 2.0, 3.0]], "{tag} {values:?}");
        assert!(opened.scans[0].notes().is_empty() && opened.scans[0].geometry().is_some());
    }
}

#[test]
fn cine_that_numbers_every_image_becomes_its_phases() {
    let places = (0..4).flat_map(|place| [f64::from(place); 3]);
    let acquisitions: Vec<String> = (1..=12).map(|number: u16| number.to_string()).collect();
    let slices: Vec<(f64, &str)> = places.zip(acquisitions.iter().map(String::as_str)).collect();
    let expected = [[0.0, 3.0, 6.0, 9.0], [1.0, 4.0, 7.0, 10.0], [2.0, 5.0, 8.0, 11.0]];
    assert_eq!(volumes(&with(tags::ACQUISITION_NUMBER, VR::IS, &slices)), expected);
}

#[test]
fn equal_slices_of_phases_are_no_copies() {
    let mut files: Vec<Dicom> = (0..9).map(|index| slice(f64::from(index / 3), index)).collect();
    // The second place is empty in two of three phases.
    for index in [3, 4] {
        files[index].words(&[0; 6]);
    }
    let files: Vec<Vec<u8>> = files.iter().map(Dicom::bytes).collect();
    assert_eq!(volumes(&files), [[0.0, 0.0, 6.0], [1.0, 0.0, 7.0], [2.0, 5.0, 8.0]]);

    // A place with a copy does not move the slices of the second phase.
    let mut files: Vec<Vec<u8>> = (0..6).map(|index| slice(f64::from(index / 2), index).bytes()).collect();
    files.insert(3, slice(1.0, 7).words(&[2; 6]).bytes());
    assert_eq!(volumes(&files), [[0.0, 2.0, 4.0], [1.0, 3.0, 5.0]]);

    // The same image twice, and a whole series exported again with other numbers, are copies.
    let series = |first: u16| (0..3).map(move |index| (index, slice(f64::from(index), first + index)));
    let again = series(10).map(|(index, mut file)| file.words(&[index; 6]).bytes());
    let copied: Vec<Vec<u8>> = series(0).map(|(_, file)| file.bytes()).chain(again).collect();
    let opened = open(&copied);
    assert_eq!(opened.scans.iter().map(numbers).collect::<Vec<_>>(), [[0.0, 1.0, 2.0]]);
    assert_eq!(opened.scans[0].notes(), ["3 slices are copies of others and were left out"]);
}

#[test]
fn scouts_are_left_out() {
    let mut scout = slice(9.0, 3);
    scout.text(tags::IMAGE_TYPE, VR::CS, "ORIGINAL\\PRIMARY\\LOCALIZER");
    let mut files: Vec<Vec<u8>> = (0..3).map(|index| slice(3.0 * f64::from(index), index).bytes()).collect();
    files.push(scout.bytes());
    let opened = open(&files);
    assert_eq!(opened.scans.iter().map(numbers).collect::<Vec<_>>(), [[0.0, 1.0, 2.0]]);
    assert_eq!(opened.notes, ["slice: ImageType: it is a scout image (LOCALIZER); open the axial series; left out"]);
    assert!(!opened.scans[0].is_scout());
    let alone = open(&files[3..]);
    assert!(alone.scans[0].is_scout() && numbers(&alone.scans[0]) == [3.0], "alone, it is meant");
    // A sagittal one is no axial slice.
    scout.text(tags::IMAGE_ORIENTATION_PATIENT, VR::DS, "0\\1\\0\\0\\0\\-1");
    let alone = [File { name: "scout", bytes: &scout.bytes() }];
    let message = open_all(&alone, Window::ABDOMEN, &Limits::default()).unwrap_err().to_string();
    assert!(message.starts_with("scout: ImageType: it is a scout image"), "{message}");
}

#[test]
fn slices_that_are_shifted_in_their_plane_are_no_volume() {
    let shifted = |shifts: [f64; 6]| {
        let files = shifts.into_iter().enumerate().map(|(index, x)| {
            let mut file = slice(3.0 * index as f64, index as u16);
            file.text(tags::IMAGE_POSITION_PATIENT, VR::DS, &format!("{x}\\0\\{}", 3.0 * index as f64)).bytes()
        });
        open(&files.collect::<Vec<_>>())
    };
    for (shifts, after, mm) in
        [([0.0, 0.0, 15.0, 15.0, 0.0, 0.0], 2, "15.0"), ([0.0, 0.0, 0.0, 20.0, 20.0, 20.0], 3, "20.0")]
    {
        let opened = shifted(shifts);
        let note = format!("slices are shifted in their plane, by {mm} mm after slice {after}; no volume is exported");
        assert_eq!(opened.scans[0].notes(), [note]);
        assert!(opened.scans[0].geometry().is_none());
    }
    assert!(shifted([0.0, 0.1, 0.0, 0.1, 0.0, 0.0]).scans[0].geometry().is_some(), "rounded positions");
    // A tilted gantry stays one where a slice is missing.
    let tilted: Vec<Vec<u8>> = [0.0, 3.0, 6.0, 12.0, 15.0]
        .into_iter()
        .enumerate()
        .map(|(index, z)| {
            let mut file = slice(z, index as u16);
            file.text(tags::IMAGE_POSITION_PATIENT, VR::DS, &format!("0\\{}\\{z}", 0.36 * z)).bytes()
        })
        .collect();
    let files: Vec<File<'_>> = tilted.iter().map(|bytes| File { name: "slice", bytes }).collect();
    let message = open_all(&files, Window::ABDOMEN, &Limits::default()).unwrap_err().to_string();
    assert!(message.contains("the slices are sheared by 19.8 degrees (gantry tilt)"), "{message}");
}

fn sequence(
    tag: Tag,
    elements: impl IntoIterator<Item = DataElement<InMemDicomObject>>,
) -> DataElement<InMemDicomObject> {
    DataElement::new(tag, VR::SQ, DataSetSequence::from(vec![InMemDicomObject::from_element_iter(elements)]))
}

/// A multi-frame file with two frames at each of three places, in changing order; `told` by a functional group.
fn enhanced(told: impl Fn(bool) -> DataElement<InMemDicomObject>) -> Vec<u8> {
    let frames = [(0.0, false), (0.0, true), (3.0, true), (3.0, false), (6.0, false), (6.0, true)];
    let groups: Vec<InMemDicomObject> = frames
        .into_iter()
        .map(|(z, second)| {
            let position = PrimitiveValue::from(format!("0\\0\\{z}"));
            let position = DataElement::new(tags::IMAGE_POSITION_PATIENT, VR::DS, position);
            InMemDicomObject::from_element_iter([sequence(tags::PLANE_POSITION_SEQUENCE, [position]), told(second)])
        })
        .collect();
    let mut file = slice(0.0, 1);
    file.text(tags::NUMBER_OF_FRAMES, VR::IS, "6");
    file.words(&(0..6).flat_map(|frame| [frame; 6]).collect::<Vec<u16>>());
    file.0.put(DataElement::new(tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE, VR::SQ, DataSetSequence::from(groups)));
    file.bytes()
}

#[test]
fn frames_of_a_file_are_told_apart_by_their_functional_groups() {
    let doubles = |a: f64, b: f64| [a, b].map(PrimitiveValue::from);
    let texts = |a: &str, b: &str| [a, b].map(PrimitiveValue::from);
    for (group, tag, vr, values) in [
        (tags::MR_ECHO_SEQUENCE, tags::EFFECTIVE_ECHO_TIME, VR::FD, doubles(4.6, 9.2)),
        (tags::MR_DIFFUSION_SEQUENCE, tags::DIFFUSION_B_VALUE, VR::FD, doubles(0.0, 800.0)),
        (tags::FRAME_CONTENT_SEQUENCE, tags::TEMPORAL_POSITION_INDEX, VR::UL, [1_u32, 2].map(PrimitiveValue::from)),
        (tags::FRAME_CONTENT_SEQUENCE, tags::FRAME_ACQUISITION_NUMBER, VR::US, [1_u16, 2].map(PrimitiveValue::from)),
        (tags::MR_IMAGE_FRAME_TYPE_SEQUENCE, tags::FRAME_TYPE, VR::CS, texts("DERIVED\\WATER", "DERIVED\\FAT")),
        (tags::CT_RECONSTRUCTION_SEQUENCE, tags::CONVOLUTION_KERNEL, VR::SH, texts("B30f", "B70f")),
    ] {
        let told = |second: bool| sequence(group, [DataElement::new(tag, vr, values[usize::from(second)].clone())]);
        assert_eq!(volumes(&[enhanced(told)]), [[0.0, 3.0, 4.0], [1.0, 2.0, 5.0]], "{tag}");
    }
}

#[test]
fn private_sequences_say_nothing_about_a_frame() {
    let slope = || DataElement::new(tags::RESCALE_SLOPE, VR::DS, PrimitiveValue::from("3"));
    let private = |_| sequence(Tag(0x2005, 0x140F), [slope()]);
    let scans = volumes(&[enhanced(private)]);
    assert_eq!(scans.concat().into_iter().fold(0.0, f32::max), 5.0, "{scans:?}");
}
