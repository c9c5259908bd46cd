//! The training stages: localisation pretraining, classifier, inpainting pretraining, counterfactual, distillation, and the
//! supervised segmenter (upper bound).

mod capacity;
mod card;
mod classifier;
mod context;
mod counterfactual;
mod definition;
mod distillation;
mod inpainting;
mod learning_rate;
mod localisation;
mod networks;
mod packing;
mod ranking;
mod segmenter;
mod steps;
mod supervised;
mod tensors;
mod training;

use burn::module::Module as _;
use coin_core::explanation::Explainer;
use coin_core::networks::{Classifier, Inpainter, UNet};
use coin_core::training::CounterfactualTrainer;

use crate::Error;
use crate::data::BatchRequest;
use crate::recipe::StageName;

pub use card::card;
pub use context::TrainingContext;
pub use packing::TEST_SEED;
pub use training::{Ending, Training};

use classifier::Classification;
use counterfactual::CounterfactualStage;
use definition::Stage as _;
use distillation::OwnMasks;
use inpainting::Inpainting;
use localisation::Localisation;
use segmenter::{CoinMasks, ReferenceMasks, Segmentation, Supervision};
use supervised::{SupervisedStage, Task, Trainer};

/// Separates the random numbers of calibration batches from those of training.
const CALIBRATION_STREAM: u64 = 1 << 57;
/// Batches to recompute the batch-normalisation statistics; 3 % of the previous statistics remain.
const CALIBRATION_BATCHES: u64 = 33;

impl TrainingContext<'_> {
    /// Checks that the batches of `stages` can be split evenly across the devices and fit into CPU memory.
    ///
    /// # Errors
    /// If a batch does not; the message suggests one that does.
    pub fn check(&self, stages: &[StageName]) -> anyhow::Result<()> {
        stages.iter().try_for_each(|stage| match stage {
            StageName::Classifier => capacity::check::<SupervisedStage<'_, Classification>>(self),
            StageName::LocalisationPretraining => capacity::check::<SupervisedStage<'_, Localisation>>(self),
            StageName::InpaintingPretraining => capacity::check::<SupervisedStage<'_, Inpainting>>(self),
            StageName::Counterfactual => capacity::check::<CounterfactualStage<'_>>(self),
            StageName::Distillation => capacity::check::<SupervisedStage<'_, Segmentation<CoinMasks>>>(self),
            StageName::Segmenter => capacity::check::<SupervisedStage<'_, Segmentation<ReferenceMasks>>>(self),
        })
    }
}

impl Training<'_> {
    /// Trains a stage from its newest checkpoint to the end. Does nothing if the recipe does not have the stage.
    ///
    /// # Errors
    /// If a required earlier stage is not finished, training diverges, or a device, file or slice fails.
    pub fn train(&self, stage: StageName) -> anyhow::Result<Ending> {
        match stage {
            StageName::LocalisationPretraining => self.localisation(),
            StageName::Classifier => self.supervised(Classification),
            StageName::InpaintingPretraining => self.inpainting(),
            StageName::Counterfactual => self.counterfactual(),
            StageName::Distillation => self.distillation(),
            StageName::Segmenter => self.supervised(Segmentation::<ReferenceMasks>::TASK),
        }
    }

    fn localisation(&self) -> anyhow::Result<Ending> {
        // A classifier that is already trained or adopted needs no pretraining.
        if self.run.best(Classification::NAME).newest()?.is_some() {
            return Ok(Ending::Done);
        }
        self.supervised(Localisation)
    }

    fn inpainting(&self) -> anyhow::Result<Ending> {
        if self.context.recipe.inpainting_pretraining.is_none() {
            return Ok(Ending::Done);
        }
        self.supervised(Inpainting { classifier: self.best_classifier()?.valid() })
    }

    /// Trains COIN and keeps the state with the best validation score. For synthetic anomalies the score is CV times IoU at
    /// the paper's threshold. For real lesions it is the counterfactual accuracy times IoU at the best threshold, or the
    /// accuracy alone if there are no masks.
    fn counterfactual(&self) -> anyhow::Result<Ending> {
        let classifier = self.best_classifier()?;
        let trainer = match self.run.checkpoints(CounterfactualStage::NAME).newest()? {
            Some(state) => self.context.new_counterfactual_trainer(classifier.clone(), None).load_state(&state)?,
            None => {
                let pretrained = self.finished_pretraining::<Inpainting>()?.map(|pretraining| pretraining.network);
                self.context.new_counterfactual_trainer(classifier.clone(), pretrained)
            }
        };
        let mut stage =
            CounterfactualStage { training: self, trainer, classifier, validation: self.context.validation_samples() };
        steps::run(&mut stage, self, &self.context.recipe.counterfactual.schedule)
    }

    /// Trains a U-Net on COIN's masks of the training slices.
    fn distillation(&self) -> anyhow::Result<Ending> {
        let Some(plan) = self.context.recipe.distillation() else { return Ok(Ending::Done) };
        let newest = self.run.checkpoints(CoinMasks::STAGE).newest()?;
        // The masks take a while and are needed for training only.
        if newest.is_some_and(|state| state.step >= plan.schedule.steps) {
            return Ok(Ending::Done);
        }
        match distillation::with_own_masks(&self.context, &self.trained()?)? {
            OwnMasks::Data(data) => {
                let context = TrainingContext { data: &data, ..self.context };
                Training { context, run: self.run }.supervised(Segmentation::<CoinMasks>::TASK)
            }
            OwnMasks::None => {
                tracing::warn!(
                    "distillation is left out: no mask of COIN's removes what makes the classifier call a training slice abnormal"
                );
                Ok(Ending::Done)
            }
            OwnMasks::Interrupted => Ok(Ending::Interrupted),
        }
    }

    /// Trains a supervised task from its newest checkpoint or from its initial weights.
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

    /// The best state of a task, if the recipe has the task and a state was saved.
    fn best<T: Task>(&self) -> anyhow::Result<Option<Trainer<T>>> {
        let Some(plan) = T::plan(self.context.recipe) else { return Ok(None) };
        let load = |state| anyhow::Ok(T::trainer(&self.context, plan)?.load_state(state)?);
        self.run.best(T::NAME).newest()?.as_ref().map(load).transpose()
    }

    /// The result of a pretraining; `None` if the recipe does not have it.
    ///
    /// # Errors
    /// If the pretraining is not finished.
    fn finished_pretraining<T: Task>(&self) -> anyhow::Result<Option<Trainer<T>>> {
        let Some(plan) = T::plan(self.context.recipe) else { return Ok(None) };
        match self.best::<T>()?.filter(|trainer| trainer.steps() >= T::schedule(plan).steps) {
            Some(trainer) => Ok(Some(trainer)),
            None => Err(Error::Usage(format!("{0} is not finished; run --stage {0} first", T::NAME)).into()),
        }
    }

    /// The best segmenter, if one is trained.
    fn trained_segmenter<S: Supervision>(&self) -> anyhow::Result<Option<UNet>> {
        Ok(self.best::<Segmentation<S>>()?.map(|trainer| trainer.trained()))
    }

    /// The networks of the best states, on the first training device.
    ///
    /// # Errors
    /// If the classifier or the counterfactual is not trained yet, or a file or slice cannot be read.
    pub fn trained(&self) -> anyhow::Result<Explainer> {
        let classifier = self.best_classifier()?;
        let best = self.run.best(CounterfactualStage::NAME).newest()?;
        let untrained =
            || Error::Usage("the counterfactual is not trained yet; run --stage counterfactual first".into());
        let best = best.ok_or_else(untrained)?;
        let trainer = self.context.new_counterfactual_trainer(classifier.clone(), None).load_state(&best)?;
        let method = self.context.recipe.counterfactual.training.method;
        Ok(Explainer::new(self.calibrated(&trainer)?, classifier.valid(), method))
    }

    /// The inpainter for inference, with recomputed batch-normalisation statistics.
    fn calibrated(&self, trainer: &CounterfactualTrainer) -> Result<Inpainter, Error> {
        let (recipe, seed) = (self.context.recipe, self.context.recipe.seed ^ CALIBRATION_STREAM);
        let batch = |step| {
            let request = BatchRequest { seed, step, size: recipe.counterfactual.schedule.batch, normal: false };
            self.context.data.batch(&recipe.anomaly, None, request)
        };
        let batches = (0..CALIBRATION_BATCHES).map(|i| Ok(self.context.tensor(&batch(i)?)));
        Ok(trainer.calibrated(batches.collect::<Result<Vec<_>, Error>>()?))
    }

    /// The best classifier, on the training device.
    fn best_classifier(&self) -> anyhow::Result<Classifier> {
        let best = self.best::<Classification>()?;
        let best =
            best.ok_or_else(|| Error::Usage("the classifier is not trained yet; run --stage classifier first".into()))?;
        Ok(best.network)
    }
}
