//! A single slice in HU.

use crate::Error;
use crate::resample::{self, Axis};
use crate::spacing::Spacing;
use crate::window::Window;

/// Field of view that is assumed without a pixel spacing: 256 pixels of 1.5 mm.
const ASSUMED_FIELD_OF_VIEW_MM: f32 = 384.0;

/// A slice: row-major HU (intensities, except for CT) from the top left, with the pixel spacing if known.
///
/// ```
/// use coin_imaging::{Slice, Spacing};
///
/// let spacing = Spacing::new(0.8, 0.8).unwrap();
/// let slice = Slice::new(2, 1, vec![-1000.0, 40.0], Some(spacing)).unwrap();
/// assert_eq!((slice.width(), slice.height()), (2, 1));
/// assert!(Slice::new(2, 1, vec![f32::NAN; 2], None).is_err());
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Slice {
    width: usize,
    height: usize,
    hu: Vec<f32>,
    spacing: Option<Spacing>,
}

impl Slice {
    /// Creates a slice from `width * height` row-major values in HU.
    ///
    /// # Errors
    /// If width or height is zero, the number of values differs, or a value is not finite.
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

    /// Number of columns.
    #[must_use]
    pub fn width(&self) -> usize {
        self.width
    }

    /// Number of rows.
    #[must_use]
    pub fn height(&self) -> usize {
        self.height
    }

    /// The values in HU, row-major.
    #[must_use]
    pub fn hu(&self) -> &[f32] {
        &self.hu
    }

    /// Pixel spacing, if known.
    #[must_use]
    pub fn spacing(&self) -> Option<Spacing> {
        self.spacing
    }

    /// Pixel spacing, or else that of a field of view of 384 mm.
    #[must_use]
    pub fn spacing_or_assumed(&self) -> Spacing {
        let mm = ASSUMED_FIELD_OF_VIEW_MM / self.width as f32;
        self.spacing.unwrap_or_else(|| Spacing::clamped(mm, mm))
    }

    /// Maps the window `from` linearly to the window `to`, and extrapolates outside it.
    #[must_use]
    pub fn rescaled(&self, from: Window, to: Window) -> Self {
        let scale = (to.high() - to.low()) / (from.high() - from.low());
        let hu = self.hu.iter().map(|value| to.low() + (value - from.low()) * scale).collect();
        Self { hu, ..self.clone() }
    }

    /// Clips the slice to a window and resamples it; pixels outside the slice get the window's minimum.
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
    fn invalid_values_are_rejected() {
        assert!(matches!(Slice::new(0, 3, vec![], None), Err(Error::EmptySlice { .. })));
        assert!(matches!(Slice::new(2, 3, vec![0.0; 5], None), Err(Error::SliceLength { .. })));
        assert!(matches!(Slice::new(usize::MAX, 3, vec![0.0; 5], None), Err(Error::SliceLength { .. })));
        let mut hu = vec![0.0; 6];
        hu[5] = f32::NAN;
        assert_eq!(Slice::new(2, 3, hu, None), Err(Error::NotFinite { x: 1, y: 2 }));
    }

    #[test]
    fn without_a_spacing_a_field_of_view_is_assumed() {
        let slice = Slice::new(256, 2, vec![0.0; 512], None).unwrap();
        assert_eq!(slice.spacing_or_assumed(), Spacing::new(1.5, 1.5).unwrap());
    }
}
