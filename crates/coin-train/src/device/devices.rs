//! The device group of a data-parallel training run.

use std::iter::once;
use std::str::FromStr;

use burn::tensor::Device;

use super::{DeviceChoice, RemoteDevice, is_cpu, name};
use crate::Error;

/// The location of a device that computes a shard of each batch.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// This machine.
    Here(DeviceChoice),
    /// Another machine.
    There(RemoteDevice),
}

impl FromStr for Place {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        match text.contains("://") {
            true => text.parse().map(Self::There),
            false => text.parse().map(Self::Here),
        }
    }
}

impl Place {
    /// Opens the device; returns it with its display name.
    fn open(&self) -> Result<(Device, String), Error> {
        match self {
            Self::Here(choice) => choice.open().map(|device| (device.clone(), name(&device))),
            Self::There(remote) => remote.open().map(|device| (device, remote.to_string())),
        }
    }
}

/// The devices of a training run.
#[derive(Clone, Debug)]
pub struct Devices {
    /// Holds the networks, updates the weights and computes the first shard.
    pub first: Device,
    /// Compute the other shards.
    pub replicas: Vec<Device>,
    names: Vec<String>,
}

impl Devices {
    /// Opens the devices at `places`, or the best device of this machine if `places` is empty.
    ///
    /// # Errors
    /// If a device cannot be opened or is named twice. The CPU can be repeated, to try out data parallelism.
    pub fn open(places: &[Place]) -> Result<Self, Error> {
        let auto = [Place::Here(DeviceChoice::Auto)];
        let places = if places.is_empty() { &auto } else { places };
        let (devices, names): (Vec<_>, Vec<_>) =
            places.iter().map(Place::open).collect::<Result<Vec<_>, _>>()?.into_iter().unzip();
        for (i, (device, name)) in devices.iter().zip(&names).enumerate() {
            if !is_cpu(device) && devices.iter().take(i).any(|before| before == device) {
                return Err(Error::Twice(name.clone()));
            }
        }
        let mut devices = devices.into_iter();
        let first = devices.next().unwrap_or_else(|| unreachable!("`places` is not empty"));
        Ok(Self { first, replicas: devices.collect(), names })
    }

    /// Number of devices.
    pub fn count(&self) -> usize {
        1 + self.replicas.len()
    }

    /// Whether the CPU of this machine is one of the devices.
    pub fn include_cpu(&self) -> bool {
        once(&self.first).chain(&self.replicas).any(is_cpu)
    }

    /// Display name of the first device.
    pub fn first_name(&self) -> &str {
        self.names.first().map_or("", String::as_str)
    }

    /// Display names of all devices, joined with "and".
    pub fn names(&self) -> String {
        self.names.join(" and ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_local_or_on_another_machine() {
        assert_eq!("cuda:1".parse(), Ok(Place::Here(DeviceChoice::Cuda(1))));
        assert_eq!("ws://node2:3000".parse(), "ws://node2:3000".parse().map(Place::There));
        assert_eq!("https://node2".parse::<Place>(), Err(Error::UnknownRemote("https://node2".into())));
    }
}
