//! The stage of inpainting pretraining: what is inserted in normal slices is taken away again, before there is a verdict to mind.

use coin_core::explanation::Explainer;
use coin_core::networks::{Classifier, Inpainter};
use coin_core::training::{InpaintingConfig, InpaintingTrainer};
use serde_json::json;

use super::context::processor;
use super::steps::Validation;
use super::supervised::Task;
use super::{PAPER_THRESHOLD, Training, TrainingContext};
use crate::data::{BatchRequest, Samples};
use crate::pictures;
use crate::recipe::{PretrainingStage, Recipe, Schedule};

/// Keeps the data of this stage apart from the others'.
const STREAM: u64 = 1 << 54;

/// Make it as it was.
pub struct Inpainting {
    /// Whose verdict validation asks for.
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

    /// With random weights.
    fn trainer(context: &TrainingContext<'_>, stage: &Self::Plan) -> anyhow::Result<InpaintingTrainer> {
        let inpainter = context.random_inpainter(&processor(context.recipe.seed + 1));
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
        // Of a normal slice, inserted in or not, it is always known.
        let healthy = batch.iter().flat_map(|sample| sample.clean.iter().flatten().copied());
        let healthy = pictures::tensor(healthy.collect(), recipe.input.size, &images.device());
        Ok(trainer.step(images, healthy, context.truths(&batch), rate)?)
    }

    fn validate(
        &self,
        training: &Training<'_>,
        trainer: &InpaintingTrainer,
        samples: &Samples<'_>,
    ) -> anyhow::Result<Validation> {
        let method = training.context.recipe.counterfactual.training.method;
        let (inpainter, classifier) = (trainer.trained(), self.classifier.clone());
        let explainer = Explainer { inpainter, classifier, method, ood: None };
        let found = training.context.validate(&explainer, samples)?.coin;
        let (threshold, iou) = found.best().unwrap_or((PAPER_THRESHOLD, 0.0));
        Ok(Validation {
            // The newest: what was inserted is not what is looked for, so that its validation chooses nothing.
            score: trainer.steps() as f64,
            said: format!("validation IoU {iou:.3} at {threshold:.2}, CV {:.3}", found.cv.unwrap_or(0.0)),
            log: json!({ "threshold": threshold, "iou": iou, "validation": found }),
        })
    }
}
