//! The stages of a training: the classifier, the counterfactual against it, and the segmenter it is held against.

mod capacity;
mod classifier;
mod counterfactual;
mod localisation;
mod packing;
mod restoration;
mod segmenter;
mod setting;
mod steps;

use anyhow::Context as _;
use burn::module::Module as _;
use coin_core::explanation::Explainer;
use coin_core::networks::{Classifier, Inpainter, UNet};
use coin_core::training::{CounterfactualTrainer, TrainerState};

use crate::data::{DataError, Draw};
use crate::program::BadInput;
use crate::run::Run;

pub use packing::TEST_SEED;
pub use setting::Setting;

use classifier::ClassifierStage;
use counterfactual::CounterfactualStage;
use localisation::LocalisationStage;
use restoration::RestorationStage;
use segmenter::SegmenterStage;
use steps::Stage as _;

/// The reference threshold on the difference map (paper section 4).
pub const PAPER_THRESHOLD: f32 = 0.25;
/// Keeps the data that calibrates an inpainter apart from what it was trained on.
const CALIBRATION_STREAM: u64 = 1 << 57;
/// Leaves 3 % of the statistics before.
const CALIBRATION_BATCHES: u64 = 33;

/// A stage by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StageName {
    /// The classifier's first lessons.
    Localisation,
    /// The classifier.
    Classifier,
    /// The inpainter's first lessons.
    Restoration,
    /// COIN or its kin.
    Counterfactual,
    /// The supervised segmenter.
    Segmenter,
}

/// How a stage ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// All steps were taken.
    Done,
    /// Ctrl-C; the state is saved.
    Interrupted,
}

/// The stages of one run.
pub struct Training<'a> {
    /// What they work with.
    pub setting: Setting<'a>,
    /// Where results go.
    pub run: &'a Run,
}

impl Training<'_> {
    /// Teaches the classifier where something is planted, where the recipe says so, from the newest checkpoint on.
    pub fn localisation(&self) -> anyhow::Result<Ending> {
        let Some(stage) = &self.setting.recipe.localisation else { return Ok(Ending::Done) };
        // A classifier that is trained, or taken over, has its first lessons behind it.
        if self.run.best(ClassifierStage::NAME).newest()?.is_some() {
            return Ok(Ending::Done);
        }
        let mut trainer = self.setting.new_localisation_trainer(stage)?;
        if let Some(state) = self.run.checkpoints(LocalisationStage::NAME).newest()? {
            trainer = trainer.load_state(&state)?;
        }
        let (steps, validate_every) = (stage.steps, stage.validate_every);
        let mut stage =
            LocalisationStage { training: self, stage, trainer, validation: self.setting.validation_samples() };
        steps::run(&mut stage, self, steps, validate_every)
    }

    /// Trains the classifier from the newest checkpoint on; keeps the state with the best validation AUROC and accuracy.
    pub fn classifier(&self) -> anyhow::Result<Ending> {
        let trainer = match self.run.checkpoints(ClassifierStage::NAME).newest()? {
            Some(state) => self.setting.new_classifier_trainer().load_state(&state)?,
            None => match self.localised()? {
                Some(classifier) => self.setting.classifier_trainer(classifier),
                None => self.setting.first_classifier_trainer()?,
            },
        };
        let mut stage = ClassifierStage { training: self, trainer, validation: self.setting.validation_samples() };
        steps::run(
            &mut stage,
            self,
            self.setting.recipe.classifier.steps,
            self.setting.recipe.classifier.validate_every,
        )
    }

    /// Teaches the inpainter to take away what is planted, where the recipe says so, from the newest checkpoint on.
    pub fn restoration(&self) -> anyhow::Result<Ending> {
        let Some(stage) = &self.setting.recipe.restoration else { return Ok(Ending::Done) };
        let mut trainer = self.setting.new_restoration_trainer(stage);
        if let Some(state) = self.run.checkpoints(RestorationStage::NAME).newest()? {
            trainer = trainer.load_state(&state)?;
        }
        let (classifier, validation) = (self.best_classifier()?, self.setting.validation_samples());
        let (steps, validate_every) = (stage.steps, stage.validate_every);
        let mut stage = RestorationStage { training: self, stage, trainer, classifier, validation };
        steps::run(&mut stage, self, steps, validate_every)
    }

    /// Trains COIN from the newest checkpoint on; keeps the state with the best product of validation IoU at the paper's threshold
    /// and CV.
    pub fn counterfactual(&self) -> anyhow::Result<Ending> {
        let classifier = self.best_classifier()?;
        let trainer = match self.run.checkpoints(CounterfactualStage::NAME).newest()? {
            Some(state) => self.setting.new_counterfactual_trainer(classifier.clone(), None).load_state(&state)?,
            None => self.setting.new_counterfactual_trainer(classifier.clone(), self.restored()?),
        };
        let mut stage =
            CounterfactualStage { training: self, trainer, classifier, validation: self.setting.validation_samples() };
        steps::run(
            &mut stage,
            self,
            self.setting.recipe.counterfactual.steps,
            self.setting.recipe.counterfactual.validate_every,
        )
    }

    /// Trains the segmenter, where the recipe has one, from the newest checkpoint on; keeps the state with the best
    /// validation IoU.
    pub fn segmenter(&self) -> anyhow::Result<Ending> {
        let Some(stage) = self.setting.recipe.segmenter() else { return Ok(Ending::Done) };
        let mut trainer = self.setting.new_segmenter_trainer(stage);
        if let Some(state) = self.run.checkpoints(SegmenterStage::NAME).newest()? {
            trainer = trainer.load_state(&state)?;
        }
        let (steps, validate_every) = (stage.steps, stage.validate_every);
        let mut stage =
            SegmenterStage { training: self, stage, trainer, validation: self.setting.validation_samples() };
        steps::run(&mut stage, self, steps, validate_every)
    }

    /// The classifier after its first lessons, where it had some.
    fn localised(&self) -> anyhow::Result<Option<Classifier>> {
        let Some(stage) = &self.setting.recipe.localisation else { return Ok(None) };
        let state = self.learnt(LocalisationStage::NAME, stage.steps)?;
        Ok(Some(self.setting.new_localisation_trainer(stage)?.load_state(&state)?.network.classifier))
    }

    /// The inpainter after its first lessons, where it had some.
    fn restored(&self) -> anyhow::Result<Option<Inpainter>> {
        let Some(stage) = &self.setting.recipe.restoration else { return Ok(None) };
        let state = self.learnt(RestorationStage::NAME, stage.steps)?;
        Ok(Some(self.setting.new_restoration_trainer(stage).load_state(&state)?.network))
    }

    /// The end of a lesson.
    fn learnt(&self, lesson: &str, steps: u64) -> anyhow::Result<TrainerState> {
        let state = self.run.best(lesson).newest()?.filter(|state| state.step >= steps);
        state.ok_or_else(|| BadInput(format!("the {lesson} is not finished; run --stage {lesson} first")).into())
    }

    /// The best segmenter, where one is trained.
    pub fn trained_segmenter(&self) -> anyhow::Result<Option<UNet>> {
        let Some(stage) = self.setting.recipe.segmenter() else { return Ok(None) };
        let best = self.run.best(SegmenterStage::NAME).newest()?;
        let load = |state| anyhow::Ok(self.setting.new_segmenter_trainer(stage).load_state(&state)?.trained());
        best.map(load).transpose()
    }

    /// The networks of the best states.
    pub fn trained(&self) -> anyhow::Result<Explainer> {
        let classifier = self.best_classifier()?;
        let best = self.run.best(CounterfactualStage::NAME).newest()?;
        let best = best.context("the counterfactual is not trained yet; run --stage counterfactual")?;
        let trainer = self.setting.new_counterfactual_trainer(classifier.clone(), None).load_state(&best)?;
        let method = self.setting.recipe.counterfactual.training.method;
        Ok(Explainer {
            inpainter: self.calibrated(&trainer)?,
            classifier: classifier.valid(),
            method,
            familiarity: None,
        })
    }

    /// The inpainter as it explains.
    fn calibrated(&self, trainer: &CounterfactualTrainer) -> Result<Inpainter, DataError> {
        let (recipe, seed) = (self.setting.recipe, self.setting.recipe.seed ^ CALIBRATION_STREAM);
        let batch = |step| {
            let draw = Draw { seed, step, size: recipe.counterfactual.batch, normal: false };
            self.setting.data.batch(recipe.window, &recipe.anomaly, None, draw)
        };
        let batches = (0..CALIBRATION_BATCHES).map(|i| Ok(self.setting.tensor(&batch(i)?)));
        Ok(trainer.calibrated(batches.collect::<Result<Vec<_>, DataError>>()?))
    }

    /// The best classifier, on the training device.
    fn best_classifier(&self) -> anyhow::Result<Classifier> {
        let best = self.run.best(ClassifierStage::NAME).newest()?;
        let best =
            best.ok_or_else(|| BadInput("the classifier is not trained yet; run --stage classifier first".into()))?;
        Ok(self.setting.new_classifier_trainer().load_state(&best)?.network)
    }
}
