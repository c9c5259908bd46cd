//! The rules that a model ships with, chosen on validation: which differences are kept, and how the difference map becomes a mask.

use burn::tensor::Device;
use coin_core::bundle::Card;
use coin_core::explanation::{Explainer, Explanation};
use coin_core::metrics::Overlap;
use coin_core::verification::{MOST_CANDIDATES, Verification};
use coin_imaging::Mask;
use rayon::prelude::*;

use super::verification::{Tested, test_candidates};
use super::{BATCH, MaskRule, explain};
use crate::data::Samples;

/// Gain of IoU for which a model gets a rule of its own: on few samples the best one is partly chance, and numbers at the
/// paper's threshold can be compared.
pub const CLEARLY_BETTER: f64 = 0.01;
/// Candidate thresholds, in hundredths.
const THRESHOLDS: std::ops::RangeInclusive<u8> = 10..=40;
/// Candidate seed thresholds, in hundredths.
const SEED_THRESHOLDS: [u8; 9] = [0, 30, 35, 40, 45, 50, 55, 60, 65];
/// Thresholds for verification; the mask has the same threshold.
const CANDIDATE_THRESHOLDS: [f32; 8] = [0.04, 0.05, 0.06, 0.07, 0.08, 0.1, 0.15, 0.2];
/// Margins for verification.
const MARGINS: [f32; 5] = [0.02, 0.05, 0.1, 0.2, 0.3];
/// Numbers of candidates to keep.
const MOST_KEPT: [usize; 3] = [1, 2, MOST_CANDIDATES];

/// The rules of a model.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Rules {
    /// How difference maps become masks.
    pub mask: MaskRule,
    /// Which differences are kept.
    pub verification: Option<Verification>,
    /// Pooled IoU of the masks on validation; `None` if no mask is known.
    pub iou: Option<f64>,
}

impl Rules {
    /// Stores the rules in a model card.
    pub fn put(self, card: &mut Card) {
        card.threshold = self.mask.threshold;
        card.seed_threshold = self.mask.seed_threshold;
        card.verification = self.verification;
    }
}

/// The rules of the best pooled IoU: `usual` where no other mask rule is clearly better, and verification of candidates only where
/// it is clearly better than that. Keeps the explanations of all samples.
///
/// # Errors
/// If a slice cannot be read, or the device fails.
pub fn choose_rules(
    explainer: &Explainer,
    device: &Device,
    size: usize,
    samples: &Samples<'_>,
    usual: MaskRule,
) -> anyhow::Result<Rules> {
    let explainer = Explainer { verification: None, segmenter: None, ..explainer.clone() };
    let mut known = Vec::new();
    for batch in samples.batches(BATCH) {
        let batch = batch?;
        let images: Vec<&[f32]> = batch.iter().map(|(_, sample)| &sample.input[..]).collect();
        let explanations = explain(&explainer, &images, size, device)?;
        let pairs = batch.into_iter().zip(explanations);
        known.extend(pairs.filter_map(|((_, sample), explanation)| Some((sample.input, explanation, sample.truth?))));
    }
    let maps: Vec<(&[f32], &Mask)> =
        known.iter().map(|(_, explanation, truth)| (&explanation.difference[..], truth)).collect();
    let mask = best(&maps, size, usual);
    let without = maps.iter().map(|(map, truth)| mask.overlap(map, size, truth)).sum::<Overlap>().iou();
    let mut rules = Rules { mask, verification: None, iou: without };
    let mut highest = without.map_or(f64::INFINITY, |iou| iou + CLEARLY_BETTER);
    for threshold in CANDIDATE_THRESHOLDS {
        for (rule, iou) in verifications(&explainer, device, size, &known, threshold)? {
            if iou > highest {
                highest = iou;
                rules = Rules { mask: MaskRule::at(threshold), verification: Some(rule), iou: Some(iou) };
            }
        }
    }
    Ok(rules)
}

/// The pooled IoU of the rules with candidates above `threshold`.
fn verifications(
    explainer: &Explainer,
    device: &Device,
    size: usize,
    known: &[(Vec<f32>, Explanation, Mask)],
    threshold: f32,
) -> anyhow::Result<Vec<(Verification, f64)>> {
    let tested = known
        .iter()
        .map(|(image, explanation, _)| test_candidates(explainer, threshold, image, explanation, size, device));
    let tested = tested.collect::<anyhow::Result<Vec<Tested>>>()?;
    let rules = MOST_KEPT.into_iter().flat_map(|most| MARGINS.map(|margin| Verification { threshold, margin, most }));
    let scored = rules.filter_map(|rule| {
        let overlap = |((_, explanation, truth), tested): (&(Vec<f32>, Explanation, Mask), &Tested)| {
            let kept = rule.kept(explanation.after, &tested.probabilities);
            let difference = tested.candidates.difference(&kept, &explanation.difference);
            MaskRule::at(threshold).overlap(&difference, size, truth)
        };
        let pooled: Overlap = known.par_iter().zip(&tested).map(overlap).sum();
        Some((rule, pooled.iou()?))
    });
    Ok(scored.collect())
}

fn best(maps: &[(&[f32], &Mask)], size: usize, usual: MaskRule) -> MaskRule {
    let pooled = |mask_rule: MaskRule| -> Overlap {
        maps.par_iter().map(|(map, truth)| mask_rule.overlap(map, size, truth)).sum()
    };
    let hundredths = |value: u8| f32::from(value) / 100.0;
    // A seed threshold below the threshold is none.
    let pairs = SEED_THRESHOLDS
        .into_iter()
        .flat_map(|seed_threshold| THRESHOLDS.map(move |threshold| (threshold, seed_threshold)));
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

    fn best(slices: &[(Vec<f32>, Mask)], usual: MaskRule) -> MaskRule {
        let maps: Vec<(&[f32], &Mask)> = slices.iter().map(|(map, truth)| (&map[..], truth)).collect();
        super::best(&maps, 8, usual)
    }

    #[test]
    fn a_mask_rule_of_its_own_must_be_worth_it() {
        let usual = MaskRule::at(0.25);
        assert_eq!(best(&[slice(0.8, 0.1)], usual), usual, "nothing to gain");
        assert_eq!(best(&[], usual), usual, "nothing known");
        let found = best(&[slice(0.8, 0.3), slice(0.35, 0.1)], usual);
        assert_eq!((found.threshold, found.seed_threshold), (0.1, 0.3), "the false change never rises above .3");
        let found = best(&[slice(0.8, 0.6), slice(0.75, 0.6)], usual);
        assert_eq!(found.seed_threshold, 0.6);
        let found = best(&[slice(0.3, 0.05)], usual);
        assert_eq!((found.threshold, found.seed_threshold), (0.1, 0.0), "a threshold alone will do");
    }
}
