//! Discrimination and calibration of the classifier's probability.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::bootstrap_ci95;
use super::calibration::{ReliabilityBin, calibration_error, reliability};
use super::roc::{RocPoint, auroc, roc};
use crate::calibration::Temperature;

/// Probabilities and labels of slices, grouped by patient.
///
/// ```
/// use coin_core::metrics::Ranking;
///
/// let mut ranking = Ranking::default();
/// for (probability, abnormal) in [(0.1, false), (0.4, true), (0.4, false), (0.9, true)] {
///     ranking.add("patient 1", probability, abnormal);
/// }
/// // Three of four normal-abnormal pairs are ordered correctly, and one is tied.
/// assert_eq!(ranking.summary().auroc, Some(3.5 / 4.0));
/// ```
#[derive(Clone, Debug, Default)]
pub struct Ranking {
    temperature: Option<Temperature>,
    by_patient: BTreeMap<String, Vec<(f64, bool)>>,
}

/// The metrics of a [`Ranking`]; undefined ones are `None`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RankingSummary {
    /// Accuracy at a threshold of 0.5.
    pub accuracy: Option<f64>,
    /// Area under the ROC curve; ties count half.
    pub auroc: Option<f64>,
    /// 95 % bootstrap interval of the AUROC, resampled over patients.
    #[serde(default)]
    pub auroc_ci95: Option<[f64; 2]>,
    /// F1 score of "abnormal" at a threshold of 0.5.
    pub f1: Option<f64>,
    /// Expected calibration error (Guo et al., arXiv 1706.04599) with 15 bins.
    #[serde(default)]
    pub calibration_error: Option<f64>,
}

/// The curves behind a [`RankingSummary`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RankingCurves {
    /// The ROC curve; empty without both labels.
    pub roc: Vec<RocPoint>,
    /// The reliability diagram.
    pub reliability: Vec<ReliabilityBin>,
}

impl Ranking {
    /// Starts without slices. Calibration error and reliability diagram are those of probabilities with this temperature.
    pub fn calibrated(temperature: Option<Temperature>) -> Self {
        Self { temperature, ..Self::default() }
    }

    /// Adds a slice of `patient`.
    pub fn add(&mut self, patient: &str, probability: f64, abnormal: bool) {
        self.by_patient.entry(patient.to_owned()).or_default().push((probability, abnormal));
    }

    /// Returns all metrics of the slices added so far.
    pub fn summary(&self) -> RankingSummary {
        let scored: Vec<(f64, bool)> = self.by_patient.values().flatten().copied().collect();
        let patients: Vec<&Vec<(f64, bool)>> = self.by_patient.values().collect();
        let called = |&(p, _): &(f64, bool)| p >= 0.5;
        let count = |test: &dyn Fn(&(f64, bool)) -> bool| scored.iter().filter(|s| test(s)).count() as f64;
        let right = count(&|s| called(s) == s.1);
        let true_positive = count(&|s| called(s) && s.1);
        let wrong = scored.len() as f64 - right;
        let f1_denominator = 2.0 * true_positive + wrong;
        RankingSummary {
            accuracy: (!scored.is_empty()).then(|| right / scored.len() as f64),
            auroc: auroc(scored.iter().copied()),
            auroc_ci95: bootstrap_ci95(&patients, |drawn| {
                auroc(drawn.iter().flat_map(|slices| slices.iter().copied()))
            }),
            calibration_error: calibration_error(&self.shown(&scored)),
            f1: (f1_denominator > 0.0).then(|| 2.0 * true_positive / f1_denominator),
        }
    }

    /// The probabilities that users see.
    fn shown(&self, scored: &[(f64, bool)]) -> Vec<(f64, bool)> {
        let calibrated = |p: f64| self.temperature.map_or(p, |temperature| temperature.calibrated(p));
        scored.iter().map(|&(p, abnormal)| (calibrated(p), abnormal)).collect()
    }

    /// ROC curve and reliability diagram of what was added.
    pub fn curves(&self) -> RankingCurves {
        let scored: Vec<(f64, bool)> = self.by_patient.values().flatten().copied().collect();
        RankingCurves { roc: roc(&scored), reliability: reliability(&self.shown(&scored)) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_calibration_error_matches_torchmetrics() {
        let probabilities = [0.1, 0.4, 0.45, 0.9, 0.95, 0.55, 0.2, 0.8];
        let labels = [false, true, false, true, true, true, false, false];
        let mut ranking = Ranking::default();
        probabilities.into_iter().zip(labels).for_each(|(p, y)| ranking.add("one", p, y));
        // BinaryCalibrationError(n_bins=15, norm="l1") of torchmetrics 1.9.
        assert!(ranking.summary().calibration_error.is_some_and(|error| (error - 0.34375).abs() < 1e-4));
    }

    #[test]
    fn a_temperature_changes_the_calibration_alone() {
        let slices = [(0.99999, true), (0.999_999_9, true), (0.999_99, false), (0.3, false), (0.2, true)];
        let of = |temperature| {
            let mut ranking = Ranking::calibrated(temperature);
            slices.into_iter().for_each(|(p, y)| ranking.add("one", p, y));
            (ranking.summary(), ranking.curves())
        };
        let (own, calibrated) = (of(None), of(Some(Temperature(0.2))));
        assert_eq!(
            (own.0.auroc, own.0.accuracy, own.1.roc),
            (calibrated.0.auroc, calibrated.0.accuracy, calibrated.1.roc)
        );
        assert_ne!(own.0.calibration_error, calibrated.0.calibration_error);
    }

    #[test]
    fn auroc_counts_ordered_pairs_and_ties_half() {
        let mut ranking = Ranking::default();
        for (p, y) in [(0.1, false), (0.4, true), (0.4, false), (0.9, true)] {
            ranking.add("one", p, y);
        }
        assert_eq!(ranking.summary().auroc, Some(3.5 / 4.0));
        assert_eq!(ranking.summary().accuracy, Some(0.75));
        assert_eq!(Ranking::default().summary(), RankingSummary::default());
    }

    #[test]
    fn the_interval_contains_the_auroc_and_needs_two_patients() {
        let mut ranking = Ranking::default();
        for i in 0..40 {
            ranking.add(&format!("patient {}", i / 2), f64::from((i * 7) % 10) / 10.0, i % 3 == 0 || i % 7 > 4);
        }
        let found = ranking.summary();
        let (area, [low, high]) = (found.auroc.expect("both labels"), found.auroc_ci95.expect("many patients"));
        assert!(low < area && area < high, "{low} {area} {high}");
        let mut one = Ranking::default();
        [0.1, 0.9].into_iter().for_each(|p| one.add("one", p, p > 0.5));
        assert_eq!((one.summary().auroc, one.summary().auroc_ci95), (Some(1.0), None));
    }
}
