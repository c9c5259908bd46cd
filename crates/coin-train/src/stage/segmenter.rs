//! The segmenter's stage: the bound of what masks give, which COIN never sees.

use coin_core::training::{SegmenterTrainer, StateError, TrainerState};
use coin_core::weights;
use serde_json::json;

use super::steps::{Stage, Step, Validation};
use super::{Setting, Training};
use crate::data::{Draw, Samples};
use crate::evaluation::{self, SEGMENTER_MASKING};
use crate::recipe::{self, Recipe};

/// Keeps the data of this stage apart from the others'.
const STREAM: u64 = 1 << 55;

/// A segmenter in training.
pub struct SegmenterStage<'a> {
    pub training: &'a Training<'a>,
    pub stage: &'a recipe::SegmenterStage,
    pub trainer: SegmenterTrainer,
    pub validation: Samples<'a>,
}

impl Stage for SegmenterStage<'_> {
    const NAME: &'static str = "segmenter";

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
        recipe.segmenter().map(|stage| stage.batch)
    }

    fn step(&mut self) -> anyhow::Result<Step> {
        let loss = step(&self.training.setting, self.stage, &mut self.trainer, self.stage.batch)?;
        Ok(Step { log: ("loss", json!(loss)), message: format!("loss {loss:.4}"), finite: loss.is_finite() })
    }

    fn rehearse(setting: &Setting<'_>, batch: usize) -> anyhow::Result<()> {
        let Some(stage) = setting.recipe.segmenter() else { return Ok(()) };
        let mut trainer = setting.new_segmenter_trainer(stage);
        (0..2).try_for_each(|_| step(setting, stage, &mut trainer, batch).map(drop))
    }

    fn validate(&self) -> anyhow::Result<Validation> {
        let Setting { devices, recipe, .. } = self.training.setting;
        let found = evaluation::evaluate_segmenter(
            &self.trainer.trained(),
            &devices.first,
            recipe.size,
            &self.validation,
            SEGMENTER_MASKING,
        )?;
        let iou = found.iou.unwrap_or(0.0);
        Ok(Validation { score: iou, log: json!({ "validation": found }), said: format!("validation IoU {iou:.3}") })
    }
}

/// One with so many images; returns the loss before it.
fn step(
    setting: &Setting<'_>,
    stage: &recipe::SegmenterStage,
    trainer: &mut SegmenterTrainer,
    size: usize,
) -> anyhow::Result<f32> {
    let Setting { recipe, data, .. } = setting;
    let (step, seed) = (trainer.steps(), recipe.seed ^ STREAM);
    let batch = data.batch(recipe.window, &recipe.anomaly, None, Draw { seed, step, size, normal: false })?;
    let images = setting.tensor(&batch);
    let masks = setting.truths(&batch);
    let rate = stage.learning_rate_drop.map_or(1.0, |drop| drop.rate(step));
    Ok(trainer.step(images, masks, rate)?)
}
