//! Intensity windows: the range that a model or a display uses, in HU for CT.

use crate::Error;
use serde::{Deserialize, Serialize};

/// A range of intensities with `low < high`, serialised as `[low, high]`. In HU for CT.
///
/// ```
/// use coin_imaging::Window;
///
/// let window = Window::new(-100.0, 300.0).unwrap();
/// assert_eq!(window.normalise(100.0), 0.0);
/// assert_eq!(window.normalise(1000.0), 1.0);
/// assert_eq!(window.to_hu(0.0), 100.0);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "[f32; 2]", into = "[f32; 2]")]
pub struct Window {
    low: f32,
    high: f32,
}

impl Window {
    /// Contrast-enhanced soft tissue, such as kidneys: -100 to 300 HU.
    pub const ABDOMEN: Self = Self { low: -100.0, high: 300.0 };

    /// Phantoms: -200 to 400 HU. Fat lies above the minimum, and the brightest kidney far enough below the maximum that
    /// an anomaly is not clipped.
    pub const PHANTOM: Self = Self { low: -200.0, high: 400.0 };

    /// The 12-bit range of scanners.
    pub(crate) const SCANNER: Self = Self { low: -1024.0, high: 3071.0 };

    /// 8-bit images whose intensities have no unit.
    pub const EIGHT_BIT: Self = Self { low: 0.0, high: 255.0 };

    /// 16-bit images with one HU per level from -32768: the whole range that DICOM stores.
    pub const WHOLE_HU: Self = Self { low: -32768.0, high: 32767.0 };

    const LIMIT: f32 = 100_000.0;
    pub(crate) const MIN_WIDTH: f32 = 1e-6;

    /// Creates a window from `low` to `high`.
    ///
    /// # Errors
    /// If a bound is NaN or outside +-100000, or if `high` does not exceed `low` by at least 1e-6.
    pub fn new(low: f32, high: f32) -> Result<Self, Error> {
        let plausible = |hu: f32| hu.abs() <= Self::LIMIT;
        if plausible(low) && plausible(high) && high - low >= Self::MIN_WIDTH {
            Ok(Self { low, high })
        } else {
            Err(Error::Window { low, high })
        }
    }

    /// Lower bound in HU.
    #[must_use]
    pub fn low(self) -> f32 {
        self.low
    }

    /// Upper bound in HU.
    #[must_use]
    pub fn high(self) -> f32 {
        self.high
    }

    /// Maps HU to [-1, 1], clipped.
    #[must_use]
    pub fn normalise(self, hu: f32) -> f32 {
        2.0 * self.unit(hu) - 1.0
    }

    /// Maps [-1, 1] to HU, extrapolating outside.
    #[must_use]
    pub fn to_hu(self, value: f32) -> f32 {
        self.hu_of_unit((value + 1.0) / 2.0)
    }

    /// Maps HU to an 8-bit intensity, clipped.
    #[must_use]
    pub fn grey(self, hu: f32) -> u8 {
        (self.unit(hu) * 255.0).round() as u8
    }

    /// Maps HU to the nearest 16-bit intensity, clipped.
    #[must_use]
    pub fn level(self, value: f32) -> u16 {
        // In f64, so that a window of 65536 whole HU maps exactly.
        let [value, low, high] = [value, self.low, self.high].map(f64::from);
        ((value - low) / (high - low) * 65535.0).round().clamp(0.0, 65535.0) as u16
    }

    /// Clips HU to the window.
    pub(crate) fn clamp(self, hu: f32) -> f32 {
        hu.clamp(self.low, self.high)
    }

    /// Maps HU to [0, 1], clipped.
    pub(crate) fn unit(self, hu: f32) -> f32 {
        ((hu - self.low) / (self.high - self.low)).clamp(0.0, 1.0)
    }

    /// Maps [0, 1] to HU.
    pub(crate) fn hu_of_unit(self, unit: f32) -> f32 {
        self.low + unit * (self.high - self.low)
    }
}

impl TryFrom<[f32; 2]> for Window {
    type Error = crate::Error;

    fn try_from([low, high]: [f32; 2]) -> Result<Self, Error> {
        Self::new(low, high)
    }
}

impl From<Window> for [f32; 2] {
    fn from(window: Window) -> Self {
        [window.low, window.high]
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn invalid_bounds_are_rejected() {
        for (low, high) in [(1.0, 1.0), (2.0, 1.0), (f32::NAN, 1.0), (0.0, f32::INFINITY), (0.0, 1e9)] {
            assert!(Window::new(low, high).is_err(), "[{low}, {high}]");
        }
    }

    #[test]
    fn normalisation_clips_and_is_invertible_inside() {
        let window = Window::ABDOMEN;
        assert_eq!(window.normalise(-1000.0), -1.0);
        assert_eq!(window.normalise(1000.0), 1.0);
        assert_eq!(window.grey(-100.0), 0);
        assert_eq!(window.grey(300.0), 255);
        for hu in [-100.0_f32, -37.5, 0.0, 99.0, 300.0] {
            assert!((window.to_hu(window.normalise(hu)) - hu).abs() < 1e-3);
        }
    }
}
