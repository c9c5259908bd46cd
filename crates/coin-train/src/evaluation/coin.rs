//! Metrics of COIN and of the classifier.

use burn::tensor::Device;
use coin_core::calibration::Temperature;
use coin_core::explanation::{Explainer, Explanation};
use coin_core::metrics::{Overlap, Ranking, RankingCurves, RankingSummary, Validity};
use coin_core::networks::Inception;
use coin_core::verification::Verification;
use serde::{Deserialize, Serialize};

use super::features::{FeatureDistance, FeatureExtractor};
use super::overlaps::Overlaps;
use super::{BATCH, MaskRule, MethodReport, NegativeControl, NegativeControlTally, SliceResult, explain};
use crate::data::{Sample, Samples};

/// Number of evaluated slices.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SliceCounts {
    /// All slices.
    pub total: usize,
    /// Abnormal slices.
    pub abnormal: usize,
}

/// Results of an evaluation.
#[derive(Clone, Debug)]
pub struct Evaluation {
    /// Rule of the model that selects the differences to keep, if it has one.
    pub verification: Option<Verification>,
    /// Temperature of the model's calibrated probabilities, if it has one.
    pub temperature: Option<Temperature>,
    /// Number of evaluated slices.
    pub slices: SliceCounts,
    /// Metrics of the classifier.
    pub classifier: RankingSummary,
    /// Its ROC and calibration curves.
    pub curves: RankingCurves,
    /// Number of out-of-distribution warnings; `None` without a detector.
    pub ood_warnings: Option<usize>,
    /// Metrics of COIN.
    pub coin: MethodReport,
    /// Results on the normal slices.
    pub normal: Option<NegativeControl>,
    /// Result of each sample, in their order.
    pub cases: Vec<SliceResult>,
    /// IoU of each abnormal sample, with its index.
    pub iou_by_sample: Vec<(usize, f64)>,
    /// Index of the first normal sample.
    pub first_normal: Option<usize>,
}

/// Which Fréchet distances to compute.
#[derive(Clone, Copy)]
pub enum Distances<'a> {
    /// None; they take longer than everything else.
    None,
    /// In the classifier's features, and FID if there is an Inception network.
    Features(Option<&'a Inception>),
}

/// Computes the paper's metrics on `samples`.
///
/// # Errors
/// If a slice cannot be read or the device fails.
pub fn evaluate(
    explainer: &Explainer,
    device: &Device,
    size: usize,
    samples: &Samples<'_>,
    mask_rule: MaskRule,
    distances: Distances<'_>,
) -> anyhow::Result<Evaluation> {
    let mut tally = Tally::new(explainer, size, mask_rule);
    let (mut features, mut inception) = match distances {
        Distances::None => (None, None),
        Distances::Features(inception) => {
            let extractor = FeatureExtractor::Classifier(&explainer.classifier, device);
            let through = |inception| FeatureDistance::new(FeatureExtractor::Inception(inception), size);
            (Some(FeatureDistance::new(extractor, size)), inception.map(through))
        }
    };
    for batch in samples.batches(BATCH) {
        let batch = batch?;
        let images: Vec<&[f32]> = batch.iter().map(|(_, sample)| &sample.input[..]).collect();
        let explanations = explain(explainer, &images, size, device)?;
        let images = images.concat();
        let counterfactuals: Vec<f32> =
            explanations.iter().flat_map(|explanation| explanation.counterfactual.iter().copied()).collect();
        for extractor in features.iter_mut().chain(&mut inception) {
            extractor.add(&images, &counterfactuals)?;
        }
        batch.iter().zip(&explanations).for_each(|((i, sample), explanation)| tally.add(*i, sample, explanation));
    }
    let mut found = tally.evaluation();
    found.coin.frechet_classifier = features.and_then(|features| features.distance());
    found.coin.fid = inception.and_then(|inception| inception.distance());
    Ok(found)
}

/// Accumulates the results of samples.
struct Tally<'a> {
    explainer: &'a Explainer,
    size: usize,
    mask_rule: MaskRule,
    slices: SliceCounts,
    ood_warnings: Option<usize>,
    ranking: Ranking,
    normal: NegativeControlTally,
    validity: Validity,
    overlaps: Overlaps,
    ceiling: Overlap,
    /// Sum and number of the differences outside anomalies.
    outside: (f64, u64),
    cases: Vec<SliceResult>,
    first_normal: Option<usize>,
}

impl<'a> Tally<'a> {
    fn new(explainer: &'a Explainer, size: usize, mask_rule: MaskRule) -> Self {
        Self {
            explainer,
            size,
            mask_rule,
            slices: SliceCounts::default(),
            ood_warnings: None,
            ranking: Ranking::calibrated(explainer.temperature),
            normal: NegativeControlTally::default(),
            validity: Validity::paper(),
            overlaps: Overlaps::new(mask_rule, size),
            ceiling: Overlap::default(),
            outside: (0.0, 0),
            cases: Vec::new(),
            first_normal: None,
        }
    }

    fn add(&mut self, index: usize, sample: &Sample, explanation: &Explanation) {
        self.slices.total += 1;
        self.slices.abnormal += usize::from(sample.abnormal);
        let ood_score = self.explainer.ood_score(&sample.input);
        if let Some(score) = ood_score {
            *self.ood_warnings.get_or_insert(0) += usize::from(score.is_warning());
        }
        let mask = self.mask_rule.apply(&explanation.difference, self.size);
        self.cases.push(SliceResult::of(self.explainer, sample, explanation, mask.as_ref(), ood_score));
        if !sample.abnormal {
            self.first_normal.get_or_insert(index);
            self.normal.add(explanation, self.size, self.mask_rule, ood_score);
        }
        let (before, after) = (f64::from(explanation.before), f64::from(explanation.after));
        self.ranking.add(&sample.patient, before, sample.abnormal);
        let Explainer { method, inpainter, .. } = self.explainer;
        self.validity.add(before, after, method.reached(before, after, inpainter.conditions()));
        // Without a reference mask, the outside of the anomaly is unknown.
        if sample.truth.is_some() || !sample.abnormal {
            let truth = |pixel: usize| sample.truth.as_ref().is_some_and(|truth| truth.as_slice()[pixel]);
            for (_, difference) in explanation.difference.iter().enumerate().filter(|(pixel, _)| !truth(*pixel)) {
                self.outside = (self.outside.0 + f64::from(*difference), self.outside.1 + 1);
            }
        }
        let Some(truth) = &sample.truth else { return };
        self.overlaps.add(index, &sample.patient, &explanation.difference, truth);
        if let Some(clean) = &sample.clean {
            let perfect: Vec<f32> = sample.input.iter().zip(clean).map(|(x, clean)| (x - clean).abs() / 2.0).collect();
            self.ceiling.add(self.mask_rule.overlap(&perfect, self.size, truth));
        }
    }

    fn evaluation(self) -> Evaluation {
        let (sum, count) = self.outside;
        let normal = self.normal.control();
        Evaluation {
            verification: self.explainer.verification,
            temperature: self.explainer.temperature,
            slices: self.slices,
            ood_warnings: self.ood_warnings,
            classifier: self.ranking.summary(),
            curves: self.ranking.curves(),
            normal,
            coin: MethodReport {
                cv: self.validity.validity(),
                cv_all_slices: self.validity.validity_of_all(),
                counterfactual_accuracy: self.validity.counterfactual_accuracy(),
                change_outside: (count > 0).then(|| sum / count as f64),
                ceiling_iou: self.ceiling.iou(),
                normal_with_mask: normal.map(|normal| normal.masked),
                ..self.overlaps.report()
            },
            cases: self.cases,
            iou_by_sample: self.overlaps.iou_by_sample,
            first_normal: self.first_normal,
        }
    }
}
