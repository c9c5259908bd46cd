//! The predictions of a classifier during training.

use burn::tensor::activation::sigmoid;
use coin_core::metrics::Ranking;
use coin_core::networks::Classifier;

use super::context::TrainingContext;
use super::tensors::images;
use crate::data::{Sample, Samples};
use crate::pictures;

/// Collects a classifier's predictions on samples.
pub fn rank(context: &TrainingContext<'_>, samples: &Samples<'_>, classifier: &Classifier) -> anyhow::Result<Ranking> {
    let recipe = context.recipe;
    let mut ranking = Ranking::default();
    for batch in samples.batches(recipe.classifier.schedule.batch) {
        let batch: Vec<Sample> = batch?.into_iter().map(|(_, sample)| sample).collect();
        let x = images(&batch, recipe.input.size, &context.devices.first);
        let probabilities = pictures::values(sigmoid(classifier.forward(x)), "the predictions")?;
        for (sample, probability) in batch.iter().zip(probabilities) {
            ranking.add(&sample.patient, f64::from(probability), sample.abnormal);
        }
    }
    Ok(ranking)
}
