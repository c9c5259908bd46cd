//! The stages of a training: the classifier, the counterfactual against it, and the segmenter it is held against.

mod capacity;
mod classifier;
mod context;
mod counterfactual;
mod inpainting;
mod localisation;
mod packing;
mod segmenter;
mod steps;
mod supervised;

use anyhow::Context as _;
use burn::module::Module as _;
use coin_core::explanation::Explainer;
use coin_core::networks::{Classifier, Inpainter, UNet};
use coin_core::training::CounterfactualTrainer;

use crate::data::{BatchRequest, DataError};
use crate::program::BadInput;
use crate::recipe::StageName;
use crate::run::Run;

pub use context::TrainingContext;
pub use packing::{TEST_SEED, card};

use classifier::Classification;
use counterfactual::CounterfactualStage;
use inpainting::Inpainting;
use localisation::Localisation;
use segmenter::Segmentation;
use steps::Stage as _;
use supervised::{SupervisedStage, Task, Trainer};

/// The reference threshold on the difference map (paper section 4).
pub const PAPER_THRESHOLD: f32 = 0.25;
/// Keeps the data that calibrates an inpainter apart from what it was trained on.
const CALIBRATION_STREAM: u64 = 1 << 57;
/// Leaves 3 % of the statistics before.
const CALIBRATION_BATCHES: u64 = 33;

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
    pub context: TrainingContext<'a>,
    /// Where results go.
    pub run: &'a Run,
}

impl Training<'_> {
    /// Goes on with a stage from its newest checkpoint; at once done where the recipe lacks it.
    ///
    /// # Errors
    /// When a stage before it is missing, or a device, a file or a slice fails.
    pub fn train(&self, stage: StageName) -> anyhow::Result<Ending> {
        match stage {
            StageName::LocalisationPretraining => self.localisation(),
            StageName::Classifier => self.supervised(Classification),
            StageName::InpaintingPretraining => self.inpainting(),
            StageName::Counterfactual => self.counterfactual(),
            StageName::Segmenter => self.supervised(Segmentation),
        }
    }

    /// Teaches the classifier where something is inserted, where the recipe says so, from the newest checkpoint on.
    fn localisation(&self) -> anyhow::Result<Ending> {
        // A classifier that is trained, or taken over, has its pretraining behind it.
        if self.run.best(Classification::NAME).newest()?.is_some() {
            return Ok(Ending::Done);
        }
        self.supervised(Localisation)
    }

    /// Teaches the inpainter to take away what is inserted, where the recipe says so, from the newest checkpoint on.
    fn inpainting(&self) -> anyhow::Result<Ending> {
        if self.context.recipe.inpainting_pretraining.is_none() {
            return Ok(Ending::Done);
        }
        self.supervised(Inpainting { classifier: self.best_classifier()?.valid() })
    }

    /// Trains COIN from the newest checkpoint on; keeps the state with the best product on validation: of synthetic anomalies, IoU at
    /// the paper's threshold and CV; of real lesions, IoU at the best threshold and the share of wanted verdicts, or that share
    /// alone where nobody knows their outlines.
    fn counterfactual(&self) -> anyhow::Result<Ending> {
        let classifier = self.best_classifier()?;
        let trainer = match self.run.checkpoints(CounterfactualStage::NAME).newest()? {
            Some(state) => self.context.new_counterfactual_trainer(classifier.clone(), None).load_state(&state)?,
            None => {
                let restored = self.learnt::<Inpainting>()?.map(|pretraining| pretraining.network);
                self.context.new_counterfactual_trainer(classifier.clone(), restored)
            }
        };
        let mut stage =
            CounterfactualStage { training: self, trainer, classifier, validation: self.context.validation_samples() };
        steps::run(&mut stage, self, &self.context.recipe.counterfactual.schedule)
    }

    /// Goes on with a task from its newest checkpoint, or begins with it.
    fn supervised<T: Task>(&self, task: T) -> anyhow::Result<Ending> {
        let Some(plan) = T::plan(self.context.recipe) else { return Ok(Ending::Done) };
        let trainer = match self.run.checkpoints(T::NAME).newest()? {
            Some(state) => T::trainer(&self.context, plan)?.load_state(&state)?,
            None => T::first(self, plan)?,
        };
        let validation = self.context.validation_samples();
        let mut stage = SupervisedStage { task, training: self, plan, trainer, validation };
        steps::run(&mut stage, self, T::schedule(plan))
    }

    /// The state of a task that was kept, where the recipe has it and something was.
    fn kept<T: Task>(&self) -> anyhow::Result<Option<Trainer<T>>> {
        let Some(plan) = T::plan(self.context.recipe) else { return Ok(None) };
        let load = |state| anyhow::Ok(T::trainer(&self.context, plan)?.load_state(state)?);
        self.run.best(T::NAME).newest()?.as_ref().map(load).transpose()
    }

    /// The end of a pretraining, where the recipe has it.
    fn learnt<T: Task>(&self) -> anyhow::Result<Option<Trainer<T>>> {
        let Some(plan) = T::plan(self.context.recipe) else { return Ok(None) };
        match self.kept::<T>()?.filter(|trainer| trainer.steps() >= T::schedule(plan).steps) {
            Some(trainer) => Ok(Some(trainer)),
            None => Err(BadInput(format!("the {0} is not finished; run --stage {0} first", T::NAME)).into()),
        }
    }

    /// The best segmenter, where one is trained.
    fn trained_segmenter(&self) -> anyhow::Result<Option<UNet>> {
        Ok(self.kept::<Segmentation>()?.map(|trainer| trainer.trained()))
    }

    /// The networks of the best states.
    pub fn trained(&self) -> anyhow::Result<Explainer> {
        let classifier = self.best_classifier()?;
        let best = self.run.best(CounterfactualStage::NAME).newest()?;
        let best = best.context("the counterfactual is not trained yet; run --stage counterfactual")?;
        let trainer = self.context.new_counterfactual_trainer(classifier.clone(), None).load_state(&best)?;
        let method = self.context.recipe.counterfactual.training.method;
        Ok(Explainer { inpainter: self.calibrated(&trainer)?, classifier: classifier.valid(), method, ood: None })
    }

    /// The inpainter as it explains.
    fn calibrated(&self, trainer: &CounterfactualTrainer) -> Result<Inpainter, DataError> {
        let (recipe, seed) = (self.context.recipe, self.context.recipe.seed ^ CALIBRATION_STREAM);
        let batch = |step| {
            let request = BatchRequest { seed, step, size: recipe.counterfactual.schedule.batch, normal: false };
            self.context.data.batch(&recipe.anomaly, None, request)
        };
        let batches = (0..CALIBRATION_BATCHES).map(|i| Ok(self.context.tensor(&batch(i)?)));
        Ok(trainer.calibrated(batches.collect::<Result<Vec<_>, DataError>>()?))
    }

    /// The best classifier, on the training device.
    fn best_classifier(&self) -> anyhow::Result<Classifier> {
        let best = self.kept::<Classification>()?;
        let best =
            best.ok_or_else(|| BadInput("the classifier is not trained yet; run --stage classifier first".into()))?;
        Ok(best.network)
    }
}
