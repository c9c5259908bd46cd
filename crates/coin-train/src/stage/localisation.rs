//! The localisation's stage: the classifier learns where something was planted, before it is told of whole slices alone.

use burn::module::Module as _;
use coin_core::training::{LocalisationConfig, LocalisationTrainer, Localiser};
use serde_json::json;

use super::classifier;
use super::setting::processor;
use super::steps::Validation;
use super::supervised::Task;
use super::{Setting, Training};
use crate::data::{Draw, Samples};
use crate::recipe::{LessonStage, Pace, Recipe};

/// Keeps the data of this stage apart from the others'.
const STREAM: u64 = 1 << 53;

/// Where is it?
pub struct Localisation;

impl Task for Localisation {
    const NAME: &'static str = "localisation";
    type Plan = LessonStage<LocalisationConfig>;
    type Network = Localiser;
    type Config = LocalisationConfig;

    fn plan(recipe: &Recipe) -> Option<&Self::Plan> {
        recipe.localisation.as_ref()
    }

    fn pace(plan: &Self::Plan) -> &Pace {
        &plan.pace
    }

    /// With the recipe's pretrained weights, where it has some.
    fn trainer(setting: &Setting<'_>, stage: &Self::Plan) -> anyhow::Result<LocalisationTrainer> {
        let classifier = setting.pretrained_classifier()?;
        let localiser = Localiser::init(classifier, &processor(setting.recipe.seed + 3));
        let localiser = localiser.fork(&setting.devices.first.clone().autodiff());
        let trainer = LocalisationTrainer::new(localiser, stage.training.clone());
        Ok(trainer.with_helpers(&setting.devices.helpers))
    }

    fn step(
        setting: &Setting<'_>,
        stage: &Self::Plan,
        trainer: &mut LocalisationTrainer,
        size: usize,
        rate: f64,
    ) -> anyhow::Result<f32> {
        let Setting { recipe, data, .. } = setting;
        let step = trainer.steps();
        let draw = Draw { seed: recipe.seed ^ STREAM, step, size, normal: true };
        let batch = data.batch(&stage.anomaly, recipe.classifier.augmentation.as_ref(), draw)?;
        Ok(trainer.step(setting.tensor(&batch), setting.truths(&batch), rate)?)
    }

    fn validate(
        &self,
        training: &Training<'_>,
        trainer: &LocalisationTrainer,
        samples: &Samples<'_>,
    ) -> anyhow::Result<Validation> {
        let trained = trainer.network.classifier.valid();
        let summary = classifier::rank(&training.setting, samples, &trained)?.summary();
        Ok(Validation {
            // The newest: what was planted is not what is looked for, so that its validation chooses nothing.
            score: trainer.steps() as f64,
            log: json!({ "validation": summary }),
            said: format!("validation AUROC {:.4}", summary.auroc.unwrap_or(0.0)),
        })
    }
}
