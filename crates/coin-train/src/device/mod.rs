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

/// Whether this is the processor.
pub fn is_cpu(device: &Device) -> bool {
    *device == Device::flex()
}

/// For people: `CPU`, or what a GPU calls itself.
pub fn name(device: &Device) -> String {
    if is_cpu(device) { "CPU".into() } else { gpu::name(device).unwrap_or_else(|| format!("{device:?}")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_processor_is_called_cpu() {
        assert_eq!(name(&Device::flex()), "CPU");
    }
}
