//! Slices, maps and masks as files.

mod png;

pub use png::{WriteError, grey_png, png};
