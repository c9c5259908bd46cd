//! The localisation's stage: the classifier learns where something was planted, before it is told of whole slices alone.

use burn::module::Module as _;
use coin_core::training::{LocalisationTrainer, StateError, TrainerState};
use coin_core::weights;
use serde_json::json;

use super::classifier;
use super::steps::{Stage, Step, Validation};
use super::{Setting, Training};
use crate::data::{Draw, Samples};
use crate::recipe::{self, Recipe};

/// Keeps the data of this stage apart from the others'.
const STREAM: u64 = 1 << 53;

/// A classifier that learns where.
pub struct LocalisationStage<'a> {
    pub training: &'a Training<'a>,
    pub stage: &'a recipe::LessonStage,
    pub trainer: LocalisationTrainer,
    pub validation: Samples<'a>,
}

impl Stage for LocalisationStage<'_> {
    const NAME: &'static str = "localisation";

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
        recipe.localisation.as_ref().map(|stage| stage.batch)
    }

    fn step(&mut self) -> anyhow::Result<Step> {
        let loss = step(&self.training.setting, self.stage, &mut self.trainer, self.stage.batch)?;
        Ok(Step { log: ("loss", json!(loss)), message: format!("loss {loss:.4}"), finite: loss.is_finite() })
    }

    fn rehearse(setting: &Setting<'_>, batch: usize) -> anyhow::Result<()> {
        let Some(stage) = &setting.recipe.localisation else { return Ok(()) };
        let mut trainer = setting.new_localisation_trainer(stage)?;
        (0..2).try_for_each(|_| step(setting, stage, &mut trainer, batch).map(drop))
    }

    fn validate(&self) -> anyhow::Result<Validation> {
        let trained = self.trainer.network.classifier.valid();
        let summary = classifier::rank(&self.training.setting, &self.validation, &trained)?.summary();
        Ok(Validation {
            // The newest: what was planted is not what is looked for, so that its validation chooses nothing.
            score: self.steps() as f64,
            log: json!({ "validation": summary }),
            said: format!("validation AUROC {:.4}", summary.auroc.unwrap_or(0.0)),
        })
    }
}

/// One with so many images; returns the loss before it.
fn step(
    setting: &Setting<'_>,
    stage: &recipe::LessonStage,
    trainer: &mut LocalisationTrainer,
    size: usize,
) -> anyhow::Result<f32> {
    let Setting { recipe, data, .. } = setting;
    let step = trainer.steps();
    let draw = Draw { seed: recipe.seed ^ STREAM, step, size, normal: true };
    let batch = data.batch(recipe.window, &stage.anomaly, recipe.classifier.augmentation.as_ref(), draw)?;
    let rate = stage.learning_rate_drop.map_or(1.0, |drop| drop.rate(step));
    Ok(trainer.step(setting.tensor(&batch), setting.truths(&batch), rate)?)
}
