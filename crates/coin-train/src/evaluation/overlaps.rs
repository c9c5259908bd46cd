//! Overlap of the masks of one method with the reference masks, pooled over abnormal slices.

use std::collections::BTreeMap;

use coin_core::metrics::{Overlap, ThresholdSweep, bootstrap_ci95};
use coin_imaging::Mask;

use super::{MaskRule, MethodReport};

/// Accumulates the overlaps of one method.
pub struct Overlaps {
    mask_rule: MaskRule,
    size: usize,
    sweep: ThresholdSweep,
    /// The overlaps of each patient's slices.
    by_patient: BTreeMap<String, Vec<Overlap>>,
    /// IoU of each abnormal sample, with its index.
    pub iou_by_sample: Vec<(usize, f64)>,
}

impl Overlaps {
    /// Starts without slices; maps have `size * size` pixels.
    pub fn new(mask_rule: MaskRule, size: usize) -> Self {
        let sweep = ThresholdSweep::hundredths();
        Self { mask_rule, size, sweep, by_patient: BTreeMap::new(), iou_by_sample: Vec::new() }
    }

    /// Adds the map of sample `index`, a slice of `patient`.
    pub fn add(&mut self, index: usize, patient: &str, map: &[f32], truth: &Mask) {
        let found = self.mask_rule.overlap(map, self.size, truth);
        self.by_patient.entry(patient.to_owned()).or_default().push(found);
        self.sweep.add(map, truth.as_slice());
        self.iou_by_sample.extend(found.iou().map(|iou| (index, iou)));
    }

    /// The metrics that need masks only.
    pub fn report(&self) -> MethodReport {
        let pooled: Overlap = self.by_patient.values().flatten().copied().sum();
        let patients: Vec<&Vec<Overlap>> = self.by_patient.values().collect();
        let interval = |statistic: fn(&mut dyn Iterator<Item = &Overlap>) -> Option<f64>| {
            bootstrap_ci95(&patients, |drawn| statistic(&mut drawn.iter().flat_map(|slices| slices.iter())))
        };
        MethodReport {
            threshold: self.mask_rule.threshold,
            seed_threshold: self.mask_rule.seed_threshold,
            iou: pooled.iou(),
            iou_ci95: interval(|slices| slices.copied().sum::<Overlap>().iou()),
            dice: pooled.dice(),
            precision: pooled.precision(),
            recall: pooled.recall(),
            iou_mean: mean_iou(&mut self.by_patient.values().flatten()),
            iou_mean_ci95: interval(mean_iou),
            iou_by_threshold: self.sweep.iou(),
            ..MethodReport::default()
        }
    }
}

fn mean_iou(slices: &mut dyn Iterator<Item = &Overlap>) -> Option<f64> {
    let (sum, count) = slices.filter_map(Overlap::iou).fold((0.0, 0_u32), |(sum, count), iou| (sum + iou, count + 1));
    (count > 0).then(|| sum / f64::from(count))
}
