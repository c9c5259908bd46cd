//! The error type of this crate.

use std::io;
use std::path::{Path, PathBuf};

use thiserror::Error;

/// An error of data, recipes, devices, models or the command line. Each message is one sentence that names the file or
/// option, the field and the remedy.
#[derive(Debug, Error, PartialEq)]
pub enum Error {
    /// Invalid use of the command line or of a folder.
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
    /// A folder or file does not have the expected layout or format.
    #[error("{path}: {reason}")]
    Folder {
        /// The folder or file.
        path: PathBuf,
        /// What is wrong, and what to do.
        reason: String,
    },
    /// An unusable case.
    #[error("case {case}: {reason}; fix the case or skip such cases with --skip-incomplete")]
    Case {
        /// The case.
        case: String,
        /// What is wrong, with the file.
        reason: String,
    },
    /// Patients cannot be split as the recipe says.
    #[error("data.split: {0}")]
    Split(String),
    /// The task names a label that the data does not have.
    #[error("{data}: no label is called {name}; choose from {known}")]
    Label {
        /// The data.
        data: String,
        /// The name in the task.
        name: String,
        /// Names of all labels.
        known: String,
    },
    /// The window is invalid or cannot be computed.
    #[error("input.normalisation: {0}")]
    Normalisation(String),
    /// A split without usable slices.
    #[error("{data}: the {split} split has no slices with {wanted}")]
    Empty {
        /// The data.
        data: String,
        /// The split.
        split: &'static str,
        /// The slices that the task needs.
        wanted: String,
    },
    /// An image and its mask differ in size.
    #[error("{path}: image and mask differ in size; make them the same size")]
    Sizes {
        /// The image.
        path: PathBuf,
    },
    /// Neither an embedded recipe nor a file.
    #[error("recipe {name}: no such recipe or file; name a file or one of the embedded recipes {known}")]
    UnknownRecipe {
        /// The name or path.
        name: String,
        /// The embedded recipes.
        known: String,
    },
    /// Not TOML, or a key is unknown, missing or invalid.
    #[error("recipe {name}: {reason}")]
    Recipe {
        /// The recipe.
        name: String,
        /// What is wrong, with the key.
        reason: String,
    },
    /// A `--set` change that cannot be applied.
    #[error("--set {change}: {reason}")]
    Change {
        /// The change.
        change: String,
        /// What is wrong.
        reason: String,
    },
    /// An unknown device name.
    #[error("--device {0}: choose auto, cpu, vulkan[:N] or cuda[:N]")]
    UnknownDevice(String),
    /// An invalid address of a remote device.
    #[error("--device {0}: write a device of another machine as ws://HOST:PORT or ws://HOST:PORT/N")]
    UnknownRemote(String),
    /// This program was built without support for the device.
    #[error("--device {0}: this program was built without support for it; build with --features {0}")]
    NotBuilt(&'static str),
    /// The device does not exist on this machine.
    #[error("--device {0}: no such device on this machine; use --device cpu")]
    AbsentDevice(String),
    /// The device of another machine cannot be used.
    #[error("--device {device}: {reason}")]
    RemoteDevice {
        /// Its address.
        device: String,
        /// What went wrong.
        reason: String,
    },
    /// A device is named twice.
    #[error("--devices: {0} is named twice; name each device once")]
    Twice(String),
    /// The results of the device differ from those of the CPU.
    #[error("{device}: the {what} of a small test network differ by {difference} from those of the CPU")]
    WrongDevice {
        /// The device.
        device: String,
        /// Outputs or gradients.
        what: &'static str,
        /// Largest difference, relative to the largest value of the CPU.
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
    /// A parameter belongs to a network that the ONNX graph does not contain.
    #[error("a layer belongs to another model")]
    ForeignLayer,
    /// An image could not be read or encoded.
    #[error(transparent)]
    Imaging(#[from] coin_imaging::Error),
    /// A model is invalid, or a device failed.
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

    /// A folder or file that does not have the expected layout or format.
    pub(crate) fn folder(path: impl Into<PathBuf>, reason: impl ToString) -> Self {
        Self::Folder { path: path.into(), reason: reason.to_string() }
    }

    /// Whether the user can fix it, because the input or the command line is the cause.
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
