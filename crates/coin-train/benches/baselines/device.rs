//! Where we and a baseline compute.

use anyhow::bail;
use burn::tensor::Device;
use clap::Args;
use coin_train::device::{self, DeviceChoice};

/// The option that names the device.
#[derive(Args)]
pub struct DeviceOption {
    /// Where we compute: cpu, vulkan[:N] or cuda[:N]; the baseline takes the CPU or its own GPU.
    #[arg(long, default_value = "cpu")]
    device: DeviceChoice,
}

/// The device of both sides.
pub struct SharedDevice {
    /// Ours, without gradients.
    pub ours: Device,
    /// What people call it.
    pub name: String,
    /// What PyTorch and the scripts call it.
    pub theirs: &'static str,
}

impl DeviceOption {
    /// Opens the device.
    pub fn open(&self) -> anyhow::Result<SharedDevice> {
        let theirs = match self.device {
            DeviceChoice::Auto => bail!("--device auto: name one, so that the baseline takes the same"),
            DeviceChoice::Cpu => "cpu",
            DeviceChoice::Vulkan(_) | DeviceChoice::Cuda(_) => "cuda",
        };
        let ours = self.device.open()?;
        Ok(SharedDevice { name: device::name(&ours), ours, theirs })
    }
}
