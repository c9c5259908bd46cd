//! Which device computes.

use std::str::FromStr;

use burn::tensor::Device;
use thiserror::Error;

/// What the user asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DeviceChoice {
    /// The best that this build has and the machine offers.
    #[default]
    Auto,
    /// The processor.
    Cpu,
    /// A graphics card through Vulkan.
    Vulkan,
    /// An NVIDIA card through CUDA, by number.
    Cuda(usize),
}

/// A device that cannot be had.
#[derive(Debug, Error, PartialEq)]
pub enum DeviceError {
    /// Not a name of a device.
    #[error("--device {0}: choose auto, cpu, vulkan, cuda or cuda:N")]
    Unknown(String),
    /// This program was built without it.
    #[error("--device {0}: this program was built without it; build with --features {0}")]
    NotBuilt(&'static str),
    /// The machine does not offer it.
    #[error("--device {0}: no such device was found on this machine; use --device cpu")]
    Absent(String),
}

impl FromStr for DeviceChoice {
    type Err = DeviceError;

    fn from_str(text: &str) -> Result<Self, DeviceError> {
        match text.split_once(':').unwrap_or((text, "0")) {
            ("auto", "0") => Ok(Self::Auto),
            ("cpu", "0") => Ok(Self::Cpu),
            ("vulkan", "0") => Ok(Self::Vulkan),
            ("cuda", index) => index.parse().map(Self::Cuda).map_err(|_| DeviceError::Unknown(text.into())),
            _ => Err(DeviceError::Unknown(text.into())),
        }
    }
}

impl DeviceChoice {
    /// The device.
    pub fn open(self) -> Result<Device, DeviceError> {
        match self {
            Self::Cpu => Ok(Device::flex()),
            Self::Auto => Ok(cuda(0).or_else(|_| vulkan()).unwrap_or_else(|_| Device::flex())),
            Self::Vulkan => vulkan(),
            Self::Cuda(index) => cuda(index),
        }
    }
}

#[cfg(feature = "vulkan")]
fn vulkan() -> Result<Device, DeviceError> {
    use burn::tensor::DeviceType;
    let found = Device::enumerate(DeviceType::Vulkan).into_vec().into_iter().next();
    found.ok_or_else(|| DeviceError::Absent("vulkan".into()))
}

#[cfg(not(feature = "vulkan"))]
fn vulkan() -> Result<Device, DeviceError> {
    Err(DeviceError::NotBuilt("vulkan"))
}

#[cfg(feature = "cuda")]
fn cuda(index: usize) -> Result<Device, DeviceError> {
    use burn::tensor::DeviceType;
    let found = Device::enumerate(DeviceType::Cuda).into_vec().into_iter().nth(index);
    found.ok_or_else(|| DeviceError::Absent(format!("cuda:{index}")))
}

#[cfg(not(feature = "cuda"))]
fn cuda(_index: usize) -> Result<Device, DeviceError> {
    Err(DeviceError::NotBuilt("cuda"))
}
