//! File readers, one per format. Each checks the claimed sizes against [`crate::Limits`] before it allocates.

pub(crate) mod dicom;
mod gzip;
mod header;
pub(crate) mod metaimage;
pub(crate) mod nifti;
pub(crate) mod nrrd;
pub(crate) mod raster;
pub(crate) mod tiff;
pub(crate) mod voxels;
