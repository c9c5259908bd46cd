//! The interface between the training loop and a stage.

use coin_core::training::TrainerState;
use serde_json::Value;

use super::context::TrainingContext;
use crate::recipe::Recipe;

/// A stage that the training loop can run.
pub trait Stage {
    /// Name in the log and in checkpoints.
    const NAME: &'static str;

    /// Key of the stage in recipes.
    fn key() -> String {
        Self::NAME.replace('-', "_")
    }

    /// Number of completed steps.
    fn steps(&self) -> u64;

    /// Whether all trained weights are finite.
    fn is_finite(&self) -> bool;

    /// The state from which training can resume.
    fn state(&self) -> Result<TrainerState, coin_core::Error>;

    /// Runs one training step at `rate` times the learning rate.
    fn step(&mut self, rate: f64) -> anyhow::Result<Step>;

    /// Images per step; `None` if the recipe does not have the stage.
    fn batch_size(recipe: &Recipe) -> Option<usize>;

    /// Runs two steps with `batch` images on temporary networks; the second one includes the memory of the optimizers.
    fn dry_run(context: &TrainingContext<'_>, batch: usize) -> anyhow::Result<()>;

    /// Evaluates the validation samples.
    fn validate(&self) -> anyhow::Result<Validation>;
}

/// The result of a step.
pub struct Step {
    /// Field of the log line and its value.
    pub log: (&'static str, Value),
    /// Message for the progress bar.
    pub message: String,
    /// False if a loss is NaN or infinite.
    pub finite: bool,
}

/// The result of a validation.
pub struct Validation {
    /// Selects the best state; higher is better.
    pub score: f64,
    /// Further fields of the log line, in addition to stage, step and score.
    pub log: Value,
    /// Summary for the terminal.
    pub summary_line: String,
}
