//! The localisation-pretraining stage: the classifier learns to locate synthetic anomalies before it is trained on image-level
//! labels.

use burn::module::Module as _;
use coin_core::training::{LocalisationConfig, LocalisationTrainer, Localiser};
use serde_json::json;

use super::context::TrainingContext;
use super::definition::Validation;
use super::networks::seeded_cpu;
use super::ranking::rank;
use super::supervised::Task;
use super::training::Training;
use crate::data::{BatchRequest, Samples};
use crate::recipe::{PretrainingStage, Recipe, Schedule};

/// Separates the random numbers of this stage from those of the others.
const STREAM: u64 = 1 << 53;

/// Localisation of synthetic anomalies.
pub struct Localisation;

impl Task for Localisation {
    const NAME: &'static str = "localisation-pretraining";
    type Plan = PretrainingStage<LocalisationConfig>;
    type Network = Localiser;
    type Config = LocalisationConfig;

    fn plan(recipe: &Recipe) -> Option<&Self::Plan> {
        recipe.localisation_pretraining.as_ref()
    }

    fn schedule(plan: &Self::Plan) -> &Schedule {
        &plan.schedule
    }

    /// Starts from the recipe's pretrained weights or from random weights.
    fn trainer(context: &TrainingContext<'_>, stage: &Self::Plan) -> anyhow::Result<LocalisationTrainer> {
        let classifier = context.pretrained_classifier()?;
        let localiser = Localiser::init(classifier, &seeded_cpu(context.recipe.seed + 3));
        let localiser = localiser.fork(&context.devices.first.clone().autodiff());
        let trainer = LocalisationTrainer::new(localiser, stage.training.clone());
        Ok(trainer.with_replicas(&context.devices.replicas))
    }

    fn step(
        context: &TrainingContext<'_>,
        stage: &Self::Plan,
        trainer: &mut LocalisationTrainer,
        size: usize,
        rate: f64,
    ) -> anyhow::Result<f32> {
        let TrainingContext { recipe, data, .. } = context;
        let step = trainer.steps();
        let request = BatchRequest { seed: recipe.seed ^ STREAM, step, size, normal: true };
        let batch = data.batch(&stage.anomaly, recipe.classifier.augmentation.as_ref(), request)?;
        Ok(trainer.step(context.tensor(&batch), context.truths(&batch), rate)?)
    }

    fn validate(
        &self,
        training: &Training<'_>,
        trainer: &LocalisationTrainer,
        samples: &Samples<'_>,
    ) -> anyhow::Result<Validation> {
        let trained = trainer.network.classifier.valid();
        let summary = rank(&training.context, samples, &trained)?.summary();
        Ok(Validation {
            // Keep the newest state: metrics on inserted anomalies do not predict the result on real findings.
            score: trainer.steps() as f64,
            log: json!({ "validation": summary }),
            summary_line: format!("validation AUROC {:.4}", summary.auroc.unwrap_or(0.0)),
        })
    }
}
