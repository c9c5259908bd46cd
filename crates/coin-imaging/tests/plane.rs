//! Axial, coronal and sagittal slices.
#![allow(clippy::unwrap_used, reason = "tests")]

mod samples;

use coin_imaging::{Limits, Plane, Scan, Spacing, Window, write};
use samples::Nifti;

/// Voxel values encode the position in the radiological view: 100 z + 10 y + x.
fn scan() -> Scan {
    // Voxels of 2 x 3 x 5 mm in LPS order.
    let sform = [[-2.0, 0.0, 0.0, 0.0], [0.0, -3.0, 0.0, 0.0], [0.0, 0.0, 5.0, 0.0]];
    let voxels: Vec<i16> =
        (0..2).flat_map(|z| (0..3).flat_map(move |y| (0..4).map(move |x| 100 * z + 10 * y + x))).collect();
    Scan::open(&Nifti::new([4, 3, 2], sform, &voxels).bytes(), "made", Window::ABDOMEN, &Limits::default()).unwrap()
}

#[test]
fn every_plane_follows_the_radiological_convention() {
    let scan = scan();
    assert_eq!([Plane::Axial, Plane::Coronal, Plane::Sagittal].map(|plane| scan.count(plane)), [2, 3, 4]);
    let coronal = scan.extract(Plane::Coronal, 1).unwrap();
    assert_eq!(coronal.hu(), [110.0, 111.0, 112.0, 113.0, 10.0, 11.0, 12.0, 13.0]);
    assert_eq!((coronal.width(), coronal.spacing()), (4, Spacing::new(5.0, 2.0).ok()));
    let sagittal = scan.extract(Plane::Sagittal, 3).unwrap();
    assert_eq!(sagittal.hu(), [103.0, 113.0, 123.0, 3.0, 13.0, 23.0]);
    assert_eq!((sagittal.width(), sagittal.spacing()), (3, Spacing::new(5.0, 3.0).ok()));
    assert_eq!(&scan.extract(Plane::Axial, 1).unwrap(), scan.slice(1).unwrap());
    let beyond = scan.extract(Plane::Coronal, 3).unwrap_err().to_string();
    assert!(beyond.contains("slice 4") && beyond.contains("there are 3"), "{beyond}");
}

#[test]
fn a_picture_has_no_other_planes() {
    let png = write::png_8bit(2, 2, &[0; 4]).unwrap();
    let picture = Scan::open(&png, "made", Window::ABDOMEN, &Limits::default()).unwrap();
    assert_eq!((picture.count(Plane::Axial), picture.count(Plane::Coronal)), (1, 0));
    assert!(picture.extract(Plane::Coronal, 0).is_err() && picture.extract(Plane::Axial, 0).is_ok());
}
