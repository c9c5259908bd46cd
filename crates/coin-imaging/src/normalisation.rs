//! Normalisation of slices to a network's range: percentile windows, and pixels in [-1, 1].

use std::borrow::Borrow;

use crate::slice::Slice;
use crate::window::Window;

/// Upper limit of the values ranked for percentiles.
const MAX_RANKED: usize = 1 << 23;
/// Smallest width relative to the bounds, so that f32 can resolve it.
const MIN_RELATIVE_WIDTH: f32 = 1e-5;

impl Window {
    /// The window between two percentiles, both in 0 to 100, of all intensities of some slices.
    ///
    /// Percentiles interpolate linearly between ranks, as NumPy does. Very large inputs are subsampled evenly. A window
    /// that is too narrow is widened. `None` without slices, or if the percentiles are outside +-100000.
    ///
    /// # Errors
    /// The first error of `slices`.
    pub fn of_percentiles<E>(
        slices: impl ExactSizeIterator<Item = Result<impl Borrow<Slice>, E>>,
        percentiles: [f32; 2],
    ) -> Result<Option<Self>, E> {
        let room = (MAX_RANKED / slices.len().max(1)).max(1);
        let mut values = Vec::new();
        for slice in slices {
            let slice = slice?;
            let all = slice.borrow().hu();
            // The step is odd: an even one would select the same few columns of rows of even length.
            values.extend(all.iter().step_by(all.len().div_ceil(room) | 1));
        }
        Ok(Self::between(&mut values, percentiles))
    }

    /// Maps all pixels of a slice to [-1, 1], row-major.
    #[must_use]
    pub fn normalise_slice(self, slice: &Slice) -> Vec<f32> {
        slice.hu().iter().map(|&hu| self.normalise(hu)).collect()
    }

    fn between(values: &mut [f32], [low, high]: [f32; 2]) -> Option<Self> {
        let (low, high) = (percentile(values, low)?, percentile(values, high)?);
        let least = Self::MIN_WIDTH.max(MIN_RELATIVE_WIDTH * low.abs().max(high.abs()));
        let lacking = (least - (high - low)).max(0.0);
        Self::new(low - lacking, high + lacking).ok()
    }
}

/// The percentile, interpolated linearly between ranks.
fn percentile(values: &mut [f32], percent: f32) -> Option<f32> {
    let last = values.len().checked_sub(1)?;
    let place = f64::from(percent.clamp(0.0, 100.0)) / 100.0 * last as f64;
    let (_, &mut below, rest) = values.select_nth_unstable_by(place.floor() as usize, f32::total_cmp);
    let above = rest.iter().copied().min_by(f32::total_cmp).unwrap_or(below);
    Some(below + (above - below) * place.fract() as f32)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn percentiles_interpolate_between_ranks() {
        // numpy.percentile([10, 1000, 0, 20], [0.5, 50, 99.5]) gives 0.15, 15 and 985.3.
        let of = |low, high| Window::between(&mut [10.0, 1000.0, 0.0, 20.0], [low, high]);
        let window = of(0.5, 99.5).unwrap();
        assert!((window.low() - 0.15).abs() < 1e-4 && (window.high() - 985.3).abs() < 1e-3, "{window:?}");
        assert_eq!(of(0.0, 50.0), Window::new(0.0, 15.0).ok());
        // A constant slice also has a window.
        let flat = Window::between(&mut [7.0; 9], [0.5, 99.5]).unwrap();
        assert!(flat.low() < 7.0 && 7.0 < flat.high());
        assert_eq!(Window::between(&mut [], [0.0, 100.0]), None);
    }
}
