//! The numbers of the paper's tables, computed on streams: a test set never has to fit in memory.

#[cfg(feature = "train")]
mod frechet;
mod overlap;
mod ranking;
mod validity;

#[cfg(feature = "train")]
pub use frechet::Features;
pub use overlap::{Overlap, ThresholdSweep, best_threshold};
pub use ranking::{Ranking, RankingSummary};
pub use validity::Validity;

/// A percentile bootstrap interval of the mean, 95 %, from `rounds` resamplings with a fixed sequence.
///
/// `None` for fewer than two values.
pub fn bootstrap_mean_ci95(values: &[f64], rounds: usize) -> Option<[f64; 2]> {
    if values.len() < 2 || rounds == 0 {
        return None;
    }
    // SplitMix64: small, and the same sequence on every machine.
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    let mut next = || {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let z = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    };
    let count = values.len();
    let mut means: Vec<f64> = (0..rounds)
        .map(|_| (0..count).map(|_| values[(next() % count as u64) as usize]).sum::<f64>() / count as f64)
        .collect();
    means.sort_by(f64::total_cmp);
    let at = |share: f64| means[((rounds - 1) as f64 * share).round() as usize];
    Some([at(0.025), at(0.975)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bootstrap_interval_holds_the_mean_and_shrinks_with_more_values() {
        let few: Vec<f64> = (0..10).map(|i| f64::from(i % 5)).collect();
        let many: Vec<f64> = (0..1000).map(|i| f64::from(i % 5)).collect();
        let width = |values: &[f64]| {
            let [low, high] = bootstrap_mean_ci95(values, 500).expect("enough values");
            assert!(low < 2.0 && 2.0 < high, "{low}..{high} misses the mean 2");
            high - low
        };
        assert!(width(&many) < width(&few) / 5.0);
        assert_eq!(bootstrap_mean_ci95(&[1.0], 500), None);
    }
}
