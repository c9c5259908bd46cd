//! How far a classifier's probabilities are from the observed frequencies.

use serde::{Deserialize, Serialize};

/// Bins of equal width, as in torchmetrics.
const BINS: usize = 15;

/// A bin of a reliability diagram that holds at least one slice.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct ReliabilityBin {
    /// Probabilities above this; the first bin includes 0.
    pub lower: f64,
    /// Probabilities up to and including this.
    pub upper: f64,
    /// Slices in the bin.
    pub slices: usize,
    /// Mean predicted probability.
    pub mean_probability: f64,
    /// Share of abnormal slices.
    pub abnormal: f64,
}

#[derive(Clone, Copy, Default)]
struct Sums {
    slices: usize,
    probability: f64,
    abnormal: f64,
}

fn sums(scored: &[(f64, bool)]) -> [Sums; BINS] {
    let mut bins = [Sums::default(); BINS];
    for &(probability, abnormal) in scored {
        let place = (probability * BINS as f64).ceil() as usize;
        let bin = &mut bins[place.clamp(1, BINS) - 1];
        bin.slices += 1;
        bin.probability += probability;
        bin.abnormal += f64::from(u8::from(abnormal));
    }
    bins
}

/// The bins that are not empty, by rising probability.
pub(super) fn reliability(scored: &[(f64, bool)]) -> Vec<ReliabilityBin> {
    let bound = |place: usize| place as f64 / BINS as f64;
    let bins = sums(scored).into_iter().enumerate().filter(|(_, bin)| bin.slices > 0);
    bins.map(|(place, bin)| ReliabilityBin {
        lower: bound(place),
        upper: bound(place + 1),
        slices: bin.slices,
        mean_probability: bin.probability / bin.slices as f64,
        abnormal: bin.abnormal / bin.slices as f64,
    })
    .collect()
}

/// Expected calibration error: the mean gap between probability and frequency, weighted by the bins' slices.
pub(super) fn calibration_error(scored: &[(f64, bool)]) -> Option<f64> {
    let off: f64 = sums(scored).iter().map(|bin| (bin.probability - bin.abnormal).abs()).sum();
    (!scored.is_empty()).then(|| off / scored.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weighted_gaps_of_the_bins_are_the_calibration_error() {
        for count in [1_u32, 2, 10, 200] {
            let scored: Vec<(f64, bool)> =
                (0..count).map(|i| (f64::from(i * 37 % 101) / 100.0, i * 7 % 5 < 2)).collect();
            let bins = reliability(&scored);
            assert_eq!(bins.iter().map(|bin| bin.slices).sum::<usize>(), scored.len());
            let gaps: f64 =
                bins.iter().map(|bin| bin.slices as f64 * (bin.mean_probability - bin.abnormal).abs()).sum();
            let error = calibration_error(&scored).expect("slices");
            assert!((gaps / f64::from(count) - error).abs() < 1e-12, "{count}: {gaps} {error}");
        }
        assert_eq!((reliability(&[]), calibration_error(&[])), (Vec::new(), None));
    }

    #[test]
    fn a_bin_holds_its_upper_bound_and_the_first_one_zero() {
        let bins = reliability(&[(0.0, false), (1.0 / 15.0, true), (1.0, true)]);
        assert_eq!(bins.iter().map(|bin| bin.slices).collect::<Vec<_>>(), [2, 1]);
        assert!(bins.iter().all(|bin| (bin.lower..=bin.upper).contains(&bin.mean_probability)));
    }
}
