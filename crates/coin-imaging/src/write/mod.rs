//! Slices, maps and masks as files.

/// What files say of themselves where no letters can be painted; at most 79 fit.
const DESCRIPTION: &str = "COIN, research use only";

mod nifti;
mod png;
mod segmentation;

pub use nifti::{VolumeError, Voxel, nifti};
pub use png::{WriteError, png, png_8bit, png_16bit};
pub use segmentation::{Author, SegmentationError, segmentation};
