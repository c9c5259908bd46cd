//! Compute devices: local CPU and GPUs, and devices of other machines.

mod choice;
mod devices;
mod gpu;
mod probe;
pub mod remote;

pub use choice::DeviceChoice;
pub use devices::{Devices, Place};
pub use remote::RemoteDevice;

use burn::tensor::Device;

/// Whether a device is the CPU of this machine.
pub fn is_cpu(device: &Device) -> bool {
    *device == Device::flex()
}

/// Display name of a device: `CPU`, or the name that the GPU reports.
pub fn name(device: &Device) -> String {
    if is_cpu(device) { "CPU".into() } else { gpu::name(device).unwrap_or_else(|| format!("{device:?}")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cpu_is_called_cpu() {
        assert_eq!(name(&Device::flex()), "CPU");
    }
}
