//! Encoders of slices, maps and masks.

/// Description in files without a visible notice; at most 79 characters fit.
const DESCRIPTION: &str = "COIN, research use only";
/// Description of masks that a person corrected.
const CORRECTED: &str = "COIN, research use only, corrected by hand";

/// Whether a person corrected a mask, which its file states.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Correction {
    /// As the model and its mask rule give it.
    None,
    /// At least one slice was edited.
    ByHand,
}

mod archive;
mod capture;
mod dicom;
mod nifti;
mod png;
mod segmentation;

pub use archive::archive;
pub use capture::capture;
pub use dicom::Author;
pub use nifti::{Voxel, nifti, nifti_mask};
pub use png::{mask_png, png, png_8bit, png_16bit};
pub use segmentation::segmentation;
