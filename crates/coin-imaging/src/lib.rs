//! Medical slices: readers and writers, geometry, intensity windows, masks, phantoms, synthetic anomalies and lesions.
//!
//! Bytes become a [`Scan`] with [`Slice`]s in HU (intensities in other modalities) and mm. [`InputTransform`] and [`Window`]
//! map a slice to a model's grid and range. The crate contains no machine learning and compiles to WebAssembly.
//!
//! # Modules
//! - `read`, `scan`, `files`, `archive`, `series`, `stack`: file formats, series and archives
//! - `slice`, `spacing`, `geometry`, `plane`, `modality`: slices in the patient
//! - `window`, `normalisation`, `input_transform`, `resample`, `body`: from a slice to the model input and back
//! - `mask`, `measurement`, `components`, `counterfactual`, [`mod@write`], [`picture`], [`colour`]: results
//! - [`phantom`], [`anomaly`], [`lesion`], [`augmentation`]: training data
//!
//! # Example
//! ```
//! use coin_imaging::{InputTransform, Limits, Scan, Window, write};
//!
//! # fn main() -> Result<(), coin_imaging::Error> {
//! let png = write::png_8bit(4, 4, &[128; 16])?;
//! let scan = Scan::open(&png, "slice.png", Window::ABDOMEN, &Limits::default())?;
//! let slice = scan.slice(0)?;
//! // 8 x 8 values in [-1, 1].
//! let input = InputTransform::for_model(slice, 8, false).input(slice, Window::ABDOMEN);
//! assert_eq!(input.len(), 64);
//! # Ok(())
//! # }
//! ```

pub mod anomaly;
mod archive;
pub mod augmentation;
mod body;
pub mod colour;
mod components;
mod counterfactual;
mod error;
mod files;
mod geometry;
mod input_transform;
pub mod lesion;
mod limits;
mod mask;
mod measurement;
pub mod modality;
mod normalisation;
pub mod phantom;
pub mod picture;
mod plane;
mod read;
mod resample;
mod scan;
mod series;
mod slice;
mod spacing;
mod stack;
mod texture;
mod window;
pub mod write;

pub use archive::is_passed_over;
pub use body::body;
pub use components::{Component, Components, Statistics};
pub use counterfactual::{CounterfactualVolume, counterfactual_hu};
pub use error::Error;
pub use files::{File, Opened, data_files, open_all};
pub use geometry::Geometry;
pub use input_transform::InputTransform;
pub use limits::Limits;
pub use mask::Mask;
pub use measurement::{Diameter, Diameters};
pub use plane::Plane;
pub use read::dicom::series as dicom_series;
pub use scan::{Format, Scan, label_counts, label_mask};
pub use slice::Slice;
pub use spacing::Spacing;
pub use window::Window;
