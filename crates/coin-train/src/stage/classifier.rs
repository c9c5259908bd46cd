//! The classifier stage, which uses image-level labels only.

use coin_core::networks::Classifier;
use coin_core::training::{ClassifierConfig, ClassifierTrainer};
use serde_json::json;

use super::context::TrainingContext;
use super::definition::Validation;
use super::localisation::Localisation;
use super::ranking::rank;
use super::supervised::Task;
use super::training::Training;
use crate::data::{BatchRequest, Samples};
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
