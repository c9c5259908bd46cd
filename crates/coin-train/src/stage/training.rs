//! The training of one run.

use super::context::TrainingContext;
use crate::run::Run;

/// The outcome of a stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// All steps are done.
    Done,
    /// Interrupted by Ctrl-C; a checkpoint is saved.
    Interrupted,
}

/// Trains the stages of one run.
pub struct Training<'a> {
    /// Recipe, data and devices.
    pub context: TrainingContext<'a>,
    /// Receives checkpoints and results.
    pub run: &'a Run,
}
