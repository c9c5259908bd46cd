//! COIN's numbers, and the classifier's.

use burn::tensor::Device;
use coin_core::explanation::{Explainer, Explanation};
use coin_core::metrics::{Overlap, Ranking, RankingSummary, Validity};
use serde::{Deserialize, Serialize};

use super::overlaps::Overlaps;
use super::{BATCH, Masking, MethodReport};
use crate::data::{Sample, Samples};

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
    /// Index of the first normal sample.
    pub first_normal: Option<usize>,
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
    samples: &Samples<'_>,
    mut look: impl FnMut(usize, &Sample, Explanation),
) -> anyhow::Result<()> {
    for batch in samples.batches(BATCH) {
        let batch = batch?;
        let explanations = explain(explainer, device, size, batch.iter().map(|(_, sample)| sample))?;
        for ((i, sample), explanation) in batch.iter().zip(explanations) {
            look(*i, sample, explanation);
        }
    }
    Ok(())
}

/// Explains a batch.
pub fn explain<'a>(
    explainer: &Explainer,
    device: &Device,
    size: usize,
    samples: impl Iterator<Item = &'a Sample>,
) -> anyhow::Result<Vec<Explanation>> {
    let images = samples.flat_map(|sample| sample.input.iter().copied()).collect();
    Ok(explainer.explain(images, size, device)?.read()?)
}

/// The paper's numbers for `samples`.
pub fn evaluate(
    explainer: &Explainer,
    device: &Device,
    size: usize,
    samples: &Samples<'_>,
    masking: Masking,
) -> anyhow::Result<Evaluation> {
    let mut ranking = Ranking::default();
    let mut validity = Validity::paper();
    let (mut overlaps, mut ceiling) = (Overlaps::new(masking, size), Overlap::default());
    let mut outside = (0.0, 0u64);
    let (mut abnormal, mut first_normal) = (0, None);
    explain_all(explainer, device, size, samples, |i, sample, explanation| {
        ranking.add(f64::from(explanation.before), sample.abnormal);
        abnormal += usize::from(sample.abnormal);
        if !sample.abnormal {
            first_normal.get_or_insert(i);
        }
        let (before, after) = (f64::from(explanation.before), f64::from(explanation.after));
        validity.add(before, after, explainer.method.reached(before, after, explainer.inpainter.conditions()));
        if sample.truth.is_some() || !sample.abnormal {
            let truth = |pixel: usize| sample.truth.as_ref().is_some_and(|truth| truth.as_slice()[pixel]);
            for (_, difference) in explanation.difference.iter().enumerate().filter(|(pixel, _)| !truth(*pixel)) {
                outside = (outside.0 + f64::from(*difference), outside.1 + 1);
            }
        }
        let Some(truth) = &sample.truth else { return };
        overlaps.add(i, &explanation.difference, truth);
        if let Some(clean) = &sample.clean {
            let perfect: Vec<f32> = sample.input.iter().zip(clean).map(|(x, clean)| (x - clean).abs() / 2.0).collect();
            ceiling.add(masking.overlap(&perfect, size, truth));
        }
    })?;
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
        first_normal,
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
            first_normal: None,
        };
        assert_eq!(found(Some((0.4, 0.609)), Some(0.6)).chosen_threshold(), 0.25);
        assert_eq!(found(Some((0.4, 0.62)), Some(0.6)).chosen_threshold(), 0.4);
        assert_eq!(found(None, None).chosen_threshold(), 0.25);
    }
}
