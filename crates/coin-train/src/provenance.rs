//! The provenance of a run, which makes it reproducible together with its recipe: program version, data and device.

use serde::{Deserialize, Serialize};

/// `provenance.json` of a run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Provenance {
    /// Version of this program.
    pub version: String,
    /// Git revision of the build.
    pub revision: String,
    /// Version of Burn.
    pub burn: String,
    /// SHA-256 of the data.
    pub data_sha256: String,
    /// Name of the device.
    pub device: String,
}

impl Provenance {
    /// The provenance of a run that starts now.
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

/// The exact version of Burn in the workspace.
const BURN: &str = "0.22.1";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn burn_is_the_version_of_the_workspace() {
        assert!(include_str!("../../../Cargo.toml").contains(&format!("burn = {{ version = \"={BURN}\"")));
    }
}
