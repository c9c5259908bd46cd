//! Which devices compute.

mod choice;
mod devices;
mod gpu;
mod probe;
pub mod remote;

pub use choice::DeviceChoice;
pub use devices::{Devices, Place};
pub use remote::RemoteDevice;

use burn::tensor::Device;
use thiserror::Error;

/// A device that cannot be had.
#[derive(Debug, Error, PartialEq)]
pub enum DeviceError {
    /// Not a name of a device.
    #[error("--device {0}: choose auto, cpu, vulkan[:N] or cuda[:N]")]
    Unknown(String),
    /// Not the address of one.
    #[error("--device {0}: a device of another machine is ws://HOST:PORT, or ws://HOST:PORT/N")]
    UnknownRemote(String),
    /// This program was built without it.
    #[error("--device {0}: this program was built without it; build with --features {0}")]
    NotBuilt(&'static str),
    /// The machine does not offer it.
    #[error("--device {0}: no such device was found on this machine; use --device cpu")]
    Absent(String),
    /// The other machine does not lend it.
    #[error("--device {device}: {reason}")]
    Remote {
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
    Wrong {
        /// The device.
        device: String,
        /// Answers or gradients.
        what: &'static str,
        /// Relative to the largest of the processor's.
        difference: f32,
    },
}

/// Whether this is the processor.
pub fn is_processor(device: &Device) -> bool {
    *device == Device::flex()
}

/// For people: `CPU`, or what a GPU calls itself.
pub fn name(device: &Device) -> String {
    if is_processor(device) { "CPU".into() } else { gpu::name(device).unwrap_or_else(|| format!("{device:?}")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_processor_is_called_cpu() {
        assert_eq!(name(&Device::flex()), "CPU");
    }
}
