//! Distances between the grids of two files.
#![allow(clippy::unwrap_used, reason = "tests")]

mod samples;

use std::io::Read as _;

use coin_imaging::{File, Geometry, Limits, Scan, Window, open_all, write};
use dicom_core::VR;
use dicom_dictionary_std::tags;
use samples::{Dicom, Nifti};

type Affine = [[f32; 4]; 3];

const SIDES: [u16; 3] = [4, 3, 5];
/// Voxels of 2 x 1.5 x 3 mm.
const STRAIGHT: Affine = [[2.0, 0.0, 0.0, -10.0], [0.0, 1.5, 0.0, 4.0], [0.0, 0.0, 3.0, 7.0]];

fn geometry(sides: [u16; 3], affine: Affine) -> Geometry {
    let voxels = vec![0; sides.iter().map(|side| usize::from(*side)).product()];
    let file = Nifti::new(sides, affine, &voxels);
    let scan = Scan::open(&file.bytes(), "scan", Window::ABDOMEN, &Limits::default()).unwrap();
    scan.geometry().unwrap().clone()
}

/// The largest distance over all voxels, in mm.
fn farthest(a: &Affine, b: &Affine) -> f64 {
    let mut most: f64 = 0.0;
    for x in 0..SIDES[0] {
        for y in 0..SIDES[1] {
            for z in 0..SIDES[2] {
                let at = |affine: &Affine| {
                    affine.map(|[i, j, k, origin]| {
                        f64::from(i) * f64::from(x)
                            + f64::from(j) * f64::from(y)
                            + f64::from(k) * f64::from(z)
                            + f64::from(origin)
                    })
                };
                let (a, b) = (at(a), at(b));
                most = most.max((0..3).map(|i| (a[i] - b[i]).powi(2)).sum::<f64>().sqrt());
            }
        }
    }
    most
}

#[test]
fn the_distance_is_the_largest_between_voxels_of_the_same_index_in_voxel_sides() {
    let (sine, cosine) = 0.2_f32.sin_cos();
    let turned = [[2.0 * cosine, -1.5 * sine, 0.0, -10.0], [2.0 * sine, 1.5 * cosine, 0.0, 4.0], [0.0, 0.0, 3.0, 7.0]];
    let tilted = [[2.0, 0.0, 0.0, -9.0], [0.0, 1.5 * cosine, -3.0 * sine, 4.5], [0.0, 1.5 * sine, 3.0 * cosine, 6.0]];
    let mirrored = [[-2.0, 0.0, 0.0, -4.0], [0.0, 1.5, 0.0, 4.0], [0.0, 0.0, 3.0, 7.0]];
    let coarser = [[2.2, 0.0, 0.0, -10.0], [0.0, 1.7, 0.0, 4.0], [0.0, 0.0, 3.4, 7.0]];
    let mut others = vec![STRAIGHT, turned, tilted, mirrored, coarser];
    for axis in 0..3 {
        let mut shifted = STRAIGHT;
        shifted[axis][3] += 0.75;
        others.push(shifted);
        let mut stretched = STRAIGHT;
        stretched[axis][axis] *= 1.1;
        others.push(stretched);
        // Apart at the first voxels of the axis only.
        let mut compressed = STRAIGHT;
        compressed[axis][3] += 0.9;
        compressed[axis][axis] -= 0.9 / f32::from(SIDES[axis] - 1);
        others.push(compressed);
        // And at the last ones of another.
        compressed[(axis + 1) % 3][(axis + 1) % 3] *= 1.1;
        others.push(compressed);
    }
    for other in others {
        let (own, given) = (geometry(SIDES, STRAIGHT), geometry(SIDES, other));
        let expected = farthest(&STRAIGHT, &other) / 1.5;
        assert!(
            (own.distance(&given) - expected).abs() < 1e-5,
            "{} is not {expected}: {other:?}",
            own.distance(&given)
        );
    }
}

#[test]
fn grids_of_other_lengths_are_infinitely_far_apart() {
    let own = geometry(SIDES, STRAIGHT);
    for axis in 0..3 {
        let mut sides = SIDES;
        sides[axis] += 1;
        assert_eq!(own.distance(&geometry(sides, STRAIGHT)), f64::INFINITY);
    }
}

#[test]
fn an_axis_without_length_is_refused() {
    for axis in 0..3 {
        let mut flat = STRAIGHT;
        flat[axis][axis] = 0.0;
        let file = Nifti::new(SIDES, flat, &[0; 60]);
        let message = Scan::open(&file.bytes(), "scan", Window::ABDOMEN, &Limits::default()).unwrap_err().to_string();
        assert!(message.contains("an axis has no length in mm"), "{message}");
    }
}

#[test]
fn grids_are_described_by_voxels_directions_and_first_voxel() {
    let straight = geometry(SIDES, STRAIGHT).to_string();
    assert_eq!(straight, "4 x 3 x 5 voxels of 2.000 x 1.500 x 3.000 mm along RAS from (-10.00, 4.00, 7.00)");
    let swapped = geometry(SIDES, [[0.0, -1.5, 0.0, 1.0], [0.0, 0.0, -3.0, 2.0], [-2.0, 0.0, 0.0, 3.0]]).to_string();
    assert_eq!(swapped, "4 x 3 x 5 voxels of 2.000 x 1.500 x 3.000 mm along ILP from (1.00, 2.00, 3.00)");
}

#[test]
fn axes_are_assigned_by_direction_not_by_length() {
    // Long steps across the slices must not decide for the axes in their plane.
    let oblique = [[-0.37, 0.48, -2.89, 0.0], [-0.04, -0.77, -3.78, 0.0], [-0.34, -0.42, 3.65, 0.0]];
    assert_eq!(geometry(SIDES, oblique).shape(), [4, 3, 5]);
}

#[test]
fn a_series_has_the_geometry_of_the_same_volume_in_nifti() {
    let (sine, cosine) = 0.2_f64.sin_cos();
    // In LPS coordinates: directions along a row and along a column, upright and turned in their plane and out of it.
    for [across, down] in [
        [[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]],
        [[cosine, sine, 0.0], [-sine, cosine, 0.0]],
        [[1.0, 0.0, 0.0], [0.0, cosine, sine]],
        [[cosine, 0.0, sine], [0.0, 1.0, 0.0]],
    ] {
        let normal = [
            across[1] * down[2] - across[2] * down[1],
            across[2] * down[0] - across[0] * down[2],
            across[0] * down[1] - across[1] * down[0],
        ];
        let files: Vec<Vec<u8>> = (0..4_u16)
            .map(|number| {
                let at = [0, 1, 2].map(|axis| [-10.0, 4.0, 7.0][axis] + 3.0 * f64::from(number) * normal[axis]);
                let text = |values: &[f64]| values.iter().map(f64::to_string).collect::<Vec<_>>().join("\\");
                let mut file = Dicom::new();
                file.text(tags::SERIES_INSTANCE_UID, VR::UI, "1.2");
                file.text(tags::INSTANCE_NUMBER, VR::IS, &number.to_string());
                // Only the directions count, not their lengths.
                let directions: Vec<f64> = [across, down].concat().iter().map(|part| 1.25 * part).collect();
                file.text(tags::IMAGE_ORIENTATION_PATIENT, VR::DS, &text(&directions));
                file.text(tags::IMAGE_POSITION_PATIENT, VR::DS, &text(&at)).bytes()
            })
            .collect();
        let files: Vec<File<'_>> = files.iter().map(|bytes| File { name: "slice", bytes }).collect();
        let opened = open_all(&files, Window::ABDOMEN, &Limits::default()).unwrap();
        // Pixels of 0.75 x 0.5 mm, in RAS coordinates.
        let row = |axis: usize, sign: f64, origin: f64| {
            [0.75 * across[axis], 0.5 * down[axis], 3.0 * normal[axis], origin].map(|mm| (sign * mm) as f32)
        };
        let same = geometry([3, 2, 4], [row(0, -1.0, -10.0), row(1, -1.0, 4.0), row(2, 1.0, 7.0)]);
        let found = opened.scans[0].geometry().unwrap();
        let apart = found.distance(&same);
        assert!(apart < 1e-5, "{across:?} {down:?}: {apart}");
        // Viewers that ignore the matrix take the voxel size from pixdim.
        let packed = write::nifti::<u8>(&vec![vec![0; 6]; 4], found).unwrap();
        let mut written = Vec::new();
        flate2::read::GzDecoder::new(&packed[..]).read_to_end(&mut written).unwrap();
        let pixdim = |axis: usize| f32::from_le_bytes(written[76 + 4 * axis..][..4].try_into().unwrap());
        let sides = [pixdim(1), pixdim(2), pixdim(3)];
        assert!(sides.iter().zip([0.75, 0.5, 3.0]).all(|(found, mm)| (found - mm).abs() < 1e-5), "{sides:?}");
    }
}

#[test]
fn a_metaimage_has_the_geometry_of_the_same_volume_in_nifti() {
    let (sine, cosine) = 0.2_f64.sin_cos();
    // In LPS coordinates: the directions of columns, rows and slices.
    let directions = [[cosine, sine, 0.0], [-sine, cosine, 0.0], [0.0, 0.0, 1.0]];
    let (spacing, origin) = ([2.0, 1.5, 3.0], [-10.0, 4.0, 7.0]);
    let text = |values: &[f64]| values.iter().map(f64::to_string).collect::<Vec<_>>().join(" ");
    let header = format!(
        "ObjectType = Image\nNDims = 3\nDimSize = 4 3 5\nElementSpacing = {}\nOffset = {}\nTransformMatrix = {}\n\
         BinaryData = True\nHeaderSize = 0\nElementType = MET_UCHAR\nElementDataFile = LOCAL\n",
        text(&spacing),
        text(&origin),
        text(directions.as_flattened())
    );
    let open =
        |header: &str| Scan::open(&[header.as_bytes(), &[0; 60]].concat(), "scan", Window::ABDOMEN, &Limits::default());
    let row = |world: usize, sign: f64| {
        let step = |axis: usize| sign * directions[axis][world] * spacing[axis];
        [step(0), step(1), step(2), sign * origin[world]].map(|mm| mm as f32)
    };
    let same = geometry(SIDES, [row(0, -1.0), row(1, -1.0), row(2, 1.0)]);
    let scan = open(&header).unwrap();
    let apart = scan.geometry().unwrap().distance(&same);
    assert!(scan.is_oriented() && apart < 1e-5, "{apart}");
    for (written, reason) in [("BinaryData = False", "written as text"), ("HeaderSize = 8", "do not follow")] {
        let key = written.split(' ').next().unwrap();
        let changed: Vec<&str> =
            header.lines().map(|line| if line.starts_with(key) { written } else { line }).collect();
        let message = open(&(changed.join("\n") + "\n")).unwrap_err().to_string();
        assert!(message.contains(reason), "{message}");
    }
}

#[test]
fn labels_of_other_lengths_are_on_no_grid_of_the_image() {
    let scan = |sides: [u16; 3]| {
        let voxels = vec![0; sides.iter().map(|side| usize::from(*side)).product()];
        let file = Nifti::new(sides, STRAIGHT, &voxels);
        Scan::open(&file.bytes(), "scan", Window::ABDOMEN, &Limits::default()).unwrap()
    };
    assert!(scan(SIDES).on_grid_of(&scan([4, 3, 6])).is_none());
    assert!(scan(SIDES).on_grid_of(&scan(SIDES)).is_some());
}
