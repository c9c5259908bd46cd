//! The paper's metrics over samples with a known label, for COIN, the saliency methods and the supervised segmenter.

mod calibration;
mod choice;
mod coin;
mod control;
mod features;
mod overlaps;
mod saliency;
mod segmenter;
mod slice_result;
mod verification;

use coin_core::metrics::{Overlap, best_threshold};
use coin_imaging::Mask;
use serde::{Deserialize, Serialize};

pub use calibration::fit_temperature;
pub use choice::{CLEARLY_BETTER, Rules, choose_rules};
pub use coin::{Distances, Evaluation, SliceCounts, evaluate};
pub use control::{NegativeControl, NegativeControlTally};
pub use saliency::{Saliency, SaliencyFound};
pub use segmenter::{SEGMENTER_MASK_RULE, choose_threshold, evaluate_segmenter};
pub use slice_result::SliceResult;
pub use verification::explain;

/// The paper's threshold on the difference map (section 4).
pub const PAPER_THRESHOLD: f32 = 0.25;
/// Slices computed at once.
pub const BATCH: usize = 8;

/// Rule that turns a map into a mask.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MaskRule {
    /// The mask consists of the pixels above this.
    pub threshold: f32,
    /// Components that do not exceed this somewhere are removed; 0 keeps all.
    pub seed_threshold: f32,
    /// Opening, closing, largest component.
    pub postprocess: bool,
}

impl MaskRule {
    /// A threshold alone.
    pub const fn at(threshold: f32) -> Self {
        Self { threshold, seed_threshold: 0.0, postprocess: false }
    }

    /// The mask of a `size * size` map.
    pub fn apply(&self, map: &[f32], size: usize) -> Option<Mask> {
        let mask = Mask::with_hysteresis(map, size, size, self.threshold, self.seed_threshold)?;
        Some(if self.postprocess { mask.postprocessed() } else { mask })
    }

    /// The overlap of that mask with the truth.
    fn overlap(&self, map: &[f32], size: usize, truth: &Mask) -> Overlap {
        match self.apply(map, size) {
            Some(mask) => Overlap::of(mask.as_slice().iter().copied(), truth.as_slice().iter().copied()),
            None => Overlap::default(),
        }
    }
}

/// Metrics of one method; `None` if a metric cannot be computed or does not apply.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct MethodReport {
    /// Threshold of the masks.
    #[serde(default)]
    pub threshold: f32,
    /// Their components exceed this somewhere; 0 keeps all. `peak` in older reports.
    #[serde(default, alias = "peak")]
    pub seed_threshold: f32,
    /// Pooled over all pixels of all abnormal slices.
    pub iou: Option<f64>,
    /// Its 95 % bootstrap interval over patients.
    #[serde(default)]
    pub iou_ci95: Option<[f64; 2]>,
    /// Pooled Dice.
    pub dice: Option<f64>,
    /// Pooled precision.
    pub precision: Option<f64>,
    /// Pooled recall.
    pub recall: Option<f64>,
    /// Mean over abnormal slices.
    pub iou_mean: Option<f64>,
    /// Its 95 % bootstrap interval over patients.
    pub iou_mean_ci95: Option<[f64; 2]>,
    /// Share of the normal slices that have a mask; unknown for saliency methods.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub normal_with_mask: Option<f64>,
    /// Pooled IoU by the threshold alone.
    pub iou_by_threshold: Vec<(f32, f64)>,
    /// Counterfactual validity.
    pub cv: Option<f64>,
    /// The same over all slices, confident or not, as in Singla et al.
    #[serde(default)]
    pub cv_all_slices: Option<f64>,
    /// Fraction of counterfactuals with the wanted classification, which is "normal" for COIN.
    pub counterfactual_accuracy: Option<f64>,
    /// Fréchet inception distance; needs a network that is not shipped.
    pub fid: Option<f64>,
    /// Fréchet distance between images and counterfactuals in the classifier's features, which is not FID.
    #[serde(default)]
    pub frechet_classifier: Option<f64>,
    /// Mean difference, in [0, 1], outside the anomaly.
    pub change_outside: Option<f64>,
    /// Pooled IoU of a perfect inpainter under the same mask rule.
    pub ceiling_iou: Option<f64>,
}

impl MethodReport {
    /// The lowest threshold with the best pooled IoU, and that IoU.
    pub fn best(&self) -> Option<(f32, f64)> {
        best_threshold(&self.iou_by_threshold)
    }
}
