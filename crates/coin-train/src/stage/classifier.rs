//! The classifier's stage: image-level labels only.

use burn::tensor::activation::sigmoid;
use coin_core::metrics::Ranking;
use coin_core::networks::Classifier;
use coin_core::training::{ClassifierTrainer, StateError, TrainerState};
use coin_core::weights;
use serde_json::json;

use super::setting::images;
use super::steps::{Stage, Step, Validation};
use super::{Setting, Training};
use crate::data::{Draw, Sample, Samples};
use crate::pictures;
use crate::recipe::Recipe;

/// A classifier in training.
pub struct ClassifierStage<'a> {
    pub training: &'a Training<'a>,
    pub trainer: ClassifierTrainer,
    pub validation: Samples<'a>,
}

impl Stage for ClassifierStage<'_> {
    const NAME: &'static str = "classifier";

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
        Some(recipe.classifier.batch)
    }

    fn step(&mut self) -> anyhow::Result<Step> {
        let setting = &self.training.setting;
        let loss = step(setting, &mut self.trainer, setting.recipe.classifier.batch)?;
        Ok(Step { log: ("loss", json!(loss)), message: format!("loss {loss:.4}"), finite: loss.is_finite() })
    }

    fn rehearse(setting: &Setting<'_>, batch: usize) -> anyhow::Result<()> {
        let mut trainer = setting.new_classifier_trainer();
        (0..2).try_for_each(|_| step(setting, &mut trainer, batch).map(drop))
    }

    fn validate(&self) -> anyhow::Result<Validation> {
        let summary = rank(&self.training.setting, &self.validation, &self.trainer.trained())?.summary();
        let (auroc, accuracy) = (summary.auroc.unwrap_or(0.0), summary.accuracy.unwrap_or(0.0));
        Ok(Validation {
            // AUROC alone does not see a classifier whose probabilities all lean to one side.
            score: (auroc + accuracy) / 2.0,
            log: json!({ "validation": summary }),
            said: format!("validation AUROC {auroc:.4}, accuracy {accuracy:.4}"),
        })
    }
}

/// One with so many images; returns the loss before it.
fn step(setting: &Setting<'_>, trainer: &mut ClassifierTrainer, size: usize) -> anyhow::Result<f32> {
    let Setting { recipe, data, .. } = setting;
    let (step, stage) = (trainer.steps(), &recipe.classifier);
    let draw = Draw { seed: recipe.seed, step, size, normal: false };
    let batch = data.batch(recipe.window, &stage.anomaly, stage.augmentation.as_ref(), draw)?;
    let labels: Vec<bool> = batch.iter().map(|sample| sample.abnormal).collect();
    let rate = stage.learning_rate_drop.map_or(1.0, |drop| drop.rate(step));
    Ok(trainer.step(setting.tensor(&batch), &labels, rate)?)
}

/// A classifier's verdicts on samples.
pub fn rank(setting: &Setting<'_>, samples: &Samples<'_>, classifier: &Classifier) -> anyhow::Result<Ranking> {
    let recipe = setting.recipe;
    let mut ranking = Ranking::default();
    for batch in samples.batches(recipe.classifier.batch) {
        let batch: Vec<Sample> = batch?.into_iter().map(|(_, sample)| sample).collect();
        let x = images(&batch, recipe.size, &setting.devices.first);
        let probabilities = pictures::values(sigmoid(classifier.forward(x)), "the verdicts")?;
        for (sample, probability) in batch.iter().zip(probabilities) {
            ranking.add(&sample.patient, f64::from(probability), sample.abnormal);
        }
    }
    Ok(ranking)
}
