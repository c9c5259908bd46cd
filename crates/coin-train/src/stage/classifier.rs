//! The classifier stage, which uses image-level labels only.

use burn::tensor::activation::sigmoid;
use coin_core::metrics::Ranking;
use coin_core::networks::Classifier;
use coin_core::training::{ClassifierConfig, ClassifierTrainer};
use serde_json::json;

use super::context::images;
use super::localisation::Localisation;
use super::steps::Validation;
use super::supervised::Task;
use super::{Training, TrainingContext};
use crate::data::{BatchRequest, Sample, Samples};
use crate::pictures;
use crate::recipe::{ClassifierStage, Recipe, Schedule};

/// Classification of slices as normal or abnormal.
pub struct Classification;

impl Task for Classification {
    const NAME: &'static str = "classifier";
    type Plan = ClassifierStage;
    type Network = Classifier;
    type Config = ClassifierConfig;

    fn plan(recipe: &Recipe) -> Option<&ClassifierStage> {
        Some(&recipe.classifier)
    }

    fn schedule(plan: &ClassifierStage) -> &Schedule {
        &plan.schedule
    }

    fn trainer(context: &TrainingContext<'_>, _: &ClassifierStage) -> anyhow::Result<ClassifierTrainer> {
        Ok(context.classifier_trainer(context.random_classifier()))
    }

    /// Starts from localisation pretraining, pretrained weights, or random weights, in this order of preference.
    fn first(training: &Training<'_>, _: &ClassifierStage) -> anyhow::Result<ClassifierTrainer> {
        let network = match training.finished_pretraining::<Localisation>()? {
            Some(pretraining) => pretraining.network.classifier,
            None => training.context.pretrained_classifier()?,
        };
        Ok(training.context.classifier_trainer(network))
    }

    fn step(
        context: &TrainingContext<'_>,
        stage: &ClassifierStage,
        trainer: &mut ClassifierTrainer,
        size: usize,
        rate: f64,
    ) -> anyhow::Result<f32> {
        let TrainingContext { recipe, data, .. } = context;
        let step = trainer.steps();
        let request = BatchRequest { seed: recipe.seed, step, size, normal: false };
        let batch = data.batch(&stage.anomaly, stage.augmentation.as_ref(), request)?;
        let labels: Vec<bool> = batch.iter().map(|sample| sample.abnormal).collect();
        Ok(trainer.step(context.tensor(&batch), &labels, rate)?)
    }

    fn validate(
        &self,
        training: &Training<'_>,
        trainer: &ClassifierTrainer,
        samples: &Samples<'_>,
    ) -> anyhow::Result<Validation> {
        let summary = rank(&training.context, samples, &trainer.trained())?.summary();
        let (auroc, accuracy) = (summary.auroc.unwrap_or(0.0), summary.accuracy.unwrap_or(0.0));
        Ok(Validation {
            // AUROC ignores badly calibrated probabilities; accuracy at 0.5 does not.
            score: (auroc + accuracy) / 2.0,
            log: json!({ "validation": summary }),
            summary_line: format!("validation AUROC {auroc:.4}, accuracy {accuracy:.4}"),
        })
    }
}

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
