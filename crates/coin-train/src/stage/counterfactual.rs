//! The counterfactual stage: trains generator and discriminator against the frozen classifier.

use burn::module::Module as _;
use coin_core::explanation::Explainer;
use coin_core::networks::Classifier;
use coin_core::training::{CounterfactualLosses, CounterfactualTrainer, Objective, TrainerState};
use coin_core::weights;
use coin_imaging::picture::Picture;
use serde_json::json;

use super::context::TrainingContext;
use super::definition::{Stage, Step, Validation};
use super::training::Training;
use crate::data::{BatchRequest, Samples};
use crate::evaluation::{Evaluation, MaskRule, MethodReport, PAPER_THRESHOLD};
use crate::recipe::{Finding, Recipe};
use crate::report::Sheet;

/// Separates the random numbers of this stage from those of the others.
const STREAM: u64 = 1 << 56;
/// Number of rows in the picture grid of each validation.
const PICTURED: usize = 6;

/// The state of the counterfactual stage.
pub struct CounterfactualStage<'a> {
    pub training: &'a Training<'a>,
    pub trainer: CounterfactualTrainer,
    pub classifier: Classifier,
    pub validation: Samples<'a>,
}

impl Stage for CounterfactualStage<'_> {
    const NAME: &'static str = "counterfactual";

    fn steps(&self) -> u64 {
        self.trainer.steps()
    }

    fn state(&self) -> Result<TrainerState, coin_core::Error> {
        self.trainer.state()
    }

    fn is_finite(&self) -> bool {
        let Objective { inpainter, discriminator, .. } = &self.trainer.objective;
        weights::all_finite(&inpainter.valid()) && weights::all_finite(&discriminator.valid())
    }

    fn batch_size(recipe: &Recipe) -> Option<usize> {
        Some(recipe.counterfactual.schedule.batch)
    }

    fn step(&mut self, rate: f64) -> anyhow::Result<Step> {
        let context = &self.training.context;
        let losses = step(context, &mut self.trainer, context.recipe.counterfactual.schedule.batch, rate)?;
        let generator = losses.generator.as_ref().map_or(f32::NAN, |generator| generator.total);
        Ok(Step {
            message: format!("G {generator:.3}  D {:.3}", losses.discriminator),
            finite: losses.is_finite(),
            log: ("losses", json!(losses)),
        })
    }

    fn dry_run(context: &TrainingContext<'_>, batch: usize) -> anyhow::Result<()> {
        let classifier = context.classifier_trainer(context.random_classifier()).network;
        let mut trainer = context.new_counterfactual_trainer(classifier, None);
        (0..2).try_for_each(|_| step(context, &mut trainer, batch, 1.0).map(drop))
    }

    fn validate(&self) -> anyhow::Result<Validation> {
        let inpainter = self.training.calibrated(&self.trainer)?;
        let method = self.training.context.recipe.counterfactual.training.method;
        let explainer = Explainer::new(inpainter, self.classifier.valid(), method);
        let found = self.training.context.validate(&explainer, &self.validation)?;
        let (threshold, iou) = found.coin.best().unwrap_or((PAPER_THRESHOLD, 0.0));
        let name = format!("step-{:06}", self.steps());
        self.training.run.picture(&name, &self.grid(&explainer, &found, threshold)?)?;
        let coin = &found.coin;
        // Only synthetic anomalies have a known ceiling.
        let ceiling = coin.ceiling_iou.map(|iou| format!(", ceiling {iou:.3}")).unwrap_or_default();
        let inserted = self.training.context.recipe.task.finding == Finding::Synthetic;
        Ok(Validation {
            score: score(coin, inserted),
            summary_line: format!(
                "validation IoU {:.3} at {PAPER_THRESHOLD} ({iou:.3} at {threshold:.2}{ceiling}), CV {:.3}, counterfactual accuracy {:.3}, change outside {:.4}",
                coin.iou.unwrap_or(0.0),
                coin.cv.unwrap_or(0.0),
                coin.counterfactual_accuracy.unwrap_or(0.0),
                coin.change_outside.unwrap_or(0.0),
            ),
            log: json!({ "threshold": threshold, "iou": iou, "validation": coin }),
        })
    }
}

/// The validation score, which selects the best state. It multiplies IoU by the rate of changed predictions, because a mask
/// does not explain a prediction that stays the same.
fn score(coin: &MethodReport, inserted: bool) -> f64 {
    if inserted {
        // A fixed threshold rewards changes of the correct magnitude; the best threshold would compensate for wrong ones.
        coin.iou.unwrap_or(0.0) * coin.cv.unwrap_or(0.0)
    } else {
        // Real lesions have no known magnitude, and CV counts only confident predictions, which may be few. Without masks the
        // accuracy decides alone.
        coin.best().map_or(1.0, |(_, iou)| iou) * coin.counterfactual_accuracy.unwrap_or(0.0)
    }
}

/// One training step with a batch of `size` images.
fn step(
    context: &TrainingContext<'_>,
    trainer: &mut CounterfactualTrainer,
    size: usize,
    rate: f64,
) -> anyhow::Result<CounterfactualLosses> {
    let TrainingContext { recipe, data, .. } = context;
    let (step, seed) = (trainer.steps(), recipe.seed ^ STREAM);
    let augmentation = recipe.counterfactual.augmentation.as_ref();
    let batch = data.batch(&recipe.anomaly, augmentation, BatchRequest { seed, step, size, normal: false })?;
    Ok(trainer.step(context.batch(&batch), rate)?)
}

impl CounterfactualStage<'_> {
    fn grid(&self, explainer: &Explainer, found: &Evaluation, threshold: f32) -> anyhow::Result<Picture> {
        let abnormal = found.iou_by_sample.iter().map(|(i, _)| *i);
        let shown: Vec<usize> = abnormal.take(PICTURED - 1).chain(found.first_normal).collect();
        let TrainingContext { devices, recipe, .. } = &self.training.context;
        let shown = self.validation.at(&shown)?;
        let sheet = Sheet::of(explainer, &devices.first, recipe.input.size, &shown, MaskRule::at(threshold))?;
        Ok(sheet.picture())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_score_uses_the_metrics_that_are_known() {
        let coin = MethodReport {
            iou: Some(0.5),
            iou_by_threshold: vec![(0.1, 0.75), (0.25, 0.5)],
            cv: Some(0.25),
            counterfactual_accuracy: Some(0.5),
            ..MethodReport::default()
        };
        assert_eq!(score(&coin, true), 0.125);
        assert_eq!(score(&coin, false), 0.375);
        let without_outlines = MethodReport { iou: None, iou_by_threshold: Vec::new(), ..coin };
        assert_eq!(score(&without_outlines, false), 0.5);
        assert_eq!(score(&MethodReport { cv: None, ..without_outlines }, true), 0.0);
    }
}
