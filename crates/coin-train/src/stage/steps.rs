//! The loop that the stages share: steps, log, validation, checkpoints, Ctrl-C.

use anyhow::{Context as _, bail};
use coin_core::training::{StateError, TrainerState};
use indicatif::ProgressBar;
use serde_json::{Value, json};

use super::{Ending, Training, TrainingContext, capacity};
use crate::interrupt;
use crate::progress;
use crate::recipe::{Recipe, Schedule};
use crate::run::Run;

/// What one stage does in the loop.
pub trait Stage {
    /// Name in the log, in checkpoints and in the recipe.
    const NAME: &'static str;

    /// Steps taken.
    fn steps(&self) -> u64;

    /// Whether all trained weights are finite.
    fn is_finite(&self) -> bool;

    /// All that a later training needs to go on from here.
    fn state(&self) -> Result<TrainerState, StateError>;

    /// Takes a step.
    fn step(&mut self) -> anyhow::Result<Step>;

    /// Images of a step; `None` where the recipe has no such stage.
    fn batch_size(recipe: &Recipe) -> Option<usize>;

    /// Two first steps with so many images, the second beside the optimizers' memory of the first, by networks that are
    /// thrown away.
    fn rehearse(context: &TrainingContext<'_>, batch: usize) -> anyhow::Result<()>;

    /// Looks at the validation samples.
    fn validate(&self) -> anyhow::Result<Validation>;
}

/// What a step found.
pub struct Step {
    /// Field of the log line, and what it holds.
    pub log: (&'static str, Value),
    /// A few words for the progress bar.
    pub message: String,
    /// False when a loss is NaN or infinite.
    pub finite: bool,
}

/// What a validation found.
pub struct Validation {
    /// Higher is better; chooses the state that is kept.
    pub score: f64,
    /// Fields of the log line beside stage, step and score.
    pub log: Value,
    /// A line for the terminal.
    pub said: String,
}

/// Goes on with `stage` until it has taken its steps.
pub fn run<S: Stage>(stage: &mut S, training: &Training<'_>, schedule: &Schedule) -> anyhow::Result<Ending> {
    let &Schedule { steps, validate_every, .. } = schedule;
    let run = training.run;
    run.rewind_log(S::NAME, stage.steps() + 1)?;
    run.best(S::NAME).forget_after(stage.steps())?;
    let checkpoints = run.checkpoints(S::NAME);
    let mut best = best_logged(run, S::NAME)?;
    let bar = progress::bar(S::NAME, steps, stage.steps());
    while stage.steps() < steps {
        let found = match stage.step() {
            Err(failure) if capacity::lacks_memory(&failure) => {
                return Err(capacity::advise::<S>(&training.context, &failure)?.into());
            }
            found => found.with_context(|| {
                let (step, folder) = (stage.steps(), run.folder().display());
                format!("{} stopped after step {step}; go on from its last checkpoint with --resume {folder}", S::NAME)
            })?,
        };
        let step = stage.steps();
        let last = step == steps;
        let asked = interrupt::asked();
        let validated = last || step.is_multiple_of(validate_every);
        let saved = validated || asked;
        // The loss is of the weights before the step, what is saved of those after it.
        if !found.finite || (saved && !stage.is_finite()) {
            bail!(
                "{} diverged: its loss or weights became NaN or infinite at step {step} ({}); nothing of this step was kept in {}; train anew with a lower {}.training.learning_rate",
                S::NAME,
                found.log.1,
                run.folder().display(),
                S::NAME
            );
        }
        let (field, value) = found.log;
        run.log(&json!({ "stage": S::NAME, "step": step, field: value }))?;
        bar.set_message(found.message);
        bar.inc(1);
        if !saved {
            continue;
        }
        let state = stage.state()?;
        if validated {
            let validation = stage.validate()?;
            say(&bar, &format!("{} step {step}: {}", S::NAME, validation.said));
            let mut line = json!({ "stage": S::NAME, "step": step, "score": validation.score });
            if let (Value::Object(line), Value::Object(more)) = (&mut line, validation.log) {
                line.extend(more);
            }
            run.log(&line)?;
            // Later is better at the same score: the losses go on falling.
            if best.is_none_or(|best| validation.score >= best) {
                best = Some(validation.score);
                run.keep_best(S::NAME, &state)?;
            }
            run.show_log()?;
        }
        checkpoints.save(&state)?;
        if asked && !last {
            return Ok(Ending::Interrupted);
        }
    }
    bar.finish();
    Ok(Ending::Done)
}

fn best_logged(run: &Run, stage: &str) -> anyhow::Result<Option<f64>> {
    let lines = run.logged()?;
    let scores = lines.iter().filter(|line| line["stage"] == stage).filter_map(|line| line["score"].as_f64());
    Ok(scores.max_by(f64::total_cmp))
}

/// A line above the bar, and on its own where there is no terminal to draw a bar on.
fn say(bar: &ProgressBar, line: &str) {
    bar.suspend(|| eprintln!("{line}"));
}
