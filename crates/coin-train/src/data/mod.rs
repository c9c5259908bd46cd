//! Slices for training and evaluation, on the model's grid: where they come from, what they are for, and what networks see
//! of them.
//!
//! A source's folder ([`source`]) becomes a table of slices ([`SliceTable`]), volumes once and for all cut into pictures;
//! patients are divided ([`Split`]); a [`Dataset`] gives batches and samples.

mod cases;
mod dataset;
pub mod description;
mod fingerprint;
pub mod phantoms;
mod sample;
mod slice_folder;
pub mod source;
mod spec;
mod split;
mod table;
mod windows;

pub use cases::{Case, Cases, Grid};
pub use dataset::{BatchRequest, Dataset, Samples};
pub use description::Description;
pub use fingerprint::Fingerprint;
pub use sample::Sample;
pub use slice_folder::{NewSlice, SliceFolder};
pub use spec::{DataOptions, DataSpec};
pub use split::Split;
pub use table::{Row, SliceTable};

/// What slices are for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Subset {
    /// Fitting weights.
    Train,
    /// Choosing checkpoint and threshold.
    Validation,
    /// Looking once.
    Test,
}

impl Subset {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Train, Self::Validation, Self::Test];

    /// The word for it in tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Train => "train",
            Self::Validation => "validation",
            Self::Test => "test",
        }
    }

    /// The subset of that name; `None` for no name.
    fn named(name: &str) -> Result<Option<Self>, String> {
        match name {
            "" => Ok(None),
            "train" => Ok(Some(Self::Train)),
            "val" | "validation" => Ok(Some(Self::Validation)),
            "test" => Ok(Some(Self::Test)),
            other => Err(format!("split {other:?} is none of train, validation and test")),
        }
    }
}
