//! Readers, one a format. Each checks the sizes a file claims against [`crate::Limits`] before it allocates.

pub(crate) mod dicom;
pub(crate) mod nifti;
pub(crate) mod raster;
