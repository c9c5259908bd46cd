//! Written files read back unchanged, and every orientation gives the same radiological view.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod samples;

use coin_imaging::write::Correction;
use coin_imaging::{
    CounterfactualVolume, Format, InputTransform, Limits, Mask, Scan, Slice, Window, counterfactual_hu, write,
};
use dicom_core::value::{DataSetSequence, PrimitiveValue};
use dicom_core::{DataElement, VR};
use dicom_dictionary_std::{tags, uids};
use dicom_object::InMemDicomObject;
use samples::{Dicom, Nifti, gzip, small_nifti};

fn try_open(bytes: &[u8]) -> Result<Scan, coin_imaging::Error> {
    Scan::open(bytes, "scan", Window::ABDOMEN, &Limits::default())
}

fn open(bytes: &[u8]) -> Scan {
    try_open(bytes).unwrap()
}

fn slices(scan: &Scan) -> Vec<&Slice> {
    (0..scan.slice_count()).map(|index| scan.slice(index).unwrap()).collect()
}

fn first_hu(file: &Dicom) -> Vec<f32> {
    open(&file.bytes()).slice(0).unwrap().hu().to_vec()
}

fn refusal(bytes: &[u8]) -> String {
    try_open(bytes).unwrap_err().to_string()
}

type Affine = [[f32; 4]; 3];

/// Voxel size towards the patient's right, anterior and superior.
const STEP_MM: [f32; 3] = [2.0, 3.0, 4.0];
const DIMS: [u16; 3] = [4, 3, 5];

/// All 48 axis-aligned orientations, with an offset.
fn affines() -> Vec<Affine> {
    let orders = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];
    let affine = |order: [usize; 3], signs: usize| {
        let mut affine = [[0.0, 0.0, 0.0, -7.0], [0.0, 0.0, 0.0, 20.0], [0.0, 0.0, 0.0, 5.0]];
        for (axis, world) in order.into_iter().enumerate() {
            affine[world][axis] = if signs >> axis & 1 == 1 { -STEP_MM[world] } else { STEP_MM[world] };
        }
        affine
    };
    orders.into_iter().flat_map(|order| (0..8).map(move |signs| affine(order, signs))).collect()
}

/// A unique value for every position in mm that the tests use.
fn mark([right, front, head]: [f32; 3]) -> f32 {
    100.0 * right + 10.0 * front + head
}

fn world(affine: &Affine, [i, j, k]: [u16; 3]) -> [f32; 3] {
    affine.map(|[x, y, z, offset]| x * f32::from(i) + y * f32::from(j) + z * f32::from(k) + offset)
}

fn positions() -> impl Iterator<Item = [u16; 3]> {
    let [width, height, depth] = DIMS;
    (0..depth).flat_map(move |k| (0..height).flat_map(move |j| (0..width).map(move |i| [i, j, k])))
}

/// A volume whose voxel values are the marks of their positions.
fn marked(affine: Affine) -> Nifti {
    let marks: Vec<i16> = positions().map(|at| mark(world(&affine, at)) as i16).collect();
    Nifti::new(DIMS, affine, &marks)
}

/// Checks that slices run from right to left, anterior to posterior and inferior to superior.
fn assert_radiological(scan: &Scan, affine: &Affine) {
    let places: Vec<[f32; 3]> = positions().map(|at| world(affine, at)).collect();
    let most = |axis: usize| places.iter().map(|place| place[axis]).fold(f32::MIN, f32::max);
    let feet = places.iter().map(|place| place[2]).fold(f32::MAX, f32::min);
    for (z, slice) in slices(scan).into_iter().enumerate() {
        let spacing = slice.spacing().unwrap();
        assert_eq!([spacing.column_mm(), spacing.row_mm()], STEP_MM[..2]);
        for (i, &hu) in slice.hu().iter().enumerate() {
            let (x, y) = ((i % slice.width()) as f32, (i / slice.width()) as f32);
            let place = [most(0) - x * STEP_MM[0], most(1) - y * STEP_MM[1], feet + z as f32 * STEP_MM[2]];
            assert_eq!(hu, mark(place), "{affine:?} at {x}, {y}, {z}");
        }
    }
}

#[test]
fn every_affine_gives_the_radiological_view() {
    for affine in affines() {
        let file = marked(affine).bytes();
        assert_radiological(&open(&file), &affine);
        assert_radiological(&open(&gzip(&file)), &affine);
    }
}

#[test]
fn a_written_volume_is_aligned_with_its_original() {
    for affine in affines() {
        let original = open(&marked(affine).bytes());
        let geometry = original.geometry().unwrap();
        let hu: Vec<&[f32]> = slices(&original).into_iter().map(Slice::hu).collect();
        let written = open(&write::nifti::<f32>(&hu, geometry).unwrap());
        assert_eq!(slices(&written), slices(&original));
        assert_radiological(&written, &affine);

        let labels: Vec<Vec<u8>> = hu.iter().map(|hu| hu.iter().map(|&hu| u8::from(hu > 0.0)).collect()).collect();
        let written = open(&write::nifti::<u8>(&labels, geometry).unwrap());
        for (slice, labels) in slices(&written).into_iter().zip(&labels) {
            assert!(slice.hu().iter().zip(labels).all(|(&hu, &label)| hu == f32::from(label)));
        }
    }
}

#[test]
fn the_writer_rejects_slices_that_do_not_match_the_grid() {
    let scan = open(&small_nifti().bytes());
    let geometry = scan.geometry().unwrap();
    assert_eq!((geometry.width(), geometry.height(), geometry.depth()), (4, 3, 2));
    let error = write::nifti::<u8>(&[vec![0; 12]], geometry).unwrap_err();
    assert_eq!(error.to_string(), "1 slices were given for a volume of 2");
    let error = write::nifti::<u8>(&[vec![0; 12], vec![0; 11]], geometry).unwrap_err();
    assert_eq!(error.to_string(), "slice 1 has 11 values instead of 12");
}

#[test]
fn a_quaternion_and_its_matrix_give_the_same_view() {
    let [x, y, z] = STEP_MM;
    let half = 0.5_f32.sqrt();
    // b, c, d and qfac of a quaternion, and the equivalent matrix times the voxel size.
    let forms = [
        ([0.0, 0.0, 0.0, 1.0], [x, y, z], [[x, 0.0, 0.0], [0.0, y, 0.0], [0.0, 0.0, z]]),
        ([0.0, 0.0, 0.0, -1.0], [x, y, z], [[x, 0.0, 0.0], [0.0, y, 0.0], [0.0, 0.0, -z]]),
        ([0.0, 0.0, 1.0, 1.0], [x, y, z], [[-x, 0.0, 0.0], [0.0, -y, 0.0], [0.0, 0.0, z]]),
        ([1.0, 0.0, 0.0, 1.0], [x, y, z], [[x, 0.0, 0.0], [0.0, -y, 0.0], [0.0, 0.0, -z]]),
        ([0.0, 0.0, half, 1.0], [y, x, z], [[0.0, -x, 0.0], [y, 0.0, 0.0], [0.0, 0.0, z]]),
    ];
    for ([b, c, d, qfac], [dx, dy, dz], matrix) in forms {
        let affine = matrix.map(|[x, y, z]| [x, y, z, 0.0]);
        let mut file = marked(affine);
        file.put(252, 1_i16.to_le_bytes());
        file.put(254, 0_i16.to_le_bytes());
        file.put_f32(256, &[b, c, d, 0.0, 0.0, 0.0]);
        file.put_f32(76, &[qfac, dx, dy, dz]);
        file.put_f32(280, &[9.0; 12]);
        let scan = open(&file.bytes());
        let spacing = scan.slice(0).unwrap().spacing().unwrap();
        assert!((spacing.column_mm() - x).abs() < 1e-5 && (spacing.row_mm() - y).abs() < 1e-5);
        let same = open(&marked(affine).bytes());
        for (slice, expected) in slices(&scan).into_iter().zip(slices(&same)) {
            assert_eq!(slice.hu(), expected.hu(), "quaternion {b} {c} {d}, qfac {qfac}");
        }
    }
}

#[test]
fn a_volume_without_orientation_runs_to_the_left() {
    let mut file = small_nifti();
    file.put(254, 0_i16.to_le_bytes());
    file.put_f32(76, &[0.0, 0.8, 0.9, 2.5]);
    let scan = open(&file.bytes());
    assert_eq!(scan.slice(0).unwrap().hu()[..5], [8.0, 9.0, 10.0, 11.0, 4.0]);
    let spacing = scan.slice(0).unwrap().spacing().unwrap();
    assert_eq!((spacing.column_mm(), spacing.row_mm()), (0.8, 0.9));
}

#[test]
fn every_voxel_type_and_byte_order_gives_the_same_hu() {
    let values: Vec<u8> = (0..24).collect();
    macro_rules! encoded {
        ($type:ty) => {
            [
                values.iter().flat_map(|&value| (value as $type).to_le_bytes()).collect::<Vec<u8>>(),
                values.iter().flat_map(|&value| (value as $type).to_be_bytes()).collect(),
            ]
        };
    }
    let types = [
        (2_i16, "MET_UCHAR", encoded!(u8)),
        (256, "MET_CHAR", encoded!(i8)),
        (512, "MET_USHORT", encoded!(u16)),
        (4, "MET_SHORT", encoded!(i16)),
        (768, "MET_UINT", encoded!(u32)),
        (8, "MET_INT", encoded!(i32)),
        (1280, "MET_ULONG_LONG", encoded!(u64)),
        (1024, "MET_LONG_LONG", encoded!(i64)),
        (16, "MET_FLOAT", encoded!(f32)),
        (64, "MET_DOUBLE", encoded!(f64)),
    ];
    let plain = open(&small_nifti().bytes());
    for (code, name, [little, big]) in types {
        for (msb, voxels) in [("False", &little), ("True", &big)] {
            // In LPS coordinates.
            let header = format!(
                "ObjectType = Image\nNDims = 3\nDimSize = 4 3 2\nElementSpacing = 1 1 1\nBinaryDataByteOrderMSB = {msb}\n\
                 TransformMatrix = -1 0 0 0 -1 0 0 0 1\nElementType = {name}\nElementDataFile = LOCAL\n"
            );
            let scan = open(&[header.as_bytes(), voxels].concat());
            assert_eq!((scan.format(), slices(&scan)), (Format::MetaImage, slices(&plain)), "{name}");
        }
        let mut file = small_nifti();
        file.put(70, code.to_le_bytes());
        file.put_f32(112, &[2.0, -1000.0]);
        for voxels in [little, big] {
            file.voxels = voxels;
            let scan = open(&file.bytes());
            for (slice, plain) in slices(&scan).into_iter().zip(slices(&plain)) {
                let scaled: Vec<f32> = plain.hu().iter().map(|hu| 2.0 * hu - 1000.0).collect();
                assert_eq!(slice.hu(), scaled, "type {code}");
            }
            let hu: Vec<&[f32]> = slices(&scan).into_iter().map(Slice::hu).collect();
            let written = open(&write::nifti::<f32>(&hu, scan.geometry().unwrap()).unwrap());
            assert_eq!(slices(&written), slices(&scan));
            file.header = swapped(&file.header);
        }
    }
}

/// The header with the opposite byte order.
fn swapped(header: &[u8]) -> Vec<u8> {
    let mut header = header.to_vec();
    let mut swap = |from: usize, to: usize, bytes: usize| header[from..to].chunks_mut(bytes).for_each(<[u8]>::reverse);
    swap(0, 4, 4);
    swap(40, 56, 2);
    swap(68, 76, 2);
    swap(76, 120, 4);
    swap(252, 256, 2);
    swap(256, 328, 4);
    header
}

#[test]
fn one_volume_may_have_four_dimensions_but_several_are_rejected() {
    let mut file = small_nifti();
    file.put(40, 4_u16.to_le_bytes());
    assert_eq!(open(&file.bytes()).slice_count(), 2);
    file.put(48, 2_u16.to_le_bytes());
    assert!(refusal(&file.bytes()).starts_with("scan: dim: the file holds several volumes"));
}

#[test]
fn pictures_keep_their_intensities() {
    let greys: Vec<u8> = (0..=255).collect();
    let png = write::png_8bit(32, 8, &greys).unwrap();
    let scan = Scan::open(&png, "slice.png", Window::new(0.0, 255.0).unwrap(), &Limits::default()).unwrap();
    assert_eq!((scan.format(), scan.slice_count()), (Format::Picture, 1));
    let slice = scan.slice(0).unwrap();
    assert_eq!((slice.width(), slice.height()), (32, 8));
    let hu: Vec<u8> = slice.hu().iter().map(|hu| hu.round() as u8).collect();
    assert_eq!(hu, greys);
}

#[test]
fn dicom_is_read_with_and_without_preamble_and_meta_information() {
    let file = Dicom::new();
    let explicit = file.bytes();
    let wrappings = [
        explicit.clone(),
        explicit[128..].to_vec(),
        explicit[132..].to_vec(),
        file.bytes_as(uids::IMPLICIT_VR_LITTLE_ENDIAN),
        file.bare_bytes(uids::EXPLICIT_VR_LITTLE_ENDIAN),
        file.bare_bytes(uids::IMPLICIT_VR_LITTLE_ENDIAN),
    ];
    for (i, bytes) in wrappings.iter().enumerate() {
        let scan = open(bytes);
        assert_eq!((scan.format(), scan.slice_count()), (Format::Dicom, 1), "wrapping {i}");
        let slice = scan.slice(0).unwrap();
        assert_eq!((slice.width(), slice.height()), (3, 2));
        assert_eq!(slice.hu(), [-1024.0, -1022.0, -1020.0, -1018.0, -1016.0, -1014.0]);
        let spacing = slice.spacing().unwrap();
        assert_eq!((spacing.row_mm(), spacing.column_mm()), (0.5, 0.75));
    }
}

#[test]
fn stored_bits_become_hu() {
    let mut file = Dicom::new();
    file.text(tags::RESCALE_SLOPE, VR::DS, "1").text(tags::RESCALE_INTERCEPT, VR::DS, "0");
    // The upper four bits are an overlay.
    file.words(&[0xF000, 0x0FFF, 0x0800, 0x17FF, 5, 6]);
    assert_eq!(first_hu(&file), [0.0, 4095.0, 2048.0, 2047.0, 5.0, 6.0]);
    // The presentation does not change the values.
    file.text(tags::PHOTOMETRIC_INTERPRETATION, VR::CS, "MONOCHROME1");
    assert_eq!(first_hu(&file), [0.0, 4095.0, 2048.0, 2047.0, 5.0, 6.0]);
    file.integer(tags::PIXEL_REPRESENTATION, 1);
    assert_eq!(first_hu(&file), [0.0, -1.0, -2048.0, 2047.0, 5.0, 6.0]);

    // Padding is compared as the pixels are: by the stored bits.
    let mut padded = Dicom::new();
    padded.integer(tags::PIXEL_PADDING_VALUE, 0xF830).words(&[0xF830, 0x0830, 1024, 1025, 0, 1]);
    padded.text(tags::RESCALE_SLOPE, VR::DS, "1");
    assert_eq!(first_hu(&padded), [-1024.0, -1024.0, 0.0, 1.0, -1024.0, -1023.0]);

    file.integer(tags::BITS_ALLOCATED, 8).integer(tags::BITS_STORED, 8).integer(tags::HIGH_BIT, 7);
    file.words(&[0x0180, 0xFF7F, 0x0302]);
    assert_eq!(first_hu(&file), [-128.0, 1.0, 127.0, -1.0, 2.0, 3.0]);
}

#[test]
fn dicom_orientation_becomes_the_radiological_view() {
    let views = [
        ("1\\0\\0\\0\\1\\0", [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]),
        ("-1\\0\\0\\0\\1\\0", [2.0, 1.0, 0.0, 5.0, 4.0, 3.0]),
        ("1\\0\\0\\0\\-1\\0", [3.0, 4.0, 5.0, 0.0, 1.0, 2.0]),
        ("-1\\0\\0\\0\\-1\\0", [5.0, 4.0, 3.0, 2.0, 1.0, 0.0]),
        ("1\\0\\0\\0\\0.9744\\-0.225", [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]),
        // The patient lies on the left side, on the right side, and face up in a file with exchanged axes.
        ("0\\-1\\0\\1\\0\\0", [2.0, 5.0, 1.0, 4.0, 0.0, 3.0]),
        ("0\\1\\0\\-1\\0\\0", [3.0, 0.0, 4.0, 1.0, 5.0, 2.0]),
        ("0\\1\\0\\1\\0\\0", [0.0, 3.0, 1.0, 4.0, 2.0, 5.0]),
    ];
    let mut file = Dicom::new();
    file.text(tags::RESCALE_SLOPE, VR::DS, "1").text(tags::RESCALE_INTERCEPT, VR::DS, "0");
    for (orientation, expected) in views {
        file.text(tags::IMAGE_ORIENTATION_PATIENT, VR::DS, orientation);
        assert_eq!(first_hu(&file), expected, "{orientation}");
    }
    for other in ["1\\0\\0\\0\\0\\-1", "1\\0\\0\\0\\0.94\\0.342"] {
        file.text(tags::IMAGE_ORIENTATION_PATIENT, VR::DS, other);
        let message = refusal(&file.bytes());
        assert!(message.starts_with("scan: ImageOrientationPatient: the slice is not axial"), "{other}: {message}");
    }
}

#[test]
fn dicom_frames_are_slices() {
    let mut file = Dicom::new();
    file.text(tags::NUMBER_OF_FRAMES, VR::IS, "2").words(&(0..12).collect::<Vec<_>>());
    let scan = open(&file.bytes());
    assert_eq!(scan.slice_count(), 2);
    assert_eq!(scan.slice(1).unwrap().hu()[0], -1012.0);
    assert!(scan.slice(2).is_err());
}

/// A sequence with one item.
fn sequence(tag: dicom_core::Tag, items: Vec<InMemDicomObject>) -> DataElement<InMemDicomObject> {
    DataElement::new(tag, VR::SQ, DataSetSequence::from(items))
}

fn spacing_group(spacing: &str) -> InMemDicomObject {
    let mut measures = Dicom(InMemDicomObject::new_empty());
    measures.text(tags::PIXEL_SPACING, VR::DS, spacing);
    InMemDicomObject::from_element_iter([sequence(tags::PIXEL_MEASURES_SEQUENCE, vec![measures.0])])
}

#[test]
fn enhanced_ct_keeps_its_spacing_in_functional_groups() {
    let mut file = Dicom::new();
    file.remove(tags::PIXEL_SPACING);
    file.text(tags::NUMBER_OF_FRAMES, VR::IS, "2").words(&(0..12).collect::<Vec<_>>());
    let groups = vec![spacing_group("0.5\\0.75"), spacing_group("0.5\\0.75")];
    file.0.put(sequence(tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE, groups));
    // An icon has its own Rows.
    let mut icon = Dicom(InMemDicomObject::new_empty());
    icon.integer(tags::ROWS, 64);
    file.0.put(sequence(tags::ICON_IMAGE_SEQUENCE, vec![icon.0]));
    for syntax in [uids::EXPLICIT_VR_LITTLE_ENDIAN, uids::IMPLICIT_VR_LITTLE_ENDIAN] {
        let scan = open(&file.bytes_as(syntax));
        assert_eq!(scan.slice(1).unwrap().height(), 2);
        assert_eq!(scan.slice(1).unwrap().spacing().unwrap().column_mm(), 0.75);
    }
    let groups = vec![spacing_group("0.5\\0.75"), spacing_group("0.5\\0.8")];
    file.0.put(sequence(tags::PER_FRAME_FUNCTIONAL_GROUPS_SEQUENCE, groups));
    assert!(refusal(&file.bytes()).starts_with("scan: NumberOfFrames: it holds 2 volumes"));
}

#[test]
fn mr_keeps_its_intensities_and_inverted_x_rays_are_mirrored() {
    let mut mr = Dicom::new();
    mr.text(tags::MODALITY, VR::CS, "MR").text(tags::RESCALE_SLOPE, VR::DS, "0.5");
    mr.text(tags::RESCALE_INTERCEPT, VR::DS, "3").text(tags::RESCALE_TYPE, VR::LO, "normalized");
    let scan = open(&mr.bytes());
    assert_eq!((scan.modality(), scan.slice(0).unwrap().hu()), (Some("MR"), &[3.0, 3.5, 4.0, 4.5, 5.0, 5.5][..]));

    // A projection image with the detector's pixel spacing.
    let mut x_ray = Dicom::new();
    for tag in [tags::IMAGE_ORIENTATION_PATIENT, tags::PIXEL_SPACING, tags::RESCALE_SLOPE, tags::RESCALE_INTERCEPT] {
        x_ray.remove(tag);
    }
    x_ray.text(tags::MODALITY, VR::CS, "DX").text(tags::IMAGER_PIXEL_SPACING, VR::DS, "0.2\\0.1");
    let shown = |file: &Dicom| open(&file.bytes()).slice(0).unwrap().hu().to_vec();
    assert_eq!(shown(&x_ray), [0.0, 1.0, 2.0, 3.0, 4.0, 5.0]);
    x_ray.text(tags::PHOTOMETRIC_INTERPRETATION, VR::CS, "MONOCHROME1");
    assert_eq!(shown(&x_ray), [4095.0, 4094.0, 4093.0, 4092.0, 4091.0, 4090.0]);
    x_ray.integer(tags::PIXEL_REPRESENTATION, 1);
    assert_eq!(shown(&x_ray), [-1.0, -2.0, -3.0, -4.0, -5.0, -6.0]);
    // The window refers to the displayed values; padding gets the smallest of them.
    x_ray.text(tags::WINDOW_CENTER, VR::DS, "2").text(tags::WINDOW_WIDTH, VR::DS, "2");
    x_ray.0.put(DataElement::new(tags::PIXEL_PADDING_VALUE, VR::SS, PrimitiveValue::from(0_i16)));
    assert_eq!(shown(&x_ray), [-6.0, -2.0, -3.0, -4.0, -5.0, -6.0]);
    let window = open(&x_ray.bytes()).window().unwrap();
    assert_eq!((window.low(), window.high()), (-4.0, -2.0));
    let scan = open(&x_ray.bytes());
    let spacing = scan.slice(0).unwrap().spacing().unwrap();
    assert_eq!((spacing.row_mm(), spacing.column_mm(), scan.modality()), (0.2, 0.1, Some("DX")));

    // In CT, HU do not depend on the presentation.
    let mut ct = Dicom::new();
    ct.text(tags::PHOTOMETRIC_INTERPRETATION, VR::CS, "MONOCHROME1");
    assert_eq!(shown(&ct)[0], -1024.0);
    assert_eq!(open(&ct.bytes()).modality(), Some("CT"));
}

#[test]
fn unsupported_dicom_is_rejected_with_a_reason() {
    let file = Dicom::new();
    let mut compressed = file.bytes();
    let uid = uids::EXPLICIT_VR_LITTLE_ENDIAN.as_bytes();
    let at = compressed.windows(uid.len()).position(|window| window == uid).unwrap();
    // The length byte before the value changes with it; the length of the meta information is not used.
    compressed[at - 2] = 22;
    compressed.splice(at..at + uid.len() + 1, *b"1.2.840.10008.1.2.4.70");
    // The length tells that these are pixels.
    let read = open(&compressed);
    assert_eq!(read.slice(0).unwrap().hu(), first_hu(&file));
    assert_eq!(read.notes(), ["it is not encoded as its transfer syntax says; it was read"]);
    let mut longer = compressed.clone();
    let end = longer.len() - 12;
    longer[end - 4] += 2;
    longer.extend([0; 2]);
    let message = refusal(&longer);
    let expected =
        "scan: PixelData: the transfer syntax says that it is compressed, but it has a length, 14 bytes instead of";
    assert!(message.starts_with(expected), "{message}");
    compressed[at + 20..at + 22].copy_from_slice(b"02");
    let message = refusal(&compressed);
    assert!(
        message.starts_with("scan: TransferSyntaxUID: 1.2.840.10008.1.2.4.02 is not supported; convert"),
        "{message}"
    );

    let changes: [(dicom_core::Tag, VR, &str, &str); 5] = [
        (
            tags::IMAGE_ORIENTATION_PATIENT,
            VR::DS,
            "0\\0\\0\\0\\0\\0",
            "scan: ImageOrientationPatient: its two directions",
        ),
        (
            tags::IMAGE_ORIENTATION_PATIENT,
            VR::DS,
            "1\\0\\0\\1\\0\\0",
            "scan: ImageOrientationPatient: its two directions",
        ),
        (tags::MODALITY, VR::CS, "SEG", "scan: Modality: SEG is not supported"),
        (tags::PHOTOMETRIC_INTERPRETATION, VR::CS, "RGB", "scan: PhotometricInterpretation: it is RGB"),
        (tags::NUMBER_OF_FRAMES, VR::IS, "0", "scan: NumberOfFrames: it is 0"),
    ];
    for (tag, vr, value, expected) in changes {
        let mut file = Dicom::new();
        file.text(tag, vr, value);
        let message = refusal(&file.bytes());
        assert!(message.starts_with(expected), "{message}");
    }
    let mut directory = Dicom::new();
    let first = tags::OFFSET_OF_THE_FIRST_DIRECTORY_RECORD_OF_THE_ROOT_DIRECTORY_ENTITY;
    directory.0.put(DataElement::new(first, VR::UL, PrimitiveValue::from(388_u32)));
    assert!(refusal(&directory.bytes()).contains("DICOMDIR: it only lists the files"));
    for tag in [tags::ROWS, tags::COLUMNS, tags::BITS_ALLOCATED, tags::PIXEL_DATA] {
        let mut file = Dicom::new();
        file.remove(tag);
        assert!(refusal(&file.bytes()).contains("it is missing"), "{tag}");
    }
}

#[test]
fn a_counterfactual_adds_the_models_change_to_its_slice_only() {
    let scan = open(&small_nifti().bytes());
    let (slice, window) = (scan.slice(1).unwrap(), Window::new(-100.0, 300.0).unwrap());
    let input = vec![0.5; 16];
    let transform = InputTransform::of(slice, 4);
    assert_eq!(counterfactual_hu(slice, &transform, window, &input, &input), slice.hu());
    // 0.1 in [-1, 1] is 20 HU here, also outside the window.
    let darker = counterfactual_hu(slice, &transform, window, &input, &[0.4; 16]);
    assert!(darker.iter().zip(slice.hu()).all(|(after, before)| (before - after - 20.0).abs() < 1e-3), "{darker:?}");

    let mut volume = CounterfactualVolume::new(&scan);
    volume.put(1, darker.clone(), transform.undo_mask(&Mask::new(4, 4, vec![true; 16]).unwrap()));
    let written = open(&volume.nifti().unwrap().unwrap());
    assert_eq!(slices(&written)[0], slices(&scan)[0]);
    assert_eq!(slices(&written)[1].hu(), darker);
    let [computed, corrected] =
        [Correction::None, Correction::ByHand].map(|correction| volume.mask_nifti(correction).unwrap().unwrap());
    let states = |gzipped: &[u8]| {
        let mut written = Vec::new();
        std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(gzipped), &mut written).unwrap();
        written.windows(17).any(|bytes| bytes == b"corrected by hand")
    };
    assert!(!states(&computed) && states(&corrected));
    let mask = open(&computed);
    assert!(slices(&mask)[0].hu().iter().all(|&label| label == 0.0));
    assert!(slices(&mask)[1].hu().iter().all(|&label| label == 1.0));
    // Only DICOM has identifiers that a segmentation can refer to.
    assert!(!scan.is_segmentable());
}

#[test]
fn written_files_contain_no_text_of_the_original() {
    let mut file = small_nifti();
    for offset in [4, 14, 148, 228, 328] {
        file.put(offset, *b"Secret^N");
    }
    let scan = open(&file.bytes());
    let hu: Vec<&[f32]> = slices(&scan).iter().map(|slice| slice.hu()).collect();
    let mut written = Vec::new();
    let gzipped = write::nifti::<f32>(&hu, scan.geometry().unwrap()).unwrap();
    std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(&gzipped[..]), &mut written).unwrap();
    let png = write::png_8bit(1, 1, &[0]).unwrap();
    assert!(png.windows(17).any(|bytes| bytes == b"research use only"), "the PNG has the notice too");
    let holds = |word: &[u8]| written.windows(word.len()).any(|bytes| bytes == word);
    assert!(!holds(b"Secret"));
    assert!(holds(b"research use only"));
}

#[test]
fn the_voi_lut_determines_the_window() {
    let tables = |descriptor: [u16; 3], words: Vec<u16>| {
        let mut table = InMemDicomObject::new_empty();
        table.put(DataElement::new(tags::LUT_DESCRIPTOR, VR::US, PrimitiveValue::U16(descriptor.to_vec().into())));
        table.put(DataElement::new(tags::LUT_DATA, VR::OW, PrimitiveValue::U16(words.into())));
        DataElement::new(tags::VOILUT_SEQUENCE, VR::SQ, DataSetSequence::from(vec![table]))
    };
    let window = |bits: u16, data: &[u8]| {
        let words = data.as_chunks().0.iter().copied().map(u16::from_le_bytes).collect();
        let mut file = Dicom::new();
        file.0.put(tables([8, 65526, bits], words));
        open(&file.bytes()).window()
    };
    // From -10 HU: black, black, black, rising, white, white, white, white.
    let words = [0, 0, 0, 9, 20, 20, 20, 20].map(u16::to_le_bytes);
    assert_eq!(window(16, words.as_flattened()), Window::new(-8.0, -6.0).ok());
    // Two entries per word limit the precision to a word.
    assert_eq!(window(8, &[0, 0, 0, 0, 9, 15, 20, 20]), Window::new(-8.0, -4.0).ok());
    // Inside a functional group it belongs to a frame, and it is never a modality LUT.
    let mut group = InMemDicomObject::new_empty();
    group.put(tables([4, 0, 16], vec![7, 7, 7, 7]));
    let mut groups = InMemDicomObject::new_empty();
    groups.put(DataElement::new(tags::FRAME_VOILUT_SEQUENCE, VR::SQ, DataSetSequence::from(vec![group])));
    let mut file = Dicom::new();
    let plain = first_hu(&file);
    let groups = DataSetSequence::from(vec![groups]);
    file.0.put(DataElement::new(tags::SHARED_FUNCTIONAL_GROUPS_SEQUENCE, VR::SQ, groups));
    assert_eq!(first_hu(&file), plain);
    // No range from black to white.
    assert_eq!(window(16, &[]), None);
}
