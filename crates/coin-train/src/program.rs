//! What the programs share: exit codes, errors on one line, data specifications.

use std::fmt;
use std::io::{IsTerminal as _, stderr};
use std::path::PathBuf;
use std::process::ExitCode;
use std::str::FromStr;

use coin_core::bundle::BundleError;
use coin_imaging::ScanError;
use thiserror::Error;

use crate::data::{SliceFolder, SliceFolderError};
use crate::device::DeviceError;
use crate::files::FileError;
use crate::recipe::RecipeError;

/// Bad usage or bad input that the caller can mend.
#[derive(Debug, Error)]
#[error("{0}")]
pub struct BadInput(pub String);

/// Where data comes from: `phantom` or `kind:path`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DataSpec {
    /// Made on the spot.
    Phantom,
    /// A folder in the layout of `slices`.
    Slices(PathBuf),
}

impl DataSpec {
    /// The folder of slices; `None` for phantoms.
    pub fn folder(&self) -> Result<Option<SliceFolder>, SliceFolderError> {
        match self {
            Self::Phantom => Ok(None),
            Self::Slices(path) => SliceFolder::open(path).map(Some),
        }
    }
}

impl fmt::Display for DataSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Phantom => f.write_str("phantom"),
            Self::Slices(path) => write!(f, "slices:{}", path.display()),
        }
    }
}

impl FromStr for DataSpec {
    type Err = BadInput;

    fn from_str(text: &str) -> Result<Self, BadInput> {
        match text.split_once(':') {
            None if text == "phantom" => Ok(Self::Phantom),
            Some(("slices", path)) if !path.is_empty() => Ok(Self::Slices(path.into())),
            _ => Err(BadInput(format!("{text}: write phantom or slices:DIR"))),
        }
    }
}

/// Runs a program with its warnings on stderr: 0 when done, 2 for bad usage or input, 1 for any other failure; an error is one line.
pub fn run(main: impl FnOnce() -> anyhow::Result<()>) -> ExitCode {
    tracing_subscriber::fmt().with_writer(stderr).with_ansi(stderr().is_terminal()).without_time().init();
    let Err(error) = main() else { return ExitCode::SUCCESS };
    let message = error.chain().map(ToString::to_string).collect::<Vec<_>>().join(": ");
    eprintln!("error: {}", message.replace('\n', " "));
    let mendable = error.chain().any(|cause| {
        cause.is::<BadInput>()
            || cause.is::<RecipeError>()
            || cause.is::<DeviceError>()
            || cause.is::<BundleError>()
            || cause.is::<ScanError>()
            || cause.is::<SliceFolderError>()
            || cause.is::<FileError>()
    });
    ExitCode::from(if mendable { 2 } else { 1 })
}
