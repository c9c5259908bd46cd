//! A training run of a few seconds, and checks of error messages.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value;

/// Overrides that shrink the recipe `quick`.
const TINY: [&str; 18] = [
    "--set",
    "size=64",
    "--set",
    "data={source=\"phantom\", train=8, validation=4, test=4}",
    "--set",
    "classifier.network={width=2}",
    "--set",
    "classifier.steps=4",
    "--set",
    "classifier.validate_every=2",
    "--set",
    "counterfactual.steps=8",
    "--set",
    "counterfactual.validate_every=2",
    "--set",
    "counterfactual.inpainter.widths=[4,4,4,4,4]",
    "--set",
    "counterfactual.discriminator.widths=[4,4,4,4,4,4]",
];

/// `train` on these devices with its runs in `out`.
pub fn train_on(devices: &str, out: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_train"));
    command.args(["--devices", devices, "--out"]).arg(out).args(TINY);
    command
}

/// The lines of a run's `metrics.jsonl`.
pub fn log(run: &Path) -> Vec<Value> {
    let text = std::fs::read_to_string(run.join("metrics.jsonl")).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// Asserts exit code 2 and a one-line error that contains `words`.
#[track_caller]
pub fn refused(output: &Output, words: &[&str]) {
    assert_eq!(output.status.code(), Some(2), "{}", String::from_utf8_lossy(&output.stderr));
    one_sentence(output, words);
}

/// Asserts that the last line of stderr contains `words`.
#[track_caller]
pub fn one_sentence(output: &Output, words: &[&str]) {
    let message = String::from_utf8_lossy(&output.stderr);
    let last = message.lines().last().unwrap_or_default();
    assert!(!message.contains("panicked"), "{message}");
    for word in words {
        assert!(last.contains(word), "no {word:?} in: {last}");
    }
}
