//! Slices, maps and masks as files.

/// What files say of themselves where no letters can be painted; at most 79 fit.
const DESCRIPTION: &str = "COIN, research use only";

mod nifti;
mod png;
mod segmentation;

pub use nifti::{Voxel, nifti};
pub use png::{png, png_8bit, png_16bit};
pub use segmentation::{Author, segmentation};
