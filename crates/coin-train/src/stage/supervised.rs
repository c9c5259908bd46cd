//! Shared code of the stages that train one network with one loss.

use burn::module::Module;
use coin_core::training::{Supervised, TrainerState};
use coin_core::weights;
use serde_json::json;

use super::context::TrainingContext;
use super::definition::{Stage, Step, Validation};
use super::training::Training;
use crate::data::Samples;
use crate::recipe::{Recipe, Schedule};

/// The parts in which these stages differ.
pub trait Task {
    /// Name in the log and in checkpoints.
    const NAME: &'static str;
    /// The recipe section of the stage.
    type Plan;
    /// The trained network.
    type Network: Module;
    /// Optimizer and loss.
    type Config;

    /// The recipe section; `None` if the recipe does not have the stage.
    fn plan(recipe: &Recipe) -> Option<&Self::Plan>;

    /// The schedule of the stage.
    fn schedule(plan: &Self::Plan) -> &Schedule;

    /// A trainer with initial weights, for loading a state or for a dry run.
    fn trainer(context: &TrainingContext<'_>, plan: &Self::Plan) -> anyhow::Result<Trainer<Self>>;

    /// The trainer with which training starts.
    fn first(training: &Training<'_>, plan: &Self::Plan) -> anyhow::Result<Trainer<Self>> {
        Self::trainer(&training.context, plan)
    }

    /// Runs a step with `size` images at `rate` times the learning rate; returns the loss before the step.
    fn step(
        context: &TrainingContext<'_>,
        plan: &Self::Plan,
        trainer: &mut Trainer<Self>,
        size: usize,
        rate: f64,
    ) -> anyhow::Result<f32>;

    /// Evaluates the validation samples.
    fn validate(
        &self,
        training: &Training<'_>,
        trainer: &Trainer<Self>,
        samples: &Samples<'_>,
    ) -> anyhow::Result<Validation>;
}

/// The trainer of a task.
pub type Trainer<T> = Supervised<<T as Task>::Network, <T as Task>::Config>;

/// The state of a supervised stage.
pub struct SupervisedStage<'a, T: Task> {
    pub task: T,
    pub training: &'a Training<'a>,
    pub plan: &'a T::Plan,
    pub trainer: Trainer<T>,
    pub validation: Samples<'a>,
}

impl<T: Task> Stage for SupervisedStage<'_, T> {
    const NAME: &'static str = T::NAME;

    fn steps(&self) -> u64 {
        self.trainer.steps()
    }

    fn state(&self) -> Result<TrainerState, coin_core::Error> {
        self.trainer.state()
    }

    fn is_finite(&self) -> bool {
        weights::all_finite(&self.trainer.trained())
    }

    fn batch_size(recipe: &Recipe) -> Option<usize> {
        T::plan(recipe).map(|plan| T::schedule(plan).batch)
    }

    fn step(&mut self, rate: f64) -> anyhow::Result<Step> {
        let size = T::schedule(self.plan).batch;
        let loss = T::step(&self.training.context, self.plan, &mut self.trainer, size, rate)?;
        Ok(Step { log: ("loss", json!(loss)), message: format!("loss {loss:.4}"), finite: loss.is_finite() })
    }

    fn dry_run(context: &TrainingContext<'_>, batch: usize) -> anyhow::Result<()> {
        let Some(plan) = T::plan(context.recipe) else { return Ok(()) };
        let mut trainer = T::trainer(context, plan)?;
        (0..2).try_for_each(|_| T::step(context, plan, &mut trainer, batch, 1.0).map(drop))
    }

    fn validate(&self) -> anyhow::Result<Validation> {
        self.task.validate(self.training, &self.trainer, &self.validation)
    }
}
