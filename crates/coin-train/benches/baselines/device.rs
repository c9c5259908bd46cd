//! The device of our code and of a baseline.

use anyhow::bail;
use burn::tensor::Device;
use clap::Args;
use coin_train::device::{self, DeviceChoice};

/// The `--device` option.
#[derive(Args)]
pub struct DeviceOption {
    /// Compute device of our code: cpu, vulkan[:N] or cuda[:N]. The baseline uses the CPU or its CUDA GPU.
    #[arg(long, default_value = "cpu")]
    device: DeviceChoice,
}

/// The device of both sides.
pub struct SharedDevice {
    /// Our device, without autodiff.
    pub ours: Device,
    /// Display name.
    pub name: String,
    /// Name of the device in PyTorch and the scripts.
    pub theirs: &'static str,
}

impl DeviceOption {
    /// Opens the device.
    pub fn open(&self) -> anyhow::Result<SharedDevice> {
        let theirs = match self.device {
            DeviceChoice::Auto => bail!("--device auto: name a device, so that the baseline uses the same one"),
            DeviceChoice::Cpu => "cpu",
            DeviceChoice::Vulkan(_) | DeviceChoice::Cuda(_) => "cuda",
        };
        let ours = self.device.open()?;
        Ok(SharedDevice { name: device::name(&ours), ours, theirs })
    }
}
