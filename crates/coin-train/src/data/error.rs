//! Why data cannot be used. Each message is one sentence with the file or case, what is wrong and what to do.

use std::path::PathBuf;

use coin_imaging::ScanError;
use coin_imaging::write::WriteError;
use thiserror::Error;

use crate::files::FileError;

/// See the module.
#[derive(Debug, Error)]
pub enum DataError {
    /// A folder or table is not what its kind says.
    #[error("{path}: {reason}")]
    Folder {
        /// The folder or table.
        path: PathBuf,
        /// What is wrong, and what to do.
        reason: String,
    },
    /// A case that cannot be used.
    #[error("case {case}: {reason}; mend it, or leave such cases out with --skip-incomplete")]
    Case {
        /// The case.
        case: String,
        /// What is wrong, with the file.
        reason: String,
    },
    /// Patients are not divided as they must be.
    #[error("data.split: {0}")]
    Split(String),
    /// The task names what the data does not know.
    #[error("{data}: no label is called {name}; there are {known}")]
    Label {
        /// The data.
        data: String,
        /// The name in the task.
        name: String,
        /// Names of all labels.
        known: String,
    },
    /// No window can be found.
    #[error("input.normalisation: {0}")]
    Normalisation(String),
    /// Nothing fits.
    #[error("{data}: the {split} split has no slices with {wanted}")]
    Empty {
        /// The data.
        data: String,
        /// The split.
        split: &'static str,
        /// What was looked for.
        wanted: String,
    },
    /// An image and its mask differ.
    #[error("{path}: image and mask differ in size")]
    Sizes {
        /// The image.
        path: PathBuf,
    },
    /// A file cannot be read or written.
    #[error(transparent)]
    File(#[from] FileError),
    /// A file is not what it should be.
    #[error(transparent)]
    Scan(#[from] ScanError),
    /// A slice could not be encoded.
    #[error(transparent)]
    Write(#[from] WriteError),
}

impl DataError {
    pub(super) fn folder(path: impl Into<PathBuf>, reason: impl ToString) -> Self {
        Self::Folder { path: path.into(), reason: reason.to_string() }
    }
}
