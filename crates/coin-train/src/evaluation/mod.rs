//! How good an explanation is: the paper's numbers over samples whose truth is known, for COIN and for the saliency
//! methods and the supervised segmenter it is compared with.

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

pub use choice::{Rules, choose_rules};
pub use coin::{Distances, Evaluation, SliceCounts, evaluate};
pub use control::{NegativeControl, NegativeControlTally};
pub use saliency::{Saliency, SaliencyFound};
pub use segmenter::{SEGMENTER_MASK_RULE, evaluate_segmenter};
pub use slice_result::SliceResult;
pub use verification::explain;

/// The paper's threshold on the difference map (section 4).
pub const PAPER_THRESHOLD: f32 = 0.25;
/// Slices computed at once.
const BATCH: usize = 8;

/// How a map becomes a mask.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct MaskRule {
    /// The mask is where the map exceeds this.
    pub threshold: f32,
    /// Only components are kept in which the map exceeds this somewhere; 0 keeps all.
    pub seed_threshold: f32,
    /// Opening, closing, largest component.
    pub postprocess: bool,
}

impl MaskRule {
    /// Where the map exceeds `threshold`, and nothing more to it.
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

/// The paper's numbers of one method; a number that cannot be computed, or that the method does not have, is `None`.
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
    /// Bootstrap interval of it, 95 %, over patients.
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
    /// Bootstrap interval of that mean, 95 %, over patients.
    pub iou_mean_ci95: Option<[f64; 2]>,
    /// Pooled IoU by the threshold alone.
    pub iou_by_threshold: Vec<(f32, f64)>,
    /// Counterfactual validity.
    pub cv: Option<f64>,
    /// The same of all slices, sure or not, as Singla et al. count it.
    #[serde(default)]
    pub cv_all_slices: Option<f64>,
    /// Share of counterfactuals with the verdict that was wanted, COIN's being "normal".
    pub counterfactual_accuracy: Option<f64>,
    /// Frechet inception distance; needs a network that is not shipped.
    pub fid: Option<f64>,
    /// Frechet distance between images and counterfactuals in the classifier's own features; no FID.
    #[serde(default)]
    pub frechet_classifier: Option<f64>,
    /// Mean difference, in [0, 1], outside the anomaly.
    pub change_outside: Option<f64>,
    /// Pooled IoU of a perfect inpainter with the same mask rule: the protocol's ceiling.
    pub ceiling_iou: Option<f64>,
}

impl MethodReport {
    /// Threshold that alone gives the best pooled IoU; the lowest such, and that IoU.
    pub fn best(&self) -> Option<(f32, f64)> {
        best_threshold(&self.iou_by_threshold)
    }
}
