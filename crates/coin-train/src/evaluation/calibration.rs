//! Calibration of a model's probabilities on validation slices.

use burn::tensor::Device;
use coin_core::calibration::Temperature;
use coin_core::explanation::Explainer;

use super::BATCH;
use crate::data::Samples;

/// The temperature that fits the classifier's probabilities to the labels of `samples`; `None` if none does.
///
/// # Errors
/// If a slice cannot be read, or the device fails.
pub fn fit_temperature(
    explainer: &Explainer,
    device: &Device,
    size: usize,
    samples: &Samples<'_>,
) -> anyhow::Result<Option<Temperature>> {
    let mut scored = Vec::with_capacity(samples.len());
    for batch in samples.batches(BATCH) {
        let batch = batch?;
        let images = batch.iter().flat_map(|(_, sample)| sample.input.iter().copied()).collect();
        let probabilities = explainer.probabilities(images, size, device)?.read()?;
        let labels = batch.iter().map(|(_, sample)| sample.abnormal);
        scored.extend(probabilities.into_iter().map(f64::from).zip(labels));
    }
    Ok(Temperature::fit(&scored))
}
