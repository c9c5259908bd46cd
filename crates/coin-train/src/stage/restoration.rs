//! The restoration's stage: what is planted in normal slices is taken away again, before there is a verdict to mind.

use coin_core::explanation::Explainer;
use coin_core::networks::{Classifier, Inpainter};
use coin_core::training::{RestorationConfig, RestorationTrainer};
use serde_json::json;

use super::setting::processor;
use super::steps::Validation;
use super::supervised::Task;
use super::{PAPER_THRESHOLD, Setting, Training};
use crate::data::{Draw, Samples};
use crate::pictures;
use crate::recipe::{LessonStage, Pace, Recipe};

/// Keeps the data of this stage apart from the others'.
const STREAM: u64 = 1 << 54;

/// Make it as it was.
pub struct Restoration {
    /// Whose verdict validation asks for.
    pub classifier: Classifier,
}

impl Task for Restoration {
    const NAME: &'static str = "restoration";
    type Plan = LessonStage<RestorationConfig>;
    type Network = Inpainter;
    type Config = RestorationConfig;

    fn plan(recipe: &Recipe) -> Option<&Self::Plan> {
        recipe.restoration.as_ref()
    }

    fn pace(plan: &Self::Plan) -> &Pace {
        &plan.pace
    }

    /// With random weights.
    fn trainer(setting: &Setting<'_>, stage: &Self::Plan) -> anyhow::Result<RestorationTrainer> {
        let inpainter = setting.random_inpainter(&processor(setting.recipe.seed + 1));
        Ok(RestorationTrainer::new(inpainter, stage.training.clone()).with_helpers(&setting.devices.helpers))
    }

    fn step(
        setting: &Setting<'_>,
        stage: &Self::Plan,
        trainer: &mut RestorationTrainer,
        size: usize,
        rate: f64,
    ) -> anyhow::Result<f32> {
        let Setting { recipe, data, .. } = setting;
        let step = trainer.steps();
        let draw = Draw { seed: recipe.seed ^ STREAM, step, size, normal: true };
        let batch = data.batch(&stage.anomaly, recipe.counterfactual.augmentation.as_ref(), draw)?;
        let images = setting.tensor(&batch);
        // Of a normal slice, planted in or not, it is always known.
        let healthy = batch.iter().flat_map(|sample| sample.clean.iter().flatten().copied());
        let healthy = pictures::tensor(healthy.collect(), recipe.input.size, &images.device());
        Ok(trainer.step(images, healthy, setting.truths(&batch), rate)?)
    }

    fn validate(
        &self,
        training: &Training<'_>,
        trainer: &RestorationTrainer,
        samples: &Samples<'_>,
    ) -> anyhow::Result<Validation> {
        let method = training.setting.recipe.counterfactual.training.method;
        let (inpainter, classifier) = (trainer.trained(), self.classifier.clone());
        let explainer = Explainer { inpainter, classifier, method, familiarity: None };
        let found = training.setting.validate(&explainer, samples)?.coin;
        let (threshold, iou) = found.best().unwrap_or((PAPER_THRESHOLD, 0.0));
        Ok(Validation {
            // The newest: what was planted is not what is looked for, so that its validation chooses nothing.
            score: trainer.steps() as f64,
            said: format!("validation IoU {iou:.3} at {threshold:.2}, CV {:.3}", found.cv.unwrap_or(0.0)),
            log: json!({ "threshold": threshold, "iou": iou, "validation": found }),
        })
    }
}
