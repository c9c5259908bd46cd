//! The range of intensities that a model or a display looks at: HU in CT.

use std::borrow::Borrow;

use crate::Error;
use crate::slice::Slice;
use serde::{Deserialize, Serialize};

/// Intensities that are ranked for percentiles, at most.
const MOST_RANKED: usize = 1 << 23;

/// A range of intensities, `low < high`, written `[low, high]` in files. In CT they are HU.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "[f32; 2]", into = "[f32; 2]")]
pub struct Window {
    low: f32,
    high: f32,
}

impl Window {
    /// Soft tissue with contrast medium, as used for the kidneys: -100 to 300 HU.
    pub const ABDOMEN: Self = Self { low: -100.0, high: 300.0 };

    /// Phantoms: -200 to 400 HU. Fat lies above its bottom and the brightest kidney well below its top, so that an
    /// anomaly inserted over either is cut off by neither.
    pub const PHANTOM: Self = Self { low: -200.0, high: 400.0 };

    /// All that scanners tell: 12 bits.
    pub(crate) const SCANNER: Self = Self { low: -1024.0, high: 3071.0 };

    /// 8-bit images whose intensities have no unit.
    pub const EIGHT_BIT: Self = Self { low: 0.0, high: 255.0 };

    /// 16-bit images with one HU per level, from -32768: the whole range that scanners store.
    pub const WHOLE_HU: Self = Self { low: -32768.0, high: 32767.0 };

    const LIMIT: f32 = 100_000.0;
    const MIN_WIDTH: f32 = 1e-6;
    /// Of values that are all the same, in which their own digits would end before it.
    const MIN_SHARE: f32 = 1e-5;

    /// The range from `low` to `high`.
    ///
    /// # Errors
    /// When a bound is not a number or beyond +-100000, or when `high` does not exceed `low` by a millionth.
    pub fn new(low: f32, high: f32) -> Result<Self, Error> {
        let plausible = |hu: f32| hu.abs() <= Self::LIMIT;
        if plausible(low) && plausible(high) && high - low >= Self::MIN_WIDTH {
            Ok(Self { low, high })
        } else {
            Err(Error::Window { low, high })
        }
    }

    /// From one percentile of all intensities of some slices to another, both in 0 to 100 and interpolated between ranks, as NumPy
    /// does. Of very many pixels some are taken, evenly spread. Widened around its middle where they differ too little; `None`
    /// where there is no slice, or they are beyond +-100000.
    ///
    /// # Errors
    /// The first of a slice.
    pub fn of_percentiles<E>(
        slices: impl ExactSizeIterator<Item = Result<impl Borrow<Slice>, E>>,
        percentiles: [f32; 2],
    ) -> Result<Option<Self>, E> {
        let room = (MOST_RANKED / slices.len().max(1)).max(1);
        let mut values = Vec::new();
        for slice in slices {
            let slice = slice?;
            let all = slice.borrow().hu();
            // An odd step: with an even one, rows of even length would give the same few columns.
            values.extend(all.iter().step_by(all.len().div_ceil(room) | 1));
        }
        Ok(Self::between(&mut values, percentiles))
    }

    fn between(values: &mut [f32], [low, high]: [f32; 2]) -> Option<Self> {
        let (low, high) = (percentile(values, low)?, percentile(values, high)?);
        let least = Self::MIN_WIDTH.max(Self::MIN_SHARE * low.abs().max(high.abs()));
        let lacking = (least - (high - low)).max(0.0);
        Self::new(low - lacking, high + lacking).ok()
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

    /// An intensity to the nearest 16-bit grey, clipped.
    #[must_use]
    pub fn level(self, value: f32) -> u16 {
        // In doubles: a level of whole HU is exactly one HU.
        let [value, low, high] = [value, self.low, self.high].map(f64::from);
        ((value - low) / (high - low) * 65535.0).round().clamp(0.0, 65535.0) as u16
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

/// The value of a rank between the first (0) and the last (100).
fn percentile(values: &mut [f32], percent: f32) -> Option<f32> {
    let last = values.len().checked_sub(1)?;
    let place = f64::from(percent.clamp(0.0, 100.0)) / 100.0 * last as f64;
    let (_, &mut below, rest) = values.select_nth_unstable_by(place.floor() as usize, f32::total_cmp);
    let above = rest.iter().copied().min_by(f32::total_cmp).unwrap_or(below);
    Some(below + (above - below) * place.fract() as f32)
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
    fn refuses_bounds_that_span_nothing() {
        for (low, high) in [(1.0, 1.0), (2.0, 1.0), (f32::NAN, 1.0), (0.0, f32::INFINITY), (0.0, 1e9)] {
            assert!(Window::new(low, high).is_err(), "[{low}, {high}]");
        }
    }

    #[test]
    fn percentiles_lie_between_ranks() {
        // numpy.percentile([10, 1000, 0, 20], [0.5, 50, 99.5]) gives 0.15, 15 and 985.3.
        let of = |low, high| Window::between(&mut [10.0, 1000.0, 0.0, 20.0], [low, high]);
        let window = of(0.5, 99.5).unwrap();
        assert!((window.low() - 0.15).abs() < 1e-4 && (window.high() - 985.3).abs() < 1e-3, "{window:?}");
        assert_eq!(of(0.0, 50.0), Window::new(0.0, 15.0).ok());
        // A slice of one value is a window, too.
        let flat = Window::between(&mut [7.0; 9], [0.5, 99.5]).unwrap();
        assert!(flat.low() < 7.0 && 7.0 < flat.high());
        assert_eq!(Window::between(&mut [], [0.0, 100.0]), None);
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
