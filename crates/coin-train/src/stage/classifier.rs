//! The classifier's stage: image-level labels only.

use burn::tensor::activation::sigmoid;
use coin_core::metrics::Ranking;
use coin_core::networks::Classifier;
use coin_core::training::{ClassifierConfig, ClassifierTrainer};
use serde_json::json;

use super::localisation::Localisation;
use super::setting::images;
use super::steps::Validation;
use super::supervised::Task;
use super::{Setting, Training};
use crate::data::{Draw, Sample, Samples};
use crate::pictures;
use crate::recipe::{ClassifierStage, Pace, Recipe};

/// The verdict.
pub struct Classification;

impl Task for Classification {
    const NAME: &'static str = "classifier";
    type Plan = ClassifierStage;
    type Network = Classifier;
    type Config = ClassifierConfig;

    fn plan(recipe: &Recipe) -> Option<&ClassifierStage> {
        Some(&recipe.classifier)
    }

    fn pace(plan: &ClassifierStage) -> &Pace {
        &plan.pace
    }

    fn trainer(setting: &Setting<'_>, _: &ClassifierStage) -> anyhow::Result<ClassifierTrainer> {
        Ok(setting.classifier_trainer(setting.random_classifier()))
    }

    /// After its first lessons, or with the recipe's pretrained weights, where it has either.
    fn first(training: &Training<'_>, _: &ClassifierStage) -> anyhow::Result<ClassifierTrainer> {
        let network = match training.learnt::<Localisation>()? {
            Some(lesson) => lesson.network.classifier,
            None => training.setting.pretrained_classifier()?,
        };
        Ok(training.setting.classifier_trainer(network))
    }

    fn step(
        setting: &Setting<'_>,
        stage: &ClassifierStage,
        trainer: &mut ClassifierTrainer,
        size: usize,
        rate: f64,
    ) -> anyhow::Result<f32> {
        let Setting { recipe, data, .. } = setting;
        let step = trainer.steps();
        let draw = Draw { seed: recipe.seed, step, size, normal: false };
        let batch = data.batch(&stage.anomaly, stage.augmentation.as_ref(), draw)?;
        let labels: Vec<bool> = batch.iter().map(|sample| sample.abnormal).collect();
        Ok(trainer.step(setting.tensor(&batch), &labels, rate)?)
    }

    fn validate(
        &self,
        training: &Training<'_>,
        trainer: &ClassifierTrainer,
        samples: &Samples<'_>,
    ) -> anyhow::Result<Validation> {
        let summary = rank(&training.setting, samples, &trainer.trained())?.summary();
        let (auroc, accuracy) = (summary.auroc.unwrap_or(0.0), summary.accuracy.unwrap_or(0.0));
        Ok(Validation {
            // AUROC alone does not see a classifier whose probabilities all lean to one side.
            score: (auroc + accuracy) / 2.0,
            log: json!({ "validation": summary }),
            said: format!("validation AUROC {auroc:.4}, accuracy {accuracy:.4}"),
        })
    }
}

/// A classifier's verdicts on samples.
pub fn rank(setting: &Setting<'_>, samples: &Samples<'_>, classifier: &Classifier) -> anyhow::Result<Ranking> {
    let recipe = setting.recipe;
    let mut ranking = Ranking::default();
    for batch in samples.batches(recipe.classifier.pace.batch) {
        let batch: Vec<Sample> = batch?.into_iter().map(|(_, sample)| sample).collect();
        let x = images(&batch, recipe.input.size, &setting.devices.first);
        let probabilities = pictures::values(sigmoid(classifier.forward(x)), "the verdicts")?;
        for (sample, probability) in batch.iter().zip(probabilities) {
            ranking.add(&sample.patient, f64::from(probability), sample.abnormal);
        }
    }
    Ok(ranking)
}
