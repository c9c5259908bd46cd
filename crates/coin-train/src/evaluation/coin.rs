//! COIN's numbers, and the classifier's.

use burn::tensor::Device;
use coin_core::explanation::{Explainer, Explanation};
use coin_core::metrics::{Overlap, Ranking, RankingSummary, Validity};
use serde::{Deserialize, Serialize};

use super::overlaps::Overlaps;
use super::{Masking, MethodReport};
use crate::data::Sample;

/// Slices explained at once.
const BATCH: usize = 8;
/// Gain of IoU for which a model gets a threshold of its own.
const CLEARLY_BETTER: f64 = 0.01;

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
    /// IoU of each abnormal sample, with its index.
    pub iou_by_sample: Vec<(usize, f64)>,
}

impl Evaluation {
    /// The threshold to ship: the one these masks were made with, unless another is clearly better. On few samples the
    /// best one is partly chance, and numbers at one threshold can be compared.
    pub fn chosen_threshold(&self) -> f32 {
        match (self.coin.best(), self.coin.iou) {
            (Some((best, iou)), Some(here)) if iou > here + CLEARLY_BETTER => best,
            _ => self.coin.threshold,
        }
    }
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
    let (mut overlaps, mut ceiling) = (Overlaps::new(masking, size), Overlap::default());
    let mut outside = (0.0, 0u64);
    explain_all(explainer, device, size, samples, |i, sample, explanation| {
        ranking.add(f64::from(explanation.before), sample.truth.is_some());
        let (before, after) = (f64::from(explanation.before), f64::from(explanation.after));
        validity.add(before, after, explainer.method.reached(before, after, explainer.inpainter.conditions()));
        let truth = |pixel: usize| sample.truth.as_ref().is_some_and(|truth| truth.as_slice()[pixel]);
        for (_, difference) in explanation.difference.iter().enumerate().filter(|(pixel, _)| !truth(*pixel)) {
            outside = (outside.0 + f64::from(*difference), outside.1 + 1);
        }
        let Some(truth) = &sample.truth else { return };
        let perfect: Vec<f32> =
            sample.input.iter().zip(&sample.clean).map(|(x, clean)| (x - clean).abs() / 2.0).collect();
        overlaps.add(i, &explanation.difference, truth);
        ceiling.add(masking.overlap(&perfect, size, truth));
    })?;
    let abnormal = samples.iter().filter(|sample| sample.truth.is_some()).count();
    Ok(Evaluation {
        slices: SliceCounts { total: samples.len(), abnormal },
        classifier: ranking.summary(),
        coin: MethodReport {
            cv: validity.validity(),
            counterfactual_accuracy: validity.counterfactual_accuracy(),
            change_outside: (outside.1 > 0).then(|| outside.0 / outside.1 as f64),
            ceiling_iou: ceiling.iou(),
            ..overlaps.report()
        },
        iou_by_sample: overlaps.iou_by_sample,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_threshold_of_its_own_must_be_worth_it() {
        let found = |best: Option<(f32, f64)>, iou| Evaluation {
            slices: SliceCounts::default(),
            classifier: RankingSummary::default(),
            coin: MethodReport {
                threshold: 0.25,
                iou,
                iou_by_threshold: best.into_iter().collect(),
                ..MethodReport::default()
            },
            iou_by_sample: Vec::new(),
        };
        assert_eq!(found(Some((0.4, 0.609)), Some(0.6)).chosen_threshold(), 0.25);
        assert_eq!(found(Some((0.4, 0.62)), Some(0.6)).chosen_threshold(), 0.4);
        assert_eq!(found(None, None).chosen_threshold(), 0.25);
    }
}
