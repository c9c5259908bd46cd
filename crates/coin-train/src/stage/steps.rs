//! The training loop of all stages: steps, log, validation, checkpoints and Ctrl-C.

use anyhow::{Context as _, bail};
use indicatif::ProgressBar;
use serde_json::{Value, json};

use super::capacity;
use super::definition::Stage;
use super::learning_rate::LearningRate;
use super::training::{Ending, Training};
use crate::interrupt;
use crate::progress;
use crate::recipe::Schedule;
use crate::run::Run;

/// Trains `stage` until all steps of its schedule are done or Ctrl-C is pressed.
pub fn run<S: Stage>(stage: &mut S, training: &Training<'_>, schedule: &Schedule) -> anyhow::Result<Ending> {
    let &Schedule { steps, validate_every, .. } = schedule;
    let run = training.run;
    run.rewind_log(S::NAME, stage.steps() + 1)?;
    run.best(S::NAME).forget_after(stage.steps())?;
    let checkpoints = run.checkpoints(S::NAME);
    let mut best = best_logged(run, S::NAME)?;
    let bar = progress::bar(S::NAME, steps, stage.steps());
    let mut rate = LearningRate::of(schedule)?;
    while stage.steps() < steps {
        let factor = rate.factor(stage.steps())?;
        let found = match stage.step(factor) {
            Err(failure) if capacity::is_out_of_memory(&failure) => {
                return Err(capacity::suggest_batch::<S>(&training.context, &failure)?.into());
            }
            found => found.with_context(|| {
                let (step, folder) = (stage.steps(), run.folder().display());
                format!("{} stopped after step {step}; resume from its last checkpoint with --resume {folder}", S::NAME)
            })?,
        };
        let step = stage.steps();
        let last = step == steps;
        let asked = interrupt::asked();
        let validated = last || step.is_multiple_of(validate_every);
        let saved = validated || asked;
        // The loss belongs to the weights before the step, the saved state to those after it.
        if !found.finite || (saved && !stage.is_finite()) {
            bail!(
                "{} diverged at step {step}: its loss or weights are NaN or infinite ({}); this step was not saved in {}; train again with a lower {}.training.learning_rate",
                S::NAME,
                found.log.1,
                run.folder().display(),
                S::key()
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
            print_line(&bar, &format!("{} step {step}: {}", S::NAME, validation.summary_line));
            let mut line = json!({ "stage": S::NAME, "step": step, "score": validation.score });
            if let (Value::Object(line), Value::Object(more)) = (&mut line, validation.log) {
                line.extend(more);
            }
            run.log(&line)?;
            // Prefer the later state if the scores are equal: its losses are usually lower.
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

/// Prints a line above the progress bar; also without a terminal, where there is no bar.
fn print_line(bar: &ProgressBar, line: &str) {
    bar.suspend(|| eprintln!("{line}"));
}
