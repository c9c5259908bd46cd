//! The HU range that a model or a display looks at.

use crate::slice::Slice;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// A range of HU, `low < high`, written `[low, high]` in files.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "[f32; 2]", into = "[f32; 2]")]
pub struct Window {
    low: f32,
    high: f32,
}

/// Bounds that span no range of HU.
#[derive(Clone, Copy, Debug, Error, PartialEq)]
#[error("a window from {low} to {high} HU is not a range; the lower bound comes first and both are within +-100000")]
pub struct WindowError {
    low: f32,
    high: f32,
}

impl Window {
    /// Soft tissue with contrast medium, as used for the kidneys: -100 to 300 HU.
    pub const ABDOMEN: Self = Self { low: -100.0, high: 300.0 };

    /// Phantoms: -200 to 400 HU. Fat lies above its bottom and the brightest kidney well below its top, so that an
    /// anomaly planted over either is cut off by neither.
    pub const PHANTOM: Self = Self { low: -200.0, high: 400.0 };

    /// All that scanners tell: 12 bits.
    pub(crate) const SCANNER: Self = Self { low: -1024.0, high: 3071.0 };

    const LIMIT_HU: f32 = 100_000.0;
    const MIN_WIDTH_HU: f32 = 0.01;

    /// The range from `low` to `high` HU.
    ///
    /// # Errors
    /// When a bound is not a number or beyond +-100000 HU, or when `high` does not exceed `low` by 0.01 HU.
    pub fn new(low: f32, high: f32) -> Result<Self, WindowError> {
        let plausible = |hu: f32| hu.abs() <= Self::LIMIT_HU;
        if plausible(low) && plausible(high) && high - low >= Self::MIN_WIDTH_HU {
            Ok(Self { low, high })
        } else {
            Err(WindowError { low, high })
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

    /// HU to [-1, 1], clipped.
    #[must_use]
    pub fn normalise(self, hu: f32) -> f32 {
        2.0 * self.unit(hu) - 1.0
    }

    /// [-1, 1] back to HU; values beyond are continued linearly.
    #[must_use]
    pub fn to_hu(self, value: f32) -> f32 {
        self.hu_of_unit((value + 1.0) / 2.0)
    }

    /// HU to an 8-bit grey, clipped.
    #[must_use]
    pub fn grey(self, hu: f32) -> u8 {
        (self.unit(hu) * 255.0).round() as u8
    }

    /// All pixels of a slice in [-1, 1], row by row.
    #[must_use]
    pub fn normalise_slice(self, slice: &Slice) -> Vec<f32> {
        slice.hu().iter().map(|&hu| self.normalise(hu)).collect()
    }

    /// HU to the nearest that it shows.
    pub(crate) fn clamp(self, hu: f32) -> f32 {
        hu.clamp(self.low, self.high)
    }

    /// HU to [0, 1], clipped.
    pub(crate) fn unit(self, hu: f32) -> f32 {
        ((hu - self.low) / (self.high - self.low)).clamp(0.0, 1.0)
    }

    /// [0, 1] back to HU.
    pub(crate) fn hu_of_unit(self, unit: f32) -> f32 {
        self.low + unit * (self.high - self.low)
    }
}

impl TryFrom<[f32; 2]> for Window {
    type Error = WindowError;

    fn try_from([low, high]: [f32; 2]) -> Result<Self, WindowError> {
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
    use super::*;

    #[test]
    fn refuses_bounds_that_span_nothing() {
        for (low, high) in [(1.0, 1.0), (2.0, 1.0), (f32::NAN, 1.0), (0.0, f32::INFINITY), (0.0, 1e9)] {
            assert!(Window::new(low, high).is_err(), "[{low}, {high}]");
        }
    }

    #[test]
    fn clips_and_returns_to_hu() {
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
