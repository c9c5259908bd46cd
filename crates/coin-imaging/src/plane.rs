//! The three ways to cut a volume.

use serde::{Deserialize, Serialize};

use crate::scan::ScanError;
use crate::{Scan, Slice, Spacing};

/// The plane of a slice, as radiologists look at it: the patient's right on the left of axial and coronal slices, the front
/// on the left of sagittal ones, the head at the top of both.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Plane {
    /// Across the body, as CT is read out.
    #[default]
    Axial,
    /// Along the body, from ear to ear.
    Coronal,
    /// Along the body, from front to back.
    Sagittal,
}

impl Plane {
    /// The lower-case name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Axial => "axial",
            Self::Coronal => "coronal",
            Self::Sagittal => "sagittal",
        }
    }
}

impl Scan {
    /// Number of slices of a plane; a file without depth has axial ones alone.
    #[must_use]
    pub fn count(&self, plane: Plane) -> usize {
        match (plane, self.geometry()) {
            (Plane::Axial, _) => self.slice_count(),
            (Plane::Coronal, Some(geometry)) => geometry.height(),
            (Plane::Sagittal, Some(geometry)) => geometry.width(),
            (Plane::Coronal | Plane::Sagittal, None) => 0,
        }
    }

    /// Slice `index` of a plane, from 0: the most inferior axial one, the most anterior coronal one, the rightmost sagittal
    /// one.
    ///
    /// # Errors
    /// When there is no such slice.
    pub fn cut(&self, plane: Plane, index: usize) -> Result<Slice, ScanError> {
        let first = self.slice(0)?;
        let (width, height, depth) = (first.width(), first.height(), self.slice_count());
        let (row_mm, column_mm) = match first.spacing() {
            Some(spacing) => (spacing.row_mm(), spacing.column_mm()),
            None if plane == Plane::Axial => return self.slice(index).cloned(),
            None => return Err(self.no_slice(index, self.count(plane))),
        };
        let slice_mm = self.geometry().map_or(1.0, crate::Geometry::slice_mm);
        // The head is at the top: the last axial slice comes first.
        let value = |z: usize, y: usize, x: usize| self.slice(depth - 1 - z).map(|slice| slice.hu()[y * width + x]);
        let (columns, values, spacing) = match plane {
            _ if index >= self.count(plane) => return Err(self.no_slice(index, self.count(plane))),
            Plane::Axial => return self.slice(index).cloned(),
            Plane::Coronal => {
                let row = |z: usize| (0..width).map(move |x| value(z, index, x));
                (width, (0..depth).flat_map(row).collect::<Result<Vec<f32>, _>>()?, Spacing::new(slice_mm, column_mm))
            }
            Plane::Sagittal => {
                let row = |z: usize| (0..height).map(move |y| value(z, y, index));
                (height, (0..depth).flat_map(row).collect::<Result<Vec<f32>, _>>()?, Spacing::new(slice_mm, row_mm))
            }
        };
        Slice::new(columns, depth, values, spacing.ok()).map_err(|reason| self.invalid(plane.name(), reason))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::{Limits, Window, write};

    /// Each voxel says where it is: 100 z + 10 y + x of the radiological view.
    fn scan() -> Scan {
        let mut header = vec![0_u8; 352];
        let mut put = |offset: usize, bytes: &[u8]| header[offset..offset + bytes.len()].copy_from_slice(bytes);
        put(0, &348_i32.to_le_bytes());
        put(40, &[3_i16, 4, 3, 2, 1, 1, 1, 1].map(i16::to_le_bytes).concat());
        put(70, &16_i16.to_le_bytes());
        put(72, &32_i16.to_le_bytes());
        put(108, &352_f32.to_le_bytes());
        put(254, &1_i16.to_le_bytes());
        // Voxels of 2 x 3 x 5 mm, counted to the left, to the back and to the head.
        put(280, &[-2.0_f32, 0.0, 0.0, 0.0, 0.0, -3.0, 0.0, 0.0, 0.0, 0.0, 5.0, 0.0].map(f32::to_le_bytes).concat());
        put(344, b"n+1\0");
        let voxels = (0..2).flat_map(|z| (0..3).flat_map(move |y| (0..4).map(move |x| (100 * z + 10 * y + x) as f32)));
        header.extend(voxels.flat_map(f32::to_le_bytes));
        Scan::open(&header, "made", Window::ABDOMEN, &Limits::default()).unwrap()
    }

    #[test]
    fn every_plane_shows_the_voxels_where_radiologists_look_for_them() {
        let scan = scan();
        assert_eq!([Plane::Axial, Plane::Coronal, Plane::Sagittal].map(|plane| scan.count(plane)), [2, 3, 4]);
        let coronal = scan.cut(Plane::Coronal, 1).unwrap();
        assert_eq!(coronal.hu(), [110.0, 111.0, 112.0, 113.0, 10.0, 11.0, 12.0, 13.0]);
        assert_eq!((coronal.width(), coronal.spacing()), (4, Spacing::new(5.0, 2.0).ok()));
        let sagittal = scan.cut(Plane::Sagittal, 3).unwrap();
        assert_eq!(sagittal.hu(), [103.0, 113.0, 123.0, 3.0, 13.0, 23.0]);
        assert_eq!((sagittal.width(), sagittal.spacing()), (3, Spacing::new(5.0, 3.0).ok()));
        assert_eq!(&scan.cut(Plane::Axial, 1).unwrap(), scan.slice(1).unwrap());
        let beyond = scan.cut(Plane::Coronal, 3).unwrap_err().to_string();
        assert!(beyond.contains("slice 4") && beyond.contains("there are 3"), "{beyond}");
    }

    #[test]
    fn a_picture_has_no_other_planes() {
        let png = write::grey_png(2, 2, vec![0; 4]).unwrap();
        let picture = Scan::open(&png, "made", Window::ABDOMEN, &Limits::default()).unwrap();
        assert_eq!((picture.count(Plane::Axial), picture.count(Plane::Coronal)), (1, 0));
        assert!(picture.cut(Plane::Coronal, 0).is_err() && picture.cut(Plane::Axial, 0).is_ok());
    }
}
