//! Selection of a local device.

use std::str::FromStr;

use burn::tensor::Device;

use super::{gpu, probe};
use crate::Error;

/// A local device, as selected by the user.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DeviceChoice {
    /// The best available device that this build supports.
    #[default]
    Auto,
    /// The CPU.
    Cpu,
    /// A GPU through Vulkan, by index.
    Vulkan(usize),
    /// An NVIDIA GPU through CUDA, by index.
    Cuda(usize),
}

impl FromStr for DeviceChoice {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let unknown = || Error::UnknownDevice(text.into());
        match text.split_once(':').unwrap_or((text, "0")) {
            ("auto", "0") => Ok(Self::Auto),
            ("cpu", "0") => Ok(Self::Cpu),
            ("vulkan", index) => index.parse().map(Self::Vulkan).map_err(|_| unknown()),
            ("cuda", index) => index.parse().map(Self::Cuda).map_err(|_| unknown()),
            _ => Err(unknown()),
        }
    }
}

impl DeviceChoice {
    /// Opens the device. [`Self::Auto`] selects the first CUDA or Vulkan GPU whose results match the CPU's; it skips others
    /// with a warning and falls back to the CPU.
    ///
    /// # Errors
    /// If the device does not exist or this build does not support it.
    pub fn open(self) -> Result<Device, Error> {
        match self {
            Self::Cpu => Ok(Device::flex()),
            Self::Auto => {
                let mut usable = gpu::all().filter(|device| match probe::check(device) {
                    Ok(()) => true,
                    Err(reason) => {
                        tracing::warn!("{reason}; skipped this device");
                        false
                    }
                });
                Ok(usable.next().unwrap_or_else(Device::flex))
            }
            Self::Vulkan(index) => gpu::open("vulkan", index),
            Self::Cuda(index) => gpu::open("cuda", index),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_are_parsed_from_name_and_index() {
        let parsed = ["auto", "cpu", "vulkan", "vulkan:1", "cuda", "cuda:7"].map(str::parse);
        use DeviceChoice::{Auto, Cpu, Cuda, Vulkan};
        assert_eq!(parsed, [Auto, Cpu, Vulkan(0), Vulkan(1), Cuda(0), Cuda(7)].map(Ok));
        for unknown in ["gpu", "cpu:1", "cuda:", "vulkan:-1", ""] {
            assert_eq!(unknown.parse::<DeviceChoice>(), Err(Error::UnknownDevice(unknown.into())));
        }
    }
}
