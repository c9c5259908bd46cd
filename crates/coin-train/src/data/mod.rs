//! Data for training and evaluation: sources, splits, and samples on the model's grid.
//!
//! A [`source`] folder becomes a [`SliceTable`]; slices are extracted from volumes once and cached. [`crate::recipe::Split`]
//! assigns patients to subsets. [`Dataset`] provides training batches and evaluation samples.

mod case;
mod cases;
mod dataset;
pub mod description;
mod fingerprint;
mod labelling;
pub mod phantoms;
mod sample;
mod slice_folder;
pub mod source;
mod spec;
mod split;
mod spreadsheet;
mod subset;
mod table;
mod windows;

pub use case::{Case, Grid};
pub use cases::Cases;
pub use dataset::{BatchRequest, Dataset, Samples};
pub use description::Description;
pub use fingerprint::Fingerprint;
pub use sample::Sample;
pub use slice_folder::{NewSlice, SliceFolder};
pub use spec::{DataOptions, DataSpec};
pub use subset::Subset;
pub use table::{Row, SliceTable};
