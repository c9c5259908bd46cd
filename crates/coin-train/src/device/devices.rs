//! The devices that share the batches of a training.

use std::iter::once;
use std::str::FromStr;

use burn::tensor::Device;

use super::{DeviceChoice, RemoteDevice, is_cpu, name};
use crate::Error;

/// Where a share of each batch is computed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// On this machine.
    Here(DeviceChoice),
    /// On another.
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
    /// The device, and its name for people.
    fn open(&self) -> Result<(Device, String), Error> {
        match self {
            Self::Here(choice) => choice.open().map(|device| (device.clone(), name(&device))),
            Self::There(remote) => remote.open().map(|device| (device, remote.to_string())),
        }
    }
}

/// The devices of a training.
#[derive(Clone, Debug)]
pub struct Devices {
    /// Holds the networks and takes its share.
    pub first: Device,
    /// Take the other shares.
    pub replicas: Vec<Device>,
    names: Vec<String>,
}

impl Devices {
    /// Those of `places`; without one, the best of this machine.
    ///
    /// # Errors
    /// When one cannot be had, or is named twice; the processor may be, to try out a sharing.
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
        let first = devices.next().unwrap_or_else(|| unreachable!("there is a place"));
        Ok(Self { first, replicas: devices.collect(), names })
    }

    /// How many share a batch.
    pub fn count(&self) -> usize {
        1 + self.replicas.len()
    }

    /// Whether the processor of this machine takes a share.
    pub fn include_cpu(&self) -> bool {
        once(&self.first).chain(&self.replicas).any(is_cpu)
    }

    /// The first's name for people.
    pub fn first_name(&self) -> &str {
        self.names.first().map_or("", String::as_str)
    }

    /// All names for people.
    pub fn names(&self) -> String {
        self.names.join(" and ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_here_or_on_another_machine() {
        assert_eq!("cuda:1".parse(), Ok(Place::Here(DeviceChoice::Cuda(1))));
        assert_eq!("ws://node2:3000".parse(), "ws://node2:3000".parse().map(Place::There));
        assert_eq!("https://node2".parse::<Place>(), Err(Error::UnknownRemote("https://node2".into())));
    }
}
