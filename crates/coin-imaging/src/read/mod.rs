//! Readers, one a format. Each checks the sizes a file claims against [`crate::Limits`] before it allocates.

pub(crate) mod dicom;
mod header;
pub(crate) mod metaimage;
pub(crate) mod nifti;
pub(crate) mod nrrd;
pub(crate) mod raster;
mod voxels;
