//! Axial, coronal and sagittal slices of a volume.

use serde::{Deserialize, Serialize};

use crate::Error;
use crate::{Scan, Slice, Spacing};

/// The plane of a slice, in radiological convention: the patient's right is on the left of axial and coronal slices,
/// anterior is on the left of sagittal slices, and the head is at the top of coronal and sagittal slices.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Plane {
    /// Transverse plane, the usual one of CT.
    #[default]
    Axial,
    /// Frontal plane.
    Coronal,
    /// Median plane and parallels.
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
    /// Number of slices in a plane; a scan without volume geometry has only axial ones.
    #[must_use]
    pub fn count(&self, plane: Plane) -> usize {
        match (plane, self.geometry()) {
            (Plane::Axial, _) => self.slice_count(),
            (Plane::Coronal, Some(geometry)) => geometry.height(),
            (Plane::Sagittal, Some(geometry)) => geometry.width(),
            (Plane::Coronal | Plane::Sagittal, None) => 0,
        }
    }

    /// Extracts slice `index` of a plane, from 0: the most inferior axial, the most anterior coronal, or the rightmost
    /// sagittal slice.
    ///
    /// # Errors
    /// If there is no such slice.
    pub fn extract(&self, plane: Plane, index: usize) -> Result<Slice, Error> {
        let first = self.slice(0)?;
        let (width, height, depth) = (first.width(), first.height(), self.slice_count());
        let (row_mm, column_mm) = match first.spacing() {
            Some(spacing) => (spacing.row_mm(), spacing.column_mm()),
            None if plane == Plane::Axial => return self.slice(index).cloned(),
            None => return Err(self.no_slice(index, self.count(plane))),
        };
        let slice_mm = self.geometry().map_or(1.0, crate::Geometry::slice_mm);
        // The head is at the top, so the last axial slice comes first.
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
