//! Which device of this machine the user wants.

use std::str::FromStr;

use burn::tensor::Device;

use super::{gpu, probe};
use crate::Error;

/// What the user asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DeviceChoice {
    /// The best that this build has and the machine offers.
    #[default]
    Auto,
    /// The processor.
    Cpu,
    /// A GPU through Vulkan, by number.
    Vulkan(usize),
    /// An NVIDIA card through CUDA, by number.
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
    /// The device. [`Self::Auto`] takes the first card of CUDA and Vulkan that answers like the processor, else the
    /// processor, and says why it left one.
    pub fn open(self) -> Result<Device, Error> {
        match self {
            Self::Cpu => Ok(Device::flex()),
            Self::Auto => {
                let mut right = gpu::all().filter(|device| match probe::check(device) {
                    Ok(()) => true,
                    Err(reason) => {
                        tracing::warn!("{reason}; computing elsewhere");
                        false
                    }
                });
                Ok(right.next().unwrap_or_else(Device::flex))
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
    fn devices_have_names_and_numbers() {
        let parsed = ["auto", "cpu", "vulkan", "vulkan:1", "cuda", "cuda:7"].map(str::parse);
        use DeviceChoice::{Auto, Cpu, Cuda, Vulkan};
        assert_eq!(parsed, [Auto, Cpu, Vulkan(0), Vulkan(1), Cuda(0), Cuda(7)].map(Ok));
        for unknown in ["gpu", "cpu:1", "cuda:", "vulkan:-1", ""] {
            assert_eq!(unknown.parse::<DeviceChoice>(), Err(Error::UnknownDevice(unknown.into())));
        }
    }
}
