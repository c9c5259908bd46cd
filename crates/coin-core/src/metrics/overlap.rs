//! Overlap of predicted and true masks, pooled over the pixels of all abnormal slices (arXiv 2404.12832, section 4).

use std::iter::Sum;

/// Pixel counts of a predicted mask against the true one, summed over slices.
///
/// ```
/// use coin_core::metrics::Overlap;
///
/// let mut pooled = Overlap::of([true, true, false], [true, false, false]);
/// pooled.add(Overlap::of([true; 4], [true; 4]));
/// assert_eq!(pooled.iou(), Some(5.0 / 6.0));
/// assert_eq!(pooled.dice(), Some(10.0 / 11.0));
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Overlap {
    /// Pixels in both masks.
    pub true_positive: u64,
    /// Predicted pixels outside the true mask.
    pub false_positive: u64,
    /// Missed pixels of the true mask.
    pub false_negative: u64,
}

impl Overlap {
    /// Counts the pixels of one slice.
    pub fn of(predicted: impl IntoIterator<Item = bool>, truth: impl IntoIterator<Item = bool>) -> Self {
        let mut overlap = Self::default();
        for (predicted, truth) in predicted.into_iter().zip(truth) {
            match (predicted, truth) {
                (true, true) => overlap.true_positive += 1,
                (true, false) => overlap.false_positive += 1,
                (false, true) => overlap.false_negative += 1,
                (false, false) => {}
            }
        }
        overlap
    }

    /// Adds the counts of another slice.
    pub fn add(&mut self, other: Self) {
        self.true_positive += other.true_positive;
        self.false_positive += other.false_positive;
        self.false_negative += other.false_negative;
    }

    /// Intersection over union (Jaccard index); `None` if both masks are empty.
    pub fn iou(&self) -> Option<f64> {
        ratio(self.true_positive, self.true_positive + self.false_positive + self.false_negative)
    }

    /// Dice coefficient; `None` if both masks are empty.
    pub fn dice(&self) -> Option<f64> {
        ratio(2 * self.true_positive, 2 * self.true_positive + self.false_positive + self.false_negative)
    }

    /// Precision; `None` if nothing is predicted.
    pub fn precision(&self) -> Option<f64> {
        ratio(self.true_positive, self.true_positive + self.false_positive)
    }

    /// Recall; `None` if the true mask is empty.
    pub fn recall(&self) -> Option<f64> {
        ratio(self.true_positive, self.true_positive + self.false_negative)
    }
}

impl Sum for Overlap {
    fn sum<I: Iterator<Item = Self>>(slices: I) -> Self {
        slices.fold(Self::default(), |mut sum, slice| {
            sum.add(slice);
            sum
        })
    }
}

fn ratio(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

/// Overlap at many thresholds of a map in [0, 1].
#[derive(Clone, Debug)]
pub struct ThresholdSweep {
    thresholds: Vec<f32>,
    overlaps: Vec<Overlap>,
}

impl ThresholdSweep {
    /// Thresholds 0.01, 0.02, .. 0.99.
    pub fn hundredths() -> Self {
        let thresholds: Vec<f32> = (1..100).map(|i| i as f32 / 100.0).collect();
        Self { overlaps: vec![Overlap::default(); thresholds.len()], thresholds }
    }

    /// Adds a slice: its map, and the true mask at the same pixels.
    pub fn add(&mut self, map: &[f32], truth: &[bool]) {
        for (threshold, overlap) in self.thresholds.iter().zip(&mut self.overlaps) {
            overlap.add(Overlap::of(map.iter().map(|value| value > threshold), truth.iter().copied()));
        }
    }

    /// Returns `(threshold, pooled IoU)` for each threshold at which the IoU is defined.
    pub fn iou(&self) -> Vec<(f32, f64)> {
        let pairs = self.thresholds.iter().zip(&self.overlaps);
        pairs.filter_map(|(&threshold, overlap)| Some((threshold, overlap.iou()?))).collect()
    }
}

/// Returns the pair with the highest IoU, of equal ones the first; thresholds must be ascending.
pub fn best_threshold(iou_by_threshold: &[(f32, f64)]) -> Option<(f32, f64)> {
    iou_by_threshold.iter().copied().rev().max_by(|a, b| a.1.total_cmp(&b.1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pooled_iou_weighs_pixels_not_slices() {
        let mut pooled = Overlap::of([true, true, false], [true, false, false]);
        pooled.add(Overlap::of([true; 4], [true; 4]));
        assert_eq!(pooled.iou(), Some(5.0 / 6.0));
        assert_eq!(pooled.dice(), Some(10.0 / 11.0));
        assert_eq!(Overlap::default().iou(), None);
    }

    #[test]
    fn the_sweep_uses_a_strict_comparison_and_finds_the_best_threshold() {
        let mut sweep = ThresholdSweep::hundredths();
        sweep.add(&[0.25, 0.5, 0.6, 0.1], &[false, true, true, false]);
        assert_eq!(best_threshold(&sweep.iou()), Some((0.25, 1.0)));
    }
}
