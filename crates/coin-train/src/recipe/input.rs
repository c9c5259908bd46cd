//! The `input` section of a recipe: crop, size and normalisation of the network input.

use coin_core::bundle::Normalisation;
use serde::{Deserialize, Serialize};

/// The network input.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Input {
    /// Side in pixels.
    pub size: usize,
    /// Crop of the slice.
    #[serde(default)]
    pub crop: Crop,
    /// Intensities that are mapped to -1 and 1.
    pub normalisation: Normalisation,
}

/// The part of a slice that the network sees.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Crop {
    /// The whole slice.
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

    /// The first problem, if any. The side must be a multiple of `multiple` pixels.
    pub(super) fn problem(&self, multiple: usize) -> Option<String> {
        let fits = self.size > 0 && self.size <= 2048 && self.size.is_multiple_of(multiple);
        let size = (!fits).then(|| format!("size: {} is not a multiple of {multiple} up to 2048", self.size));
        size.or_else(|| self.normalisation.problem().map(|problem| format!("normalisation: {problem}")))
    }
}
