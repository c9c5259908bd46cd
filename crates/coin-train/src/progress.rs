//! The progress bar of the programs: what, how far, how long still.

use indicatif::{ProgressBar, ProgressStyle};

/// A bar of `length` steps, of which `done` are taken.
pub fn bar(name: &'static str, length: u64, done: u64) -> ProgressBar {
    let style = ProgressStyle::with_template("{prefix} {wide_bar} {pos}/{len}  {msg}  {eta} left");
    let bar = ProgressBar::new(length).with_prefix(name).with_position(done);
    // The time left counts from here, not from before a resume.
    bar.reset_eta();
    match style {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}
