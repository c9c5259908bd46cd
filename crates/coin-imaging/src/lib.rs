//! What a CT slice is: reading and writing, Hounsfield windows, resampling, masks, phantoms and synthetic anomalies.
//!
//! This crate knows pixels and no tensors, and compiles to WebAssembly. Bytes become a [`Scan`], a scan gives
//! [`Slice`]s in HU with their spacing in mm, and a slice goes on a model's grid through [`InputTransform`] and [`Window`].

pub mod anomaly;
mod archive;
pub mod augmentation;
mod body;
pub mod colour;
mod counterfactual;
mod error;
mod files;
mod geometry;
mod input_transform;
pub mod lesion;
mod limits;
mod mask;
pub mod modality;
mod normalisation;
pub mod phantom;
pub mod picture;
mod plane;
mod read;
mod resample;
mod scan;
mod slice;
mod spacing;
mod stack;
mod texture;
mod window;
pub mod write;

pub use body::body;
pub use counterfactual::{CounterfactualVolume, counterfactual_hu};
pub use error::Error;
pub use files::{File, Opened, open_all};
pub use geometry::Geometry;
pub use input_transform::InputTransform;
pub use limits::Limits;
pub use mask::Mask;
pub use plane::Plane;
pub use read::dicom::series as dicom_series;
pub use scan::{Format, Scan, label_counts, label_mask};
pub use slice::Slice;
pub use spacing::Spacing;
pub use window::Window;
