//! Negative controls: images without a finding, in which every mask and every change is false.

use coin_core::explanation::{ABNORMAL, Explanation};
use coin_core::ood::OodScore;
use serde::{Deserialize, Serialize};

use super::MaskRule;

/// Results of a model on a negative control.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct NegativeControl {
    /// Number of images.
    pub slices: usize,
    /// Fraction that the classifier calls abnormal, with a probability of at least 0.5.
    pub called_abnormal: f64,
    /// Fraction with a non-empty mask.
    pub masked: f64,
    /// Fraction with an out-of-distribution warning; `None` without a detector. `unfamiliar` in older reports.
    #[serde(default, alias = "unfamiliar", skip_serializing_if = "Option::is_none")]
    pub ood_warnings: Option<f64>,
    /// Mean difference between image and counterfactual, in [0, 1].
    pub mean_change: f64,
}

/// Accumulates the results of images.
#[derive(Clone, Copy, Debug, Default)]
pub struct NegativeControlTally {
    slices: usize,
    called_abnormal: usize,
    masked: usize,
    /// Number of warnings; `None` without a detector.
    ood_warnings: Option<usize>,
    /// Sum of the mean differences.
    change: f64,
}

impl NegativeControlTally {
    /// Adds an image of `size * size` pixels and its out-of-distribution score.
    pub fn add(&mut self, explanation: &Explanation, size: usize, mask_rule: MaskRule, ood_score: Option<OodScore>) {
        self.slices += 1;
        self.called_abnormal += usize::from(explanation.before >= ABNORMAL);
        let mask = mask_rule.apply(&explanation.difference, size);
        self.masked += usize::from(mask.is_some_and(|mask| mask.count() > 0));
        if let Some(score) = ood_score {
            *self.ood_warnings.get_or_insert(0) += usize::from(score.is_warning());
        }
        let sum: f64 = explanation.difference.iter().copied().map(f64::from).sum();
        self.change += sum / explanation.difference.len().max(1) as f64;
    }

    /// Shares and means; `None` where nothing was added.
    pub fn control(&self) -> Option<NegativeControl> {
        let share = |count: usize| count as f64 / self.slices as f64;
        (self.slices > 0).then(|| NegativeControl {
            slices: self.slices,
            called_abnormal: share(self.called_abnormal),
            masked: share(self.masked),
            ood_warnings: self.ood_warnings.map(share),
            mean_change: self.change / self.slices as f64,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_what_is_false() {
        let explanation = |before: f32, change: f32| Explanation {
            before,
            after: 0.0,
            counterfactual: vec![0.0; 4],
            difference: vec![change, 0.0, 0.0, 0.0],
            segmentation: None,
        };
        let mask_rule = MaskRule::at(0.25);
        let mut tally = NegativeControlTally::default();
        assert_eq!(tally.control(), None);
        tally.add(&explanation(0.9, 0.4), 2, mask_rule, Some(OodScore(0.5)));
        tally.add(&explanation(0.1, 0.2), 2, mask_rule, Some(OodScore(1.5)));
        tally.add(&explanation(0.1, 0.0), 2, mask_rule, Some(OodScore(2.0)));
        tally.add(&explanation(0.5, 0.0), 2, mask_rule, Some(OodScore(0.1)));
        let found = tally.control().expect("four images");
        assert_eq!((found.slices, found.called_abnormal, found.masked), (4, 0.5, 0.25));
        assert_eq!(found.ood_warnings, Some(0.5));
        assert!((found.mean_change - 0.0375).abs() < 1e-7, "{found:?}");
    }
}
