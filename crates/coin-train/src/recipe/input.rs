//! What a network sees of a slice.

use coin_core::bundle::Normalisation;
use serde::{Deserialize, Serialize};

/// The input of the networks.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Input {
    /// Side in pixels.
    pub size: usize,
    /// What of the slice is seen.
    #[serde(default)]
    pub crop: Crop,
    /// Which intensities become -1 and 1.
    pub normalisation: Normalisation,
}

/// What of a slice is seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Crop {
    /// All of it.
    #[default]
    None,
    /// A square around the body.
    Body,
}

impl Input {
    /// Whether the slice is cropped to a square around the body.
    pub fn crops_to_body(&self) -> bool {
        self.crop == Crop::Body
    }

    /// For inputs whose sides are a multiple of `multiple` pixels.
    pub(super) fn problem(&self, multiple: usize) -> Option<String> {
        let fits = self.size > 0 && self.size <= 2048 && self.size.is_multiple_of(multiple);
        let size = (!fits).then(|| format!("size: {} is not a multiple of {multiple} up to 2048", self.size));
        size.or_else(|| self.normalisation.problem().map(|problem| format!("normalisation: {problem}")))
    }
}
