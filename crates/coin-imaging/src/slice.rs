//! One axial CT slice.

use crate::Error;
use crate::resample::{self, Axis};
use crate::spacing::Spacing;
use crate::window::Window;

/// Width of the field of view that is assumed when a file does not say: 256 pixels of 1.5 mm.
const ASSUMED_FIELD_OF_VIEW_MM: f32 = 384.0;

/// HU of one slice, row by row from the top left, and the size of its pixels where the file tells it.
#[derive(Clone, Debug, PartialEq)]
pub struct Slice {
    width: usize,
    height: usize,
    hu: Vec<f32>,
    spacing: Option<Spacing>,
}

impl Slice {
    /// A slice from `width * height` HU values, row by row.
    ///
    /// # Errors
    /// When a side is zero, the number of values differs, or a value is not finite.
    pub fn new(width: usize, height: usize, hu: Vec<f32>, spacing: Option<Spacing>) -> Result<Self, Error> {
        if width == 0 || height == 0 {
            return Err(Error::EmptySlice { width, height });
        }
        if width.checked_mul(height) != Some(hu.len()) {
            return Err(Error::SliceLength { values: hu.len(), width, height });
        }
        if let Some(i) = hu.iter().position(|value| !value.is_finite()) {
            return Err(Error::NotFinite { x: i % width, y: i / width });
        }
        Ok(Self { width, height, hu, spacing })
    }

    /// Pixels in a row.
    #[must_use]
    pub fn width(&self) -> usize {
        self.width
    }

    /// Number of rows.
    #[must_use]
    pub fn height(&self) -> usize {
        self.height
    }

    /// HU, row by row.
    #[must_use]
    pub fn hu(&self) -> &[f32] {
        &self.hu
    }

    /// Pixel size, where the file tells it.
    #[must_use]
    pub fn spacing(&self) -> Option<Spacing> {
        self.spacing
    }

    /// Pixel size, or else that of a 384 mm wide field of view.
    #[must_use]
    pub fn spacing_or_assumed(&self) -> Spacing {
        let mm = ASSUMED_FIELD_OF_VIEW_MM / self.width as f32;
        self.spacing.unwrap_or_else(|| Spacing::clamped(mm, mm))
    }

    /// With what lies in one window moved linearly to another, beyond its bounds as well.
    #[must_use]
    pub fn rescaled(&self, from: Window, to: Window) -> Self {
        let scale = (to.high() - to.low()) / (from.high() - from.low());
        let hu = self.hu.iter().map(|value| to.low() + (value - from.low()) * scale).collect();
        Self { hu, ..self.clone() }
    }

    /// The slice cut to a window and then put on another grid, on which a pixel off the slice is black.
    pub(crate) fn resampled(&self, columns: Axis, rows: Axis, spacing: Option<Spacing>, window: Window) -> Self {
        let hu: Vec<f32> = self.hu.iter().map(|&hu| window.clamp(hu)).collect();
        Self {
            width: columns.output,
            height: rows.output,
            hu: resample::bilinear(&hu, columns, rows, window.low()),
            spacing,
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn refuses_values_that_make_no_slice() {
        assert!(matches!(Slice::new(0, 3, vec![], None), Err(Error::EmptySlice { .. })));
        assert!(matches!(Slice::new(2, 3, vec![0.0; 5], None), Err(Error::SliceLength { .. })));
        assert!(matches!(Slice::new(usize::MAX, 3, vec![0.0; 5], None), Err(Error::SliceLength { .. })));
        let mut hu = vec![0.0; 6];
        hu[5] = f32::NAN;
        assert_eq!(Slice::new(2, 3, hu, None), Err(Error::NotFinite { x: 1, y: 2 }));
    }

    #[test]
    fn assumes_a_field_of_view_when_the_file_is_silent() {
        let slice = Slice::new(256, 2, vec![0.0; 512], None).unwrap();
        assert_eq!(slice.spacing_or_assumed(), Spacing::new(1.5, 1.5).unwrap());
    }
}
