//! What a run came from, so that it can be repeated: beside its recipe, the program and the data.

use serde::{Deserialize, Serialize};

/// `provenance.json` of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Provenance {
    /// Version of this program.
    pub version: String,
    /// Git revision that it was built from.
    pub revision: String,
    /// Version of Burn.
    pub burn: String,
    /// Hash of what the data is.
    pub data_sha256: String,
    /// Where it computed.
    pub device: String,
}

impl Provenance {
    /// Of a run that begins now.
    pub fn now(data_sha256: &str, device: &str) -> Self {
        Self {
            version: env!("CARGO_PKG_VERSION").into(),
            revision: env!("COIN_REVISION").into(),
            burn: BURN.into(),
            data_sha256: data_sha256.into(),
            device: device.into(),
        }
    }
}

/// The workspace holds Burn at exactly this version.
const BURN: &str = "0.22.1";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn burn_is_the_version_of_the_workspace() {
        assert!(include_str!("../../../Cargo.toml").contains(&format!("burn = {{ version = \"={BURN}\"")));
    }
}
