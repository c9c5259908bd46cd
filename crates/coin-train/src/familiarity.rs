//! What a model knows of its data: fitted to what it was trained on.

use burn::tensor::Device;
use coin_core::explanation::Explainer;
use coin_core::familiarity::Familiarity;

use crate::data::{Dataset, Purpose};
use crate::evaluation;
use crate::recipe::Protocol;

/// Slices computed at once.
const BATCH: usize = 8;
/// Most slices of a purpose that are looked at.
const MOST: usize = 1000;

/// From training slices, with a limit from those of validation, planted as they are in an evaluation.
///
/// # Errors
/// When a slice cannot be read, or the device fails.
pub fn of(
    explainer: &Explainer,
    device: &Device,
    protocol: &Protocol,
    seed: u64,
    data: &Dataset,
) -> anyhow::Result<Option<Familiarity>> {
    let features = |purpose: Purpose| -> anyhow::Result<Vec<Vec<f32>>> {
        let samples = data.samples(&[purpose], protocol.window, &protocol.anomaly, seed);
        let mut found = Vec::new();
        for batch in samples.batches(BATCH).take(MOST / BATCH) {
            let batch = batch?;
            let explained =
                evaluation::explain(explainer, device, protocol.size, batch.iter().map(|(_, sample)| sample))?;
            found.extend(explained.into_iter().map(|explanation| explanation.features));
        }
        Ok(found)
    };
    Ok(Familiarity::fit(&features(Purpose::Train)?, &features(Purpose::Validation)?))
}
