//! Encoders of slices, maps and masks.

/// Description in files without a visible notice; at most 79 characters fit.
const DESCRIPTION: &str = "COIN, research use only";

mod nifti;
mod png;
mod segmentation;

pub use nifti::{Voxel, nifti};
pub use png::{png, png_8bit, png_16bit};
pub use segmentation::{Author, segmentation};
