//! The architecture of encoder and generator.

use serde::{Deserialize, Serialize};

use super::{Fuse, Upsampling, count_problem};

/// Architecture of encoder and generator.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InpainterConfig {
    /// Channels of the stem.
    pub stem: usize,
    /// Channels of the encoder blocks, from full resolution to bottleneck; the generator's are reversed.
    pub widths: Vec<usize>,
    /// Rows of the condition lookup table.
    pub conditions: usize,
    /// Generator blocks with a skip connection (1 is next to the bottleneck).
    pub skips: Vec<usize>,
    /// Upsampling method of the generator.
    pub upsampling: Upsampling,
    /// How output and input become the counterfactual.
    pub fuse: Fuse,
    /// Whether the 1x1 shortcuts are spectrally normalised.
    pub spectral_norm: bool,
    /// Whether the last convolution starts at zero, so that training starts near the identity.
    pub zero_head: bool,
}

impl InpainterConfig {
    /// Image height and width must be a multiple of this, so that all blocks can downsample.
    pub fn side_multiple(&self) -> usize {
        1 << self.widths.len().min(20)
    }

    /// Returns what is invalid, if anything, as `key: reason`.
    pub fn problem(&self) -> Option<String> {
        if self.widths.is_empty() || self.widths.len() > 8 {
            return Some("widths: list 1 to 8 blocks".into());
        }
        let widths = self.widths.iter().map(|&width| ("widths", width));
        let mut counts = widths.chain([("stem", self.stem), ("conditions", self.conditions)]);
        counts.find_map(count_problem).or_else(|| {
            let bad = self.skips.iter().find(|&&skip| skip == 0 || skip >= self.widths.len());
            bad.map(|skip| format!("skips: {skip} is not a block before the last of {}", self.widths.len()))
        })
    }

    /// Input and output channels of the encoder blocks, from full resolution to bottleneck.
    pub(super) fn encoder_blocks(&self) -> impl Iterator<Item = (usize, usize)> {
        let inputs = std::iter::once(self.stem).chain(self.widths.iter().copied());
        inputs.zip(self.widths.iter().copied())
    }

    /// Input channels, including skip connections, and output channels of the generator blocks, from the bottleneck up.
    pub(super) fn generator_blocks(&self) -> impl Iterator<Item = (usize, usize)> {
        let outputs = self.widths.iter().rev().copied();
        let running = self.widths.last().copied().into_iter().chain(outputs.clone());
        running.zip(outputs).enumerate().map(|(i, (running, outputs))| {
            let skipped = if self.skips.contains(&i) { outputs } else { 0 };
            (running.saturating_add(skipped), outputs)
        })
    }
}
