//! The metrics of the paper's tables (section 4), accumulated slice by slice.

mod calibration;
#[cfg(feature = "train")]
mod frechet;
mod overlap;
mod ranking;
mod roc;
mod validity;

pub use calibration::ReliabilityBin;
#[cfg(feature = "train")]
pub use frechet::Features;
pub use overlap::{Overlap, ThresholdSweep, best_threshold};
pub use ranking::{Ranking, RankingCurves, RankingSummary};
pub use roc::RocPoint;
pub use validity::Validity;

/// Bootstrap resamplings.
const ROUNDS: usize = 2000;

/// Returns the 95 % percentile bootstrap interval of `statistic` from 2000 resamplings with a fixed seed.
///
/// Resampling draws whole groups: put correlated values, such as the slices of a patient, into one group. `None` for
/// fewer than two groups, or if the statistic is `None` for at least half of the resamplings.
pub fn bootstrap_ci95<T>(groups: &[T], statistic: impl Fn(&[&T]) -> Option<f64>) -> Option<[f64; 2]> {
    if groups.len() < 2 {
        return None;
    }
    // SplitMix64 gives the same sequence on every machine.
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut next = || {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    };
    let count = groups.len();
    let mut draw = |_| (0..count).filter_map(|_| groups.get((next() % count as u64) as usize)).collect::<Vec<&T>>();
    let mut found: Vec<f64> = (0..ROUNDS).filter_map(|round| statistic(&draw(round))).collect();
    found.sort_by(f64::total_cmp);
    let at = |share: f64| found.get((found.len().saturating_sub(1) as f64 * share).round() as usize).copied();
    if 2 * found.len() > ROUNDS { Some([at(0.025)?, at(0.975)?]) } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mean(values: &[&f64]) -> Option<f64> {
        Some(values.iter().copied().sum::<f64>() / values.len() as f64)
    }

    #[test]
    fn grouping_correlated_values_widens_the_interval() {
        let width = |groups: &[Vec<f64>]| {
            let mean = |drawn: &[&Vec<f64>]| mean(&drawn.iter().copied().flatten().collect::<Vec<_>>());
            let [low, high] = bootstrap_ci95(groups, mean).expect("enough groups");
            high - low
        };
        let apart: Vec<Vec<f64>> = (0..40).map(|i| vec![f64::from(i % 2)]).collect();
        let together: Vec<Vec<f64>> = (0..10).map(|i| vec![f64::from(i % 2); 4]).collect();
        assert!(width(&together) > 1.5 * width(&apart));
        assert_eq!(bootstrap_ci95(&apart, |_| None), None);
    }

    #[test]
    fn bootstrap_interval_contains_the_mean_and_shrinks_with_more_values() {
        let few: Vec<f64> = (0..10).map(|i| f64::from(i % 5)).collect();
        let many: Vec<f64> = (0..1000).map(|i| f64::from(i % 5)).collect();
        let width = |values: &[f64]| {
            let [low, high] = bootstrap_ci95(values, mean).expect("enough values");
            assert!(low < 2.0 && 2.0 < high, "{low}..{high} misses the mean 2");
            high - low
        };
        assert!(width(&many) < width(&few) / 5.0);
        assert_eq!(bootstrap_ci95(&[1.0], mean), None);
    }
}
