//! The GPUs that this build supports.

use crate::Error;
use burn::tensor::{Device, DeviceType};

/// The GPU backends of this build, the fastest first.
fn backends() -> Vec<(&'static str, DeviceType)> {
    vec![
        #[cfg(feature = "cuda")]
        ("cuda", DeviceType::Cuda),
        #[cfg(feature = "vulkan")]
        ("vulkan", DeviceType::Vulkan),
    ]
}

/// Opens the GPU with this index of `backend`, which is `cuda` or `vulkan`.
pub(super) fn open(backend: &'static str, index: usize) -> Result<Device, Error> {
    let kind = backends().into_iter().find(|(built, _)| *built == backend).ok_or(Error::NotBuilt(backend))?.1;
    let found = Device::enumerate(kind).into_vec().into_iter().nth(index);
    found.ok_or_else(|| Error::AbsentDevice(format!("{backend}:{index}")))
}

/// The first GPU of each backend. Software renderers are skipped, because they are slower than the CPU backend.
pub(super) fn all() -> impl Iterator<Item = Device> {
    let first = |(backend, _)| open(backend, 0).ok();
    backends()
        .into_iter()
        .filter_map(first)
        .filter(|device| identity(device).is_some_and(|(_, is_physical)| is_physical))
}

/// The name of a GPU with its backend and index.
pub(super) fn name(device: &Device) -> Option<String> {
    let number = |kind| Device::enumerate(kind).into_vec().iter().position(|found| found == device);
    let by = backends().into_iter().find_map(|(backend, kind)| Some(format!("{backend}:{}", number(kind)?)))?;
    let (name, _) = identity(device)?;
    Some(format!("{name} ({by})"))
}

/// The name of a GPU, and whether it is a physical device.
#[cfg(any(feature = "cuda", feature = "vulkan"))]
fn identity(device: &Device) -> Option<(String, bool)> {
    device.identity().map(|identity| (identity.name, identity.physical.is_some()))
}

#[cfg(not(any(feature = "cuda", feature = "vulkan")))]
fn identity(_device: &Device) -> Option<(String, bool)> {
    None
}
