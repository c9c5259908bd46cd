//! Metrics of segmenters.

use burn::tensor::Device;
use burn::tensor::activation::sigmoid;
use coin_core::networks::UNet;

use super::overlaps::Overlaps;
use super::{BATCH, MaskRule, MethodReport};
use crate::data::{Sample, Samples};
use crate::pictures;

/// A pixel belongs to the lesion from this probability on.
pub const SEGMENTER_MASK_RULE: MaskRule = MaskRule::at(0.5);

/// The threshold of the best IoU of a distilled segmenter on validation, and that IoU. COIN's masks are often too small, so that
/// its probabilities are too low for a threshold of 0.5. `None` if no mask is known.
///
/// # Errors
/// If a slice cannot be read, or the device fails.
pub fn choose_threshold(
    segmenter: &UNet,
    device: &Device,
    size: usize,
    validation: &Samples<'_>,
) -> anyhow::Result<Option<(f32, f64)>> {
    Ok(evaluate_segmenter(segmenter, device, size, validation, SEGMENTER_MASK_RULE)?.best())
}

/// Evaluates `segmenter` on `samples` of `size` x `size` pixels.
pub fn evaluate_segmenter(
    segmenter: &UNet,
    device: &Device,
    size: usize,
    samples: &Samples<'_>,
    mask_rule: MaskRule,
) -> anyhow::Result<MethodReport> {
    let mut overlaps = Overlaps::new(mask_rule, size);
    let (mut normal, mut masked) = (0_u32, 0_u32);
    for batch in samples.batches(BATCH) {
        let known = |sample: &Sample| sample.truth.is_some() || !sample.abnormal;
        let batch: Vec<(usize, Sample)> = batch?.into_iter().filter(|(_, sample)| known(sample)).collect();
        if batch.is_empty() {
            continue;
        }
        let images: Vec<f32> = batch.iter().flat_map(|(_, sample)| sample.input.iter().copied()).collect();
        let maps = sigmoid(segmenter.forward(pictures::tensor(images, size, device)));
        let maps = pictures::values(maps, "the masks")?;
        for ((i, sample), map) in batch.iter().zip(maps.chunks_exact(size * size)) {
            match &sample.truth {
                Some(truth) => overlaps.add(*i, &sample.patient, map, truth),
                None => {
                    normal += 1;
                    masked += u32::from(mask_rule.apply(map, size).is_some_and(|mask| mask.count() > 0));
                }
            }
        }
    }
    let normal_with_mask = (normal > 0).then(|| f64::from(masked) / f64::from(normal));
    Ok(MethodReport { normal_with_mask, ..overlaps.report() })
}
