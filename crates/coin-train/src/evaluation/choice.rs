//! The mask rule that a model ships with, chosen on validation.

use burn::tensor::Device;
use coin_core::explanation::Explainer;
use coin_core::metrics::Overlap;
use coin_imaging::Mask;
use rayon::prelude::*;

use super::{BATCH, MaskRule, explain};
use crate::data::Samples;

/// Gain of IoU for which a model gets a mask rule of its own: on few samples the best one is partly chance, and numbers at the
/// paper's threshold can be compared.
const CLEARLY_BETTER: f64 = 0.01;
/// Thresholds looked at, in hundredths.
const THRESHOLDS: std::ops::RangeInclusive<u8> = 10..=40;
/// Peaks looked at, in hundredths.
const PEAKS: [u8; 9] = [0, 30, 35, 40, 45, 50, 55, 60, 65];

/// The mask rule of the best pooled IoU, or `usual` where that is not clearly worse. It keeps the difference maps of all samples,
/// four bytes a pixel.
///
/// # Errors
/// When a slice cannot be read any more, or the device gives nothing back.
pub fn choose_mask_rule(
    explainer: &Explainer,
    device: &Device,
    size: usize,
    samples: &Samples<'_>,
    usual: MaskRule,
) -> anyhow::Result<MaskRule> {
    let mut maps = Vec::new();
    for batch in samples.batches(BATCH) {
        let batch = batch?;
        let explanations = explain(explainer, device, size, batch.iter().map(|(_, sample)| sample))?;
        let known = batch.into_iter().zip(explanations);
        maps.extend(known.filter_map(|((_, sample), explanation)| Some((explanation.difference, sample.truth?))));
    }
    Ok(best(&maps, size, usual))
}

fn best(maps: &[(Vec<f32>, Mask)], size: usize, usual: MaskRule) -> MaskRule {
    let pooled = |mask_rule: MaskRule| -> Overlap {
        maps.par_iter().map(|(map, truth)| mask_rule.overlap(map, size, truth)).sum()
    };
    let hundredths = |value: u8| f32::from(value) / 100.0;
    // A seed threshold below the threshold is none.
    let pairs =
        PEAKS.into_iter().flat_map(|seed_threshold| THRESHOLDS.map(move |threshold| (threshold, seed_threshold)));
    let pairs = pairs.filter(|(threshold, seed_threshold)| *seed_threshold == 0 || seed_threshold > threshold);
    let all = pairs.map(|(threshold, seed_threshold)| MaskRule {
        threshold: hundredths(threshold),
        seed_threshold: hundredths(seed_threshold),
        ..usual
    });
    let scored = all.filter_map(|mask_rule| Some((mask_rule, pooled(mask_rule).iou()?)));
    // Of equal ones the first, which keeps most components.
    let found = scored.fold(None, |best: Option<(MaskRule, f64)>, one| match best {
        Some(best) if best.1 >= one.1 => Some(best),
        _ => Some(one),
    });
    match (found, pooled(usual).iou()) {
        (Some((mask_rule, iou)), Some(here)) if iou > here + CLEARLY_BETTER => mask_rule,
        _ => usual,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A lesion of height `height` that is 8 pixels large, and a false change of 4 pixels at another height.
    fn slice(height: f32, falsely: f32) -> (Vec<f32>, Mask) {
        let mut map = vec![0.0; 64];
        map[..8].fill(height - 0.1);
        map[3] = height;
        map[40..44].fill(falsely);
        let truth = Mask::new(8, 8, (0..64).map(|i| i < 8).collect()).expect("a mask");
        (map, truth)
    }

    #[test]
    fn a_mask_rule_of_its_own_must_be_worth_it() {
        let usual = MaskRule::at(0.25);
        assert_eq!(best(&[slice(0.8, 0.1)], 8, usual), usual, "nothing to gain");
        assert_eq!(best(&[], 8, usual), usual, "nothing known");
        let found = best(&[slice(0.8, 0.3), slice(0.35, 0.1)], 8, usual);
        assert_eq!((found.threshold, found.seed_threshold), (0.1, 0.3), "the false change never rises above .3");
        let found = best(&[slice(0.8, 0.6), slice(0.75, 0.6)], 8, usual);
        assert_eq!(found.seed_threshold, 0.6);
        let found = best(&[slice(0.3, 0.05)], 8, usual);
        assert_eq!((found.threshold, found.seed_threshold), (0.1, 0.0), "a threshold alone will do");
    }
}
