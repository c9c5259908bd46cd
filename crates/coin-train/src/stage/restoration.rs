//! The restoration's stage: what is planted in normal slices is taken away again, before there is a verdict to mind.

use burn::module::Module as _;
use coin_core::explanation::Explainer;
use coin_core::networks::Classifier;
use coin_core::training::{RestorationTrainer, StateError, TrainerState};
use coin_core::weights;
use serde_json::json;

use super::steps::{Stage, Step, Validation};
use super::{Setting, Training};
use crate::data::{Draw, Samples};
use crate::pictures;
use crate::recipe::{self, Recipe};

/// Keeps the data of this stage apart from the others'.
const STREAM: u64 = 1 << 54;

/// An inpainter that learns to restore.
pub struct RestorationStage<'a> {
    pub training: &'a Training<'a>,
    pub stage: &'a recipe::LessonStage,
    pub trainer: RestorationTrainer,
    pub classifier: Classifier,
    pub validation: Samples<'a>,
}

impl Stage for RestorationStage<'_> {
    const NAME: &'static str = "restoration";

    fn steps(&self) -> u64 {
        self.trainer.steps()
    }

    fn state(&self) -> Result<TrainerState, StateError> {
        self.trainer.state()
    }

    fn is_finite(&self) -> bool {
        weights::all_finite(&self.trainer.trained())
    }

    fn batch_size(recipe: &Recipe) -> Option<usize> {
        recipe.restoration.as_ref().map(|stage| stage.batch)
    }

    fn step(&mut self) -> anyhow::Result<Step> {
        let loss = step(&self.training.setting, self.stage, &mut self.trainer, self.stage.batch)?;
        Ok(Step { log: ("loss", json!(loss)), message: format!("loss {loss:.4}"), finite: loss.is_finite() })
    }

    fn rehearse(setting: &Setting<'_>, batch: usize) -> anyhow::Result<()> {
        let Some(stage) = &setting.recipe.restoration else { return Ok(()) };
        let mut trainer = setting.new_restoration_trainer(stage);
        (0..2).try_for_each(|_| step(setting, stage, &mut trainer, batch).map(drop))
    }

    fn validate(&self) -> anyhow::Result<Validation> {
        let method = self.training.setting.recipe.counterfactual.training.method;
        let (inpainter, classifier) = (self.trainer.trained(), self.classifier.valid());
        let explainer = Explainer { inpainter, classifier, method, familiarity: None };
        let found = self.training.setting.validate(&explainer, &self.validation)?.coin;
        let (threshold, iou) = found.best().unwrap_or((super::PAPER_THRESHOLD, 0.0));
        Ok(Validation {
            // The newest: what was planted is not what is looked for, so that its validation chooses nothing.
            score: self.steps() as f64,
            said: format!("validation IoU {iou:.3} at {threshold:.2}, CV {:.3}", found.cv.unwrap_or(0.0)),
            log: json!({ "threshold": threshold, "iou": iou, "validation": found }),
        })
    }
}

/// One with so many images; returns the loss before it.
fn step(
    setting: &Setting<'_>,
    stage: &recipe::LessonStage,
    trainer: &mut RestorationTrainer,
    size: usize,
) -> anyhow::Result<f32> {
    let Setting { recipe, data, .. } = setting;
    let step = trainer.steps();
    let draw = Draw { seed: recipe.seed ^ STREAM, step, size, normal: true };
    let batch = data.batch(recipe.window, &stage.anomaly, recipe.counterfactual.augmentation.as_ref(), draw)?;
    let images = setting.tensor(&batch);
    // Of a normal slice, planted in or not, it is always known.
    let healthy = batch.iter().flat_map(|sample| sample.clean.iter().flatten().copied());
    let healthy = pictures::tensor(healthy.collect(), recipe.size, &images.device());
    let rate = stage.learning_rate_drop.map_or(1.0, |drop| drop.rate(step));
    Ok(trainer.step(images, healthy, setting.truths(&batch), rate)?)
}
