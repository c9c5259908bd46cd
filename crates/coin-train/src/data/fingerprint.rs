//! The intensity fingerprint of the labelled pixels of a data set, which suggests a window.

use coin_imaging::Slice;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::SliceTable;
use super::description::Unit;
use crate::Error;

/// Number of bins of a histogram.
const BINS: usize = 1 << 16;

/// A range that any value extends.
const NOTHING: [f64; 2] = [f64::INFINITY, f64::NEG_INFINITY];

/// The bins of a histogram of intensities.
#[derive(Clone, Copy, Debug)]
struct Bins {
    /// Intensity of the first bin.
    lowest: f64,
    width: f64,
}

impl Bins {
    /// Whole HU in CT; elsewhere the range of all intensities in equal parts.
    fn of(table: &SliceTable) -> Result<Self, Error> {
        if table.unit() == Unit::Hu {
            return Ok(Self { lowest: -32768.0, width: 1.0 });
        }
        let range =
            |[low, high]: [f64; 2], [other_low, other_high]: [f64; 2]| [low.min(other_low), high.max(other_high)];
        let of_slice = |slice: Slice| slice.hu().iter().fold(NOTHING, |all, &value| range(all, [value.into(); 2]));
        let ranges = table.rows().par_iter().map(|row| row.slice().map(of_slice));
        let [low, high] = ranges.try_reduce(|| NOTHING, |a, b| Ok(range(a, b)))?;
        Ok(Self { lowest: low, width: ((high - low) / (BINS - 1) as f64).max(f64::MIN_POSITIVE) })
    }

    fn place(self, intensity: f32) -> usize {
        ((f64::from(intensity) - self.lowest) / self.width).round().clamp(0.0, (BINS - 1) as f64) as usize
    }

    fn intensity(self, bin: usize) -> f64 {
        self.lowest + bin as f64 * self.width
    }
}

/// Intensity statistics of all labelled pixels; HU for CT.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Fingerprint {
    /// Number of labelled pixels.
    pub pixels: u64,
    /// Mean intensity.
    pub mean: f64,
    /// Standard deviation.
    pub deviation: f64,
    /// 0.5th percentile, the lower end of the paper's window.
    pub percentile_00_5: f64,
    /// 99.5th percentile, the upper end of the paper's window.
    pub percentile_99_5: f64,
}

impl Fingerprint {
    /// Computes the fingerprint of all slices; `None` if no pixel is labelled.
    ///
    /// # Errors
    /// If an image or mask cannot be read, or their sizes differ.
    pub fn of(table: &SliceTable) -> Result<Option<Self>, Error> {
        let bins = Bins::of(table)?;
        let counts = table
            .rows()
            .par_iter()
            .map(|row| {
                let mut counts = vec![0_u64; BINS];
                let labels = row.description.labels.values();
                let (slice, Some(labelled)) = (row.slice()?, row.mask_of(&labels)?) else { return Ok(counts) };
                if (labelled.width(), labelled.height()) != (slice.width(), slice.height()) {
                    return Err(Error::Sizes { path: row.image.clone() });
                }
                for (&value, _) in slice.hu().iter().zip(labelled.as_slice()).filter(|(_, inside)| **inside) {
                    counts[bins.place(value)] += 1;
                }
                Ok::<_, Error>(counts)
            })
            .try_reduce(|| vec![0; BINS], |a, b| Ok(a.iter().zip(b).map(|(a, b)| a + b).collect()))?;
        Ok(Self::of_counts(&counts, bins))
    }

    /// Computes the fingerprint from a histogram.
    fn of_counts(counts: &[u64], bins: Bins) -> Option<Self> {
        let pixels: u64 = counts.iter().sum();
        let mean_of = |value: &dyn Fn(f64) -> f64| {
            counts.iter().enumerate().map(|(bin, &count)| count as f64 * value(bins.intensity(bin))).sum::<f64>()
                / pixels as f64
        };
        if pixels == 0 {
            return None;
        }
        let mean = mean_of(&|value| value);
        let deviation = mean_of(&|value| (value - mean).powi(2)).sqrt();
        // The bin with rank `rank`, counted from 0.
        let ranked = |rank: u64| {
            let mut before = 0;
            counts.iter().position(|&count| {
                before += count;
                before > rank
            })
        };
        let percentile = |share: f64| {
            let place = share * (pixels - 1) as f64;
            let [below, above] =
                [place.floor(), place.ceil()].map(|rank| ranked(rank as u64).map(|bin| bins.intensity(bin)));
            Some(below? + (above? - below?) * place.fract())
        };
        Some(Self { pixels, mean, deviation, percentile_00_5: percentile(0.005)?, percentile_99_5: percentile(0.995)? })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_interpolated_as_in_numpy() {
        // 0, 10, 20 and 1000 HU; numpy.percentile gives 0.15 and 985.3.
        let bins = Bins { lowest: -32768.0, width: 1.0 };
        let mut counts = vec![0; BINS];
        [0.0, 10.0, 20.0, 1000.0].into_iter().for_each(|hu| counts[bins.place(hu)] += 1);
        let found = Fingerprint::of_counts(&counts, bins).unwrap();
        assert_eq!((found.pixels, found.mean), (4, 257.5));
        assert!(
            (found.percentile_00_5 - 0.15).abs() < 1e-9 && (found.percentile_99_5 - 985.3).abs() < 1e-9,
            "{found:?}"
        );
        assert!((found.deviation - 428.7408).abs() < 1e-3, "{found:?}");
        assert_eq!(Fingerprint::of_counts(&vec![0; BINS], bins), None);
    }

    #[test]
    fn intensities_without_hu_are_not_rounded_to_whole_numbers() {
        let bins = Bins { lowest: 0.0, width: 1.0 / (BINS - 1) as f64 };
        let mut counts = vec![0; BINS];
        [0.25, 0.5, 0.75].into_iter().for_each(|value| counts[bins.place(value)] += 1);
        let found = Fingerprint::of_counts(&counts, bins).unwrap();
        assert!((found.mean - 0.5).abs() < 1e-4 && (found.percentile_00_5 - 0.2525).abs() < 1e-4, "{found:?}");
    }
}
