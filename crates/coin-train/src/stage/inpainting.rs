//! The inpainting-pretraining stage: the inpainter learns to remove synthetic anomalies from normal slices, without the
//! classifier.

use coin_core::explanation::Explainer;
use coin_core::networks::{Classifier, Inpainter};
use coin_core::training::{InpaintingConfig, InpaintingTrainer};
use serde_json::json;

use super::context::TrainingContext;
use super::definition::Validation;
use super::networks::seeded_cpu;
use super::supervised::Task;
use super::training::Training;
use crate::data::{BatchRequest, Samples};
use crate::evaluation::PAPER_THRESHOLD;
use crate::pictures;
use crate::recipe::{PretrainingStage, Recipe, Schedule};

/// Separates the random numbers of this stage from those of the others.
const STREAM: u64 = 1 << 54;

/// Reconstruction of the clean slice.
pub struct Inpainting {
    /// The classifier for validation metrics.
    pub classifier: Classifier,
}

impl Task for Inpainting {
    const NAME: &'static str = "inpainting-pretraining";
    type Plan = PretrainingStage<InpaintingConfig>;
    type Network = Inpainter;
    type Config = InpaintingConfig;

    fn plan(recipe: &Recipe) -> Option<&Self::Plan> {
        recipe.inpainting_pretraining.as_ref()
    }

    fn schedule(plan: &Self::Plan) -> &Schedule {
        &plan.schedule
    }

    /// Starts from random weights.
    fn trainer(context: &TrainingContext<'_>, stage: &Self::Plan) -> anyhow::Result<InpaintingTrainer> {
        let inpainter = context.random_inpainter(&seeded_cpu(context.recipe.seed + 1));
        Ok(InpaintingTrainer::new(inpainter, stage.training.clone()).with_replicas(&context.devices.replicas))
    }

    fn step(
        context: &TrainingContext<'_>,
        stage: &Self::Plan,
        trainer: &mut InpaintingTrainer,
        size: usize,
        rate: f64,
    ) -> anyhow::Result<f32> {
        let TrainingContext { recipe, data, .. } = context;
        let step = trainer.steps();
        let request = BatchRequest { seed: recipe.seed ^ STREAM, step, size, normal: true };
        let batch = data.batch(&stage.anomaly, recipe.counterfactual.augmentation.as_ref(), request)?;
        let images = context.tensor(&batch);
        // `clean` is always set: the request asks for normal slices only.
        let clean = batch.iter().flat_map(|sample| sample.clean.iter().flatten().copied());
        let clean = pictures::tensor(clean.collect(), recipe.input.size, &images.device());
        Ok(trainer.step(images, clean, context.truths(&batch), rate)?)
    }

    fn validate(
        &self,
        training: &Training<'_>,
        trainer: &InpaintingTrainer,
        samples: &Samples<'_>,
    ) -> anyhow::Result<Validation> {
        let method = training.context.recipe.counterfactual.training.method;
        let (inpainter, classifier) = (trainer.trained(), self.classifier.clone());
        let explainer = Explainer::new(inpainter, classifier, method);
        let found = training.context.validate(&explainer, samples)?.coin;
        let (threshold, iou) = found.best().unwrap_or((PAPER_THRESHOLD, 0.0));
        Ok(Validation {
            // Keep the newest state: metrics on inserted anomalies do not predict the result on real findings.
            score: trainer.steps() as f64,
            summary_line: format!("validation IoU {iou:.3} at {threshold:.2}, CV {:.3}", found.cv.unwrap_or(0.0)),
            log: json!({ "threshold": threshold, "iou": iou, "validation": found }),
        })
    }
}
