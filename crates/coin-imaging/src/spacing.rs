//! Pixel spacing.

use crate::Error;

/// Distance between pixel centres in mm, between 0.01 and 100.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spacing {
    row_mm: f32,
    column_mm: f32,
}

impl Spacing {
    const MIN_MM: f32 = 0.01;
    const MAX_MM: f32 = 100.0;

    /// Creates a spacing from the distance between rows (downwards) and between columns (to the right), in mm.
    ///
    /// # Errors
    /// If either is outside 0.01..=100 mm or NaN.
    pub fn new(row_mm: f32, column_mm: f32) -> Result<Self, Error> {
        let plausible = |mm: f32| (Self::MIN_MM..=Self::MAX_MM).contains(&mm);
        if plausible(row_mm) && plausible(column_mm) {
            Ok(Self { row_mm, column_mm })
        } else {
            Err(Error::Spacing { row_mm, column_mm })
        }
    }

    /// The nearest valid spacing.
    pub(crate) fn clamped(row_mm: f32, column_mm: f32) -> Self {
        let [row_mm, column_mm] = [row_mm, column_mm].map(|mm| mm.clamp(Self::MIN_MM, Self::MAX_MM));
        Self { row_mm, column_mm }
    }

    /// The spacing with rows and columns exchanged.
    pub(crate) fn transposed(self) -> Self {
        Self { row_mm: self.column_mm, column_mm: self.row_mm }
    }

    /// Distance between neighbouring rows in mm.
    #[must_use]
    pub fn row_mm(self) -> f32 {
        self.row_mm
    }

    /// Distance between neighbouring columns in mm.
    #[must_use]
    pub fn column_mm(self) -> f32 {
        self.column_mm
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn implausible_spacings_are_rejected() {
        for mm in [0.0, -1.0, 0.009, 101.0, f32::NAN, f32::INFINITY] {
            assert!(Spacing::new(mm, 1.0).is_err(), "row {mm}");
            assert!(Spacing::new(1.0, mm).is_err(), "column {mm}");
        }
        assert!(Spacing::new(0.01, 100.0).is_ok());
    }
}
