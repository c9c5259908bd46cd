//! Masks of one method against the truth, added up over abnormal slices.

use coin_core::metrics::{Overlap, ThresholdSweep, bootstrap_mean_ci95};
use coin_imaging::Mask;

use super::{Masking, MethodReport};

const BOOTSTRAP_ROUNDS: usize = 2000;

/// See the module.
pub struct Overlaps {
    masking: Masking,
    size: usize,
    pooled: Overlap,
    sweep: ThresholdSweep,
    /// IoU of each abnormal sample, with its index.
    pub iou_by_sample: Vec<(usize, f64)>,
}

impl Overlaps {
    /// Of maps of `size * size` pixels.
    pub fn new(masking: Masking, size: usize) -> Self {
        let sweep = ThresholdSweep::hundredths();
        Self { masking, size, pooled: Overlap::default(), sweep, iou_by_sample: Vec::new() }
    }

    /// Adds the map of sample `index`.
    pub fn add(&mut self, index: usize, map: &[f32], truth: &Mask) {
        let found = self.masking.overlap(map, self.size, truth);
        self.pooled.add(found);
        self.sweep.add(map, truth.as_slice());
        self.iou_by_sample.extend(found.iou().map(|iou| (index, iou)));
    }

    /// The numbers that masks alone give.
    pub fn report(&self) -> MethodReport {
        let ious: Vec<f64> = self.iou_by_sample.iter().map(|(_, iou)| *iou).collect();
        MethodReport {
            threshold: self.masking.threshold,
            iou: self.pooled.iou(),
            dice: self.pooled.dice(),
            precision: self.pooled.precision(),
            recall: self.pooled.recall(),
            iou_mean: (!ious.is_empty()).then(|| ious.iter().sum::<f64>() / ious.len() as f64),
            iou_mean_ci95: bootstrap_mean_ci95(&ious, BOOTSTRAP_ROUNDS),
            iou_by_threshold: self.sweep.iou(),
            ..MethodReport::default()
        }
    }
}
