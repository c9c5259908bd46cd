//! The progress bar of the programs: name, position and time left.

use indicatif::{ProgressBar, ProgressStyle};

/// A bar with `length` steps that starts at step `done`.
pub fn bar(name: &'static str, length: u64, done: u64) -> ProgressBar {
    let style = ProgressStyle::with_template("{prefix} {wide_bar} {pos}/{len}  {msg}  {eta} left");
    let bar = ProgressBar::new(length).with_prefix(name).with_position(done);
    // Estimate the time left from here, not from before a resume.
    bar.reset_eta();
    match style {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}
