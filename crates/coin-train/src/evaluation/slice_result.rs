//! The result of one evaluated slice.

use coin_core::explanation::{ABNORMAL, Explainer, Explanation};
use coin_core::metrics::Overlap;
use coin_core::ood::OodScore;
use coin_imaging::Mask;
use serde::{Deserialize, Serialize};

use crate::data::Sample;

/// One evaluated slice; overlaps are known for abnormal slices with a reference mask.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SliceResult {
    /// Patient or case.
    pub case: String,
    /// Slice file.
    pub slice: String,
    /// Whether the slice is labelled abnormal.
    pub abnormal: bool,
    /// The probability of "abnormal" of the slice; calibrated if the model has a temperature.
    pub probability_before: f32,
    /// The same of the counterfactual.
    pub probability_after: f32,
    /// IoU of mask and reference mask.
    pub iou: Option<f64>,
    /// Dice of mask and reference mask.
    pub dice: Option<f64>,
    /// Area of the mask in pixels of the model's input.
    pub mask_pixels: usize,
    /// Area of the reference mask in the same pixels.
    pub reference_pixels: Option<usize>,
    /// Out-of-distribution score, where the model has one; above 1 it warns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ood_score: Option<OodScore>,
}

impl SliceResult {
    /// The result of explaining a sample, with the mask of its difference.
    pub(super) fn of(
        explainer: &Explainer,
        sample: &Sample,
        explanation: &Explanation,
        mask: Option<&Mask>,
        ood_score: Option<OodScore>,
    ) -> Self {
        let truth = sample.truth.as_ref();
        let overlap = mask
            .zip(truth)
            .map(|(mask, truth)| Overlap::of(mask.as_slice().iter().copied(), truth.as_slice().iter().copied()));
        Self {
            case: sample.patient.clone(),
            slice: sample.name.clone(),
            abnormal: sample.abnormal,
            probability_before: explainer.calibrated(explanation.before),
            probability_after: explainer.calibrated(explanation.after),
            iou: overlap.and_then(|overlap| overlap.iou()),
            dice: overlap.and_then(|overlap| overlap.dice()),
            mask_pixels: mask.map_or(0, Mask::count),
            reference_pixels: truth.map(Mask::count),
            ood_score,
        }
    }

    /// Whether the classifier calls it abnormal.
    pub fn called_abnormal(&self) -> bool {
        self.probability_before >= ABNORMAL
    }

    /// Whether it triggers an out-of-distribution warning.
    pub fn warned(&self) -> bool {
        self.ood_score.is_some_and(OodScore::is_warning)
    }
}
