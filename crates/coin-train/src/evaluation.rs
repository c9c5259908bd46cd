//! How good a model is: the paper's numbers over samples whose truth is known.

use burn::tensor::Device;
use coin_core::explanation::{Explainer, Explanation};
use coin_core::metrics::{Overlap, Ranking, RankingSummary, ThresholdSweep, Validity, bootstrap_mean_ci95};
use coin_imaging::Mask;
use serde::{Deserialize, Serialize};

use crate::data::Sample;

/// Slices explained at once.
const BATCH: usize = 8;
const BOOTSTRAP_ROUNDS: usize = 2000;

/// How a difference map becomes a mask.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Masking {
    /// The mask is where the map exceeds this.
    pub threshold: f32,
    /// Opening, closing, largest component.
    pub postprocess: bool,
}

impl Masking {
    /// The mask of a `size * size` map.
    pub fn apply(&self, map: &[f32], size: usize) -> Option<Mask> {
        let mask = Mask::from_threshold(map, size, size, self.threshold)?;
        Some(if self.postprocess { mask.postprocessed() } else { mask })
    }
}

/// The paper's numbers of one method; a number that cannot be computed is `None`.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct MethodReport {
    /// Pooled over all pixels of all abnormal slices.
    pub iou: Option<f64>,
    /// Pooled Dice.
    pub dice: Option<f64>,
    /// Pooled precision.
    pub precision: Option<f64>,
    /// Pooled recall.
    pub recall: Option<f64>,
    /// Mean over abnormal slices.
    pub iou_mean: Option<f64>,
    /// Bootstrap interval of that mean.
    pub iou_mean_ci95: Option<[f64; 2]>,
    /// Pooled IoU without post-processing by threshold.
    pub iou_by_threshold: Vec<(f32, f64)>,
    /// Counterfactual validity.
    pub cv: Option<f64>,
    /// Share of counterfactuals called normal.
    pub counterfactual_accuracy: Option<f64>,
    /// Frechet inception distance; needs a network that is not shipped.
    pub fid: Option<f64>,
    /// Mean difference, in [0, 1], outside the anomaly.
    pub change_outside: Option<f64>,
    /// Pooled IoU of a perfect inpainter with the same masking: the protocol's ceiling.
    pub ceiling_iou: Option<f64>,
}

/// Slices looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SliceCounts {
    /// All.
    pub total: usize,
    /// With an anomaly.
    pub abnormal: usize,
}

/// What an evaluation found.
#[derive(Clone, Debug)]
pub struct Evaluation {
    /// Slices looked at.
    pub slices: SliceCounts,
    /// The classifier's numbers.
    pub classifier: RankingSummary,
    /// COIN's numbers.
    pub coin: MethodReport,
    /// Threshold with the best pooled IoU on these samples, and that IoU.
    pub best_threshold: Option<(f32, f64)>,
    /// IoU of each abnormal sample, with its index.
    pub iou_by_sample: Vec<(usize, f64)>,
}

/// Explains `samples` of `size` x `size` in batches and hands each explanation to `look`.
pub fn explain_all(
    explainer: &Explainer,
    device: &Device,
    size: usize,
    samples: &[Sample],
    mut look: impl FnMut(usize, &Sample, Explanation),
) -> anyhow::Result<()> {
    for (chunk, batch) in samples.chunks(BATCH).enumerate() {
        let images = batch.iter().flat_map(|sample| sample.input.iter().copied()).collect();
        let explanations = explainer.explain(images, size, device)?.read()?;
        for (i, (sample, explanation)) in batch.iter().zip(explanations).enumerate() {
            look(chunk * BATCH + i, sample, explanation);
        }
    }
    Ok(())
}

/// The paper's numbers for `samples`.
pub fn evaluate(
    explainer: &Explainer,
    device: &Device,
    size: usize,
    samples: &[Sample],
    masking: Masking,
) -> anyhow::Result<Evaluation> {
    let mut ranking = Ranking::default();
    let mut validity = Validity::paper();
    let (mut pooled, mut ceiling) = (Overlap::default(), Overlap::default());
    let mut sweep = ThresholdSweep::hundredths();
    let mut iou_by_sample = Vec::new();
    let mut outside = (0.0, 0u64);
    explain_all(explainer, device, size, samples, |i, sample, explanation| {
        ranking.add(f64::from(explanation.before), sample.truth.is_some());
        validity.add(f64::from(explanation.before), f64::from(explanation.after));
        let truth = |pixel: usize| sample.truth.as_ref().is_some_and(|truth| truth.as_slice()[pixel]);
        for (pixel, difference) in explanation.difference.iter().enumerate().filter(|(pixel, _)| !truth(*pixel)) {
            debug_assert!(pixel < size * size);
            outside = (outside.0 + f64::from(*difference), outside.1 + 1);
        }
        let Some(truth) = &sample.truth else { return };
        let perfect: Vec<f32> =
            sample.input.iter().zip(&sample.clean).map(|(x, clean)| (x - clean).abs() / 2.0).collect();
        let overlap = |map: &[f32]| match masking.apply(map, size) {
            Some(mask) => Overlap::of(mask.as_slice().iter().copied(), truth.as_slice().iter().copied()),
            None => Overlap::default(),
        };
        let found = overlap(&explanation.difference);
        pooled.add(found);
        ceiling.add(overlap(&perfect));
        sweep.add(&explanation.difference, truth.as_slice());
        iou_by_sample.extend(found.iou().map(|iou| (i, iou)));
    })?;
    let ious: Vec<f64> = iou_by_sample.iter().map(|(_, iou)| *iou).collect();
    Ok(Evaluation {
        slices: SliceCounts {
            total: samples.len(),
            abnormal: samples.iter().filter(|sample| sample.truth.is_some()).count(),
        },
        classifier: ranking.summary(),
        best_threshold: sweep.best(),
        coin: MethodReport {
            iou: pooled.iou(),
            dice: pooled.dice(),
            precision: pooled.precision(),
            recall: pooled.recall(),
            iou_mean: (!ious.is_empty()).then(|| ious.iter().sum::<f64>() / ious.len() as f64),
            iou_mean_ci95: bootstrap_mean_ci95(&ious, BOOTSTRAP_ROUNDS),
            iou_by_threshold: sweep.iou(),
            cv: validity.validity(),
            counterfactual_accuracy: validity.counterfactual_accuracy(),
            fid: None,
            change_outside: (outside.1 > 0).then(|| outside.0 / outside.1 as f64),
            ceiling_iou: ceiling.iou(),
        },
        iou_by_sample,
    })
}
