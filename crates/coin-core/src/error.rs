//! The error type of this crate.

use thiserror::Error;

/// A rejected model file or training state, or a failed computation.
///
/// [`Error::is_input`] separates what the user can fix, such as a damaged file, from failures of a device.
#[derive(Debug, Error, PartialEq)]
pub enum Error {
    /// Not a safetensors file, or a damaged one.
    #[error("it is not a whole safetensors file ({0}); download or export the model again")]
    Container(String),
    /// A safetensors file that is no COIN model.
    #[error("metadata field coin is missing; this is not a COIN model file")]
    NoCard,
    /// The document of a model file cannot be read.
    #[error("metadata field coin: {0}")]
    Card(String),
    /// A model file of a newer version.
    #[error("field format is {format}, newer than {newest}, the newest this program reads; update the program")]
    Newer {
        /// Of the file.
        format: u32,
        /// The newest that is read.
        newest: u32,
    },
    /// A field of a model file has an impossible value.
    #[error("field {field}: {reason}")]
    Field {
        /// The field.
        field: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// The module has a tensor that the weights lack.
    #[error("tensor {0} is missing; download or export the model again")]
    MissingTensor(String),
    /// The weights hold a tensor that the module lacks.
    #[error("tensor {0} does not belong to this architecture; download or export the model again")]
    UnknownTensor(String),
    /// A tensor of another shape than the module's.
    #[error(
        "tensor {name} has shape {found:?}, but the architecture needs {expected:?}; download or export the model again"
    )]
    TensorShape {
        /// Path of the tensor.
        name: String,
        /// Shape in the weights.
        found: Vec<usize>,
        /// Shape in the module.
        expected: Vec<usize>,
    },
    /// A tensor could not be read from a device.
    #[error("tensor {name} could not be read from the device ({reason}); compute on another device")]
    UnreadTensor {
        /// Path of the tensor.
        name: String,
        /// The backend's message.
        reason: String,
    },
    /// The self-test of a model could not run.
    #[error("the self-test failed: {0}")]
    SelfTest(Box<Self>),
    /// A device does not reproduce the results of the CPU.
    #[error("the self-test is off by {error}, more than {tolerance}; this device is not to be trusted")]
    Untrusted {
        /// Largest difference.
        error: f32,
        /// Largest difference that is allowed.
        tolerance: f32,
    },
    /// Values that are not `batch * size * size`.
    #[error("{found} values do not make images of {size} x {size} pixels")]
    Input {
        /// Values given.
        found: usize,
        /// Side of an image in pixels.
        size: usize,
    },
    /// A number of RISE masks that is not offered.
    #[error("{masks} RISE masks: choose 1 to {most}")]
    RiseMasks {
        /// Masks asked for.
        masks: usize,
        /// The largest number.
        most: usize,
    },
    /// A device returned no result.
    #[error("the device did not give the result back: {0}")]
    Device(String),
    /// A device has too little memory for a training step.
    #[error("the device has too little memory: {0}")]
    Memory(String),
    /// A training step failed on a device.
    #[error("a device did not finish a step: {0}")]
    Step(String),
    /// The number of images is no multiple of the number of devices.
    #[error("a batch of {batch} cannot be shared evenly by {devices} devices")]
    Uneven {
        /// Images.
        batch: usize,
        /// The first device and its replicas.
        devices: usize,
    },
    /// A training state lacks a part.
    #[error("part {0} is missing")]
    MissingPart(String),
    /// A part of a training state does not fit the trainer.
    #[error(
        "part {part} was saved for other networks or by another version of this program; train anew, or go on with the program that saved it ({reason})"
    )]
    ForeignPart {
        /// Name of the part.
        part: String,
        /// Burn's message.
        reason: String,
    },
}

impl Error {
    /// The error of a device that did not give a result back.
    pub fn unread(reason: impl std::fmt::Debug) -> Self {
        // Burn prints a line for each cause and then a backtrace; the last cause says most.
        let text = format!("{reason:?}");
        let lines = text.lines().map(str::trim).take_while(|line| *line != "Backtrace:");
        let cause = lines.filter(|line| !line.is_empty()).last().unwrap_or_default();
        Self::Device(cause.to_owned())
    }

    /// Whether another file, number or batch size fixes it.
    #[must_use]
    pub fn is_input(&self) -> bool {
        if let Self::SelfTest(reason) = self {
            return reason.is_input();
        }
        !matches!(
            self,
            Self::Input { .. }
                | Self::UnreadTensor { .. }
                | Self::Device(_)
                | Self::Memory(_)
                | Self::Step(_)
                | Self::MissingPart(_)
                | Self::ForeignPart { .. }
        )
    }

    /// Rejects a field of a model file that has a problem.
    pub(crate) fn refuse(field: &'static str, problem: Option<String>) -> Result<(), Self> {
        problem.map_or(Ok(()), |reason| Err(Self::Field { field, reason }))
    }
}
