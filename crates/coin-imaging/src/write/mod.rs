//! Slices, maps and masks as files.

mod nifti;
mod png;
mod segmentation;

pub use nifti::{VolumeError, Voxel, nifti};
pub use png::{WriteError, deep_grey_png, grey_png, png};
pub use segmentation::{Author, SegmentationError, segmentation};
