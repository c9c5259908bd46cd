//! The intensity fingerprint of the labelled pixels of a data set, which suggests a window.

use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::SliceTable;
use crate::Error;

/// Intensity of the first bin.
const LOWEST: f64 = -32768.0;
/// Number of bins, each 1 HU wide; covers the range of 16-bit images.
const BINS: usize = 1 << 16;

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
                for (&hu, _) in slice.hu().iter().zip(labelled.as_slice()).filter(|(_, inside)| **inside) {
                    counts[((f64::from(hu) - LOWEST).round().clamp(0.0, (BINS - 1) as f64)) as usize] += 1;
                }
                Ok::<_, Error>(counts)
            })
            .try_reduce(|| vec![0; BINS], |a, b| Ok(a.iter().zip(b).map(|(a, b)| a + b).collect()))?;
        Ok(Self::of_counts(&counts))
    }

    /// Computes the fingerprint from a histogram with bins of 1 HU.
    fn of_counts(counts: &[u64]) -> Option<Self> {
        let pixels: u64 = counts.iter().sum();
        let hu = |bin: usize| bin as f64 + LOWEST;
        let mean_of = |value: &dyn Fn(f64) -> f64| {
            counts.iter().enumerate().map(|(bin, &count)| count as f64 * value(hu(bin))).sum::<f64>() / pixels as f64
        };
        if pixels == 0 {
            return None;
        }
        let mean = mean_of(&|hu| hu);
        let deviation = mean_of(&|hu| (hu - mean).powi(2)).sqrt();
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
            let (below, above) = (ranked(place.floor() as u64)?, ranked(place.ceil() as u64)?);
            Some(hu(below) + (hu(above) - hu(below)) * place.fract())
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
        let mut counts = vec![0; BINS];
        [0, 10, 20, 1000].into_iter().for_each(|hu: usize| counts[hu + 32768] += 1);
        let found = Fingerprint::of_counts(&counts).unwrap();
        assert_eq!((found.pixels, found.mean), (4, 257.5));
        assert!(
            (found.percentile_00_5 - 0.15).abs() < 1e-9 && (found.percentile_99_5 - 985.3).abs() < 1e-9,
            "{found:?}"
        );
        assert!((found.deviation - 428.7408).abs() < 1e-3, "{found:?}");
        assert_eq!(Fingerprint::of_counts(&vec![0; BINS]), None);
    }
}
