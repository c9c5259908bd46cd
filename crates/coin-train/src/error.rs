//! What this crate refuses, and what it fails at.

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

/// Why data, a recipe, a device, a model or a command line was refused. Each message is one sentence that names the file or
/// option, the field and the remedy.
#[derive(Debug, Error, PartialEq)]
pub enum Error {
    /// A command line that cannot be followed.
    #[error("{0}")]
    Usage(String),
    /// Writing failed.
    #[error("{path} could not be written: {reason}; free some space or choose another folder")]
    Write {
        /// The file.
        path: PathBuf,
        /// The system's error.
        reason: String,
    },
    /// Reading failed.
    #[error("{path} could not be read: {reason}")]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's error.
        reason: String,
    },
    /// The file exceeds the size limit.
    #[error("{path} has more than {limit} bytes; split or shrink the file")]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Limit in bytes.
        limit: u64,
    },
    /// The content does not match its checksum or format.
    #[error("{path} is damaged; delete its folder to resume from the previous checkpoint")]
    Damaged {
        /// The file.
        path: PathBuf,
    },
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
    /// Neither embedded nor a file.
    #[error("recipe {name}: no such recipe or file; the embedded ones are {known}")]
    UnknownRecipe {
        /// What was asked for.
        name: String,
        /// The embedded ones.
        known: String,
    },
    /// Not TOML, an unknown key, or a missing one.
    #[error("recipe {name}: {reason}")]
    Recipe {
        /// The recipe.
        name: String,
        /// What is wrong, with the key.
        reason: String,
    },
    /// A change by `--set` that cannot be made.
    #[error("--set {change}: {reason}")]
    Change {
        /// The change.
        change: String,
        /// What is wrong.
        reason: String,
    },
    /// Not a name of a device.
    #[error("--device {0}: choose auto, cpu, vulkan[:N] or cuda[:N]")]
    UnknownDevice(String),
    /// Not the address of one.
    #[error("--device {0}: a device of another machine is ws://HOST:PORT, or ws://HOST:PORT/N")]
    UnknownRemote(String),
    /// This program was built without it.
    #[error("--device {0}: this program was built without it; build with --features {0}")]
    NotBuilt(&'static str),
    /// The machine does not offer it.
    #[error("--device {0}: no such device was found on this machine; use --device cpu")]
    AbsentDevice(String),
    /// The other machine does not lend it.
    #[error("--device {device}: {reason}")]
    RemoteDevice {
        /// Its address.
        device: String,
        /// What went wrong.
        reason: String,
    },
    /// It cannot share a batch with itself.
    #[error("--devices: {0} is named twice")]
    Twice(String),
    /// It is there and computes something else than the processor.
    #[error("{device}: a small network gives {what} that differ by {difference} from the processor's")]
    WrongDevice {
        /// The device.
        device: String,
        /// Answers or gradients.
        what: &'static str,
        /// Relative to the largest of the processor's.
        difference: f32,
    },
    /// The file is not a checkpoint.
    #[error(
        "{path}: not a checkpoint with named tensors ({reason}); save a state dict with torch.save or as safetensors"
    )]
    NotACheckpoint {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The tensors belong to another network.
    #[error("{path}: {reason}")]
    OtherNetwork {
        /// The file.
        path: PathBuf,
        /// What does not match, and what to do.
        reason: String,
    },
    /// A layer's parameter belongs to no network that the builder took up.
    #[error("a layer belongs to another model")]
    ForeignLayer,
    /// An image was refused, or could not be encoded.
    #[error(transparent)]
    Imaging(#[from] coin_imaging::Error),
    /// A model was refused, or a device failed.
    #[error(transparent)]
    Model(#[from] coin_core::Error),
}

impl Error {
    /// A file that cannot be read.
    pub(crate) fn read(path: &Path) -> impl Fn(io::Error) -> Self + Copy {
        move |reason| Self::Read { path: path.to_owned(), reason: reason.to_string() }
    }

    /// A file that cannot be written.
    pub fn write(path: &Path) -> impl Fn(io::Error) -> Self + Copy {
        move |reason| Self::Write { path: path.to_owned(), reason: reason.to_string() }
    }

    /// A folder or table that is not what its kind says.
    pub(crate) fn folder(path: impl Into<PathBuf>, reason: impl ToString) -> Self {
        Self::Folder { path: path.into(), reason: reason.to_string() }
    }

    /// Whether the caller can mend it: the input or the command line is to blame.
    #[must_use]
    pub fn is_input(&self) -> bool {
        match self {
            Self::Imaging(reason) => reason.is_input(),
            Self::Model(reason) => reason.is_input(),
            Self::ForeignLayer => false,
            _ => true,
        }
    }
}
