//! GPUs, as far as this build reaches them.

use crate::Error;
use burn::tensor::{Device, DeviceType};

/// The ways to a card, the best first.
fn ways() -> Vec<(&'static str, DeviceType)> {
    vec![
        #[cfg(feature = "cuda")]
        ("cuda", DeviceType::Cuda),
        #[cfg(feature = "vulkan")]
        ("vulkan", DeviceType::Vulkan),
    ]
}

/// The card of this number by `way`, `cuda` or `vulkan`.
pub(super) fn open(way: &'static str, index: usize) -> Result<Device, Error> {
    let kind = ways().into_iter().find(|(built, _)| *built == way).ok_or(Error::NotBuilt(way))?.1;
    let found = Device::enumerate(kind).into_vec().into_iter().nth(index);
    found.ok_or_else(|| Error::AbsentDevice(format!("{way}:{index}")))
}

/// The first card of every way. Software renderers are left out: they are slower than the processor that runs them.
pub(super) fn all() -> impl Iterator<Item = Device> {
    let first = |(way, _)| open(way, 0).ok();
    ways().into_iter().filter_map(first).filter(|device| identity(device).is_some_and(|(_, is_card)| is_card))
}

/// What a card calls itself, and how it is reached.
pub(super) fn name(device: &Device) -> Option<String> {
    let number = |kind| Device::enumerate(kind).into_vec().iter().position(|found| found == device);
    let by = ways().into_iter().find_map(|(way, kind)| Some(format!("{way}:{}", number(kind)?)))?;
    let (name, _) = identity(device)?;
    Some(format!("{name} ({by})"))
}

/// What it calls itself, and whether it is a card on a bus.
#[cfg(any(feature = "cuda", feature = "vulkan"))]
fn identity(device: &Device) -> Option<(String, bool)> {
    device.identity().map(|identity| (identity.name, identity.physical.is_some()))
}

#[cfg(not(any(feature = "cuda", feature = "vulkan")))]
fn identity(_device: &Device) -> Option<(String, bool)> {
    None
}
