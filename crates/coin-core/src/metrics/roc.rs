//! The ROC curve of a binary classifier, and the area under it.

use serde::{Deserialize, Serialize};

/// A point of a ROC curve.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct RocPoint {
    /// Slices of at least this probability are called abnormal; `None` where no slice is.
    pub threshold: Option<f64>,
    /// Share of the normal slices that are called abnormal.
    pub false_positive_rate: f64,
    /// Share of the abnormal slices that are called abnormal.
    pub true_positive_rate: f64,
}

/// The curve from (0, 0) to (1, 1), with one point per distinct probability; empty without both labels.
pub(super) fn roc(scored: &[(f64, bool)]) -> Vec<RocPoint> {
    let positives = scored.iter().filter(|s| s.1).count();
    let negatives = scored.len() - positives;
    if positives == 0 || negatives == 0 {
        return Vec::new();
    }
    let mut sorted = scored.to_vec();
    sorted.sort_by(|a, b| b.0.total_cmp(&a.0));
    let mut points = vec![RocPoint { threshold: None, false_positive_rate: 0.0, true_positive_rate: 0.0 }];
    let (mut called, mut right) = (0, 0);
    for tied in sorted.chunk_by(|a, b| a.0 == b.0) {
        called += tied.len();
        right += tied.iter().filter(|s| s.1).count();
        points.push(RocPoint {
            threshold: tied.first().map(|s| s.0),
            false_positive_rate: (called - right) as f64 / negatives as f64,
            true_positive_rate: right as f64 / positives as f64,
        });
    }
    points
}

/// Area under the ROC curve, ties counted half.
pub(super) fn auroc(scored: impl Iterator<Item = (f64, bool)>) -> Option<f64> {
    let mut sorted: Vec<(f64, bool)> = scored.collect();
    sorted.sort_by(|a, b| a.0.total_cmp(&b.0));
    let positives = sorted.iter().filter(|s| s.1).count() as f64;
    let negatives = sorted.len() as f64 - positives;
    let mut rank_sum = 0.0;
    let mut seen = 0.0;
    for tied in sorted.chunk_by(|a, b| a.0 == b.0) {
        let mean_rank = seen + (tied.len() as f64 + 1.0) / 2.0;
        rank_sum += mean_rank * tied.iter().filter(|s| s.1).count() as f64;
        seen += tied.len() as f64;
    }
    let area = rank_sum - positives * (positives + 1.0) / 2.0;
    (positives > 0.0 && negatives > 0.0).then(|| area / (positives * negatives))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_trapezoids_under_the_curve_are_the_area_ties_included() {
        // Few distinct probabilities make many ties.
        for distinct in [1_u32, 2, 3, 7, 50] {
            for case in 0..20_u32 {
                let scored: Vec<(f64, bool)> = (0..30 + case)
                    .map(|i| {
                        let mixed = (i + 31 * case).wrapping_mul(2_654_435_761) >> 8;
                        (f64::from(mixed % distinct) / f64::from(distinct), mixed / 64 % 3 == 0)
                    })
                    .collect();
                let points = roc(&scored);
                let trapezoids: f64 = points
                    .windows(2)
                    .map(|pair| {
                        let width = pair[1].false_positive_rate - pair[0].false_positive_rate;
                        width * (pair[0].true_positive_rate + pair[1].true_positive_rate) / 2.0
                    })
                    .sum();
                let area = auroc(scored.into_iter()).expect("both labels");
                assert!((trapezoids - area).abs() < 1e-12, "{distinct} {case}: {trapezoids} {area}");
                let (first, last) = (points.first().expect("a curve"), points.last().expect("a curve"));
                assert_eq!((first.false_positive_rate, first.true_positive_rate), (0.0, 0.0));
                assert_eq!((last.false_positive_rate, last.true_positive_rate), (1.0, 1.0));
            }
        }
    }

    #[test]
    fn one_label_has_no_curve() {
        assert_eq!(roc(&[(0.1, true), (0.9, true)]), []);
        assert_eq!(roc(&[]), []);
    }
}
