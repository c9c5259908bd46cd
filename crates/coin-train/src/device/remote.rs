//! Devices of other machines that run `serve`. Burn's remote backend sends them operations over WebSocket.

use std::fmt;
use std::str::FromStr;

use crate::Error;
use burn::tensor::Device;

/// Environment variable with the token that client and server share.
pub const TOKEN: &str = "COIN_TOKEN";

/// A device of another machine: `ws://HOST:PORT/N`, or `ws://HOST:PORT` for its first device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RemoteDevice {
    server: String,
    index: usize,
}

impl FromStr for RemoteDevice {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        let unknown = || Error::UnknownRemote(text.into());
        let address = text.strip_prefix("ws://").ok_or_else(unknown)?;
        let (server, index) = address.split_once('/').unwrap_or((address, "0"));
        let (host, port) = server.rsplit_once(':').ok_or_else(unknown)?;
        if host.is_empty() || port.parse::<u16>().is_err() {
            return Err(unknown());
        }
        Ok(Self { server: server.into(), index: index.parse().map_err(|_| unknown())? })
    }
}

impl fmt::Display for RemoteDevice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ws://{}/{}", self.server, self.index)
    }
}

impl RemoteDevice {
    /// Connects to the device.
    ///
    /// # Errors
    /// If the machine cannot be reached, the token is wrong, or there is no device with this index.
    #[cfg(feature = "remote")]
    pub fn open(&self) -> Result<Device, Error> {
        use std::env;

        use burn::remote::{ConnectError, RemoteHost};

        let host = RemoteHost::websocket(&format!("ws://{}", self.server));
        let token = env::var(TOKEN).unwrap_or_default();
        let device = Device::remote_options(&host.with_credential(token)).device_index(self.index).init();
        device.map_err(|error| {
            let reason = match error {
                ConnectError::Unauthorized => {
                    format!("its {TOKEN} differs from this machine's; set the same token on both")
                }
                other => other.to_string(),
            };
            Error::RemoteDevice { device: self.to_string(), reason }
        })
    }

    /// Fails, because this program was built without remote devices.
    ///
    /// # Errors
    /// Always.
    #[cfg(not(feature = "remote"))]
    pub fn open(&self) -> Result<Device, Error> {
        Err(Error::NotBuilt("remote"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_remote_device_has_an_address_and_an_index() {
        let read = |text: &str| text.parse::<RemoteDevice>().map(|device| device.to_string());
        assert_eq!(read("ws://node2:3000"), Ok("ws://node2:3000/0".into()));
        assert_eq!(read("ws://10.0.0.2:80/3"), Ok("ws://10.0.0.2:80/3".into()));
        for unknown in ["ws://node2", "ws://:3000", "ws://node2:port", "ws://node2:3000/x", "http://node2:3000"] {
            assert_eq!(read(unknown), Err(Error::UnknownRemote(unknown.into())));
        }
    }
}
