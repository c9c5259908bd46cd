//! Encoder and generator together: the explanation function I of the paper.

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use serde::{Deserialize, Serialize};

use super::{Encoder, Fuse, Generator, Upsampling, count_problem, drawn};
use crate::condition::Condition;

/// Architecture of encoder and generator.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InpainterConfig {
    /// Channels of the stem.
    pub stem: usize,
    /// Channels of the encoder's blocks, full size to bottleneck; the generator's are the same reversed.
    pub widths: Vec<usize>,
    /// Rows of the condition lookup.
    pub conditions: usize,
    /// Generator blocks (1 = next to the bottleneck) that also see the encoder's map of their size.
    pub skips: Vec<usize>,
    /// How the generator doubles its maps.
    pub upsampling: Upsampling,
    /// How output and input become the counterfactual.
    pub fuse: Fuse,
    /// Spectral normalisation of the 1x1 shortcuts.
    pub spectral_norm: bool,
    /// Start the last convolution at zero instead of at random: small trainings then begin near the identity.
    pub zero_head: bool,
}

impl InpainterConfig {
    /// The smallest image side that all blocks can halve; sides must be multiples of it.
    pub fn side_multiple(&self) -> usize {
        1 << self.widths.len().min(20)
    }

    /// What is wrong with these numbers, if anything: the key, a colon, and why.
    pub fn problem(&self) -> Option<String> {
        if self.widths.is_empty() || self.widths.len() > 8 {
            return Some("widths: name 1 to 8 blocks".into());
        }
        let widths = self.widths.iter().map(|&width| ("widths", width));
        let mut counts = widths.chain([("stem", self.stem), ("conditions", self.conditions)]);
        counts.find_map(count_problem).or_else(|| {
            let bad = self.skips.iter().find(|&&skip| skip == 0 || skip >= self.widths.len());
            bad.map(|skip| format!("skips: {skip} is not a block before the last of {}", self.widths.len()))
        })
    }

    /// Inputs and outputs of the encoder's blocks, from full size to bottleneck.
    pub(super) fn encoder_blocks(&self) -> impl Iterator<Item = (usize, usize)> {
        let inputs = std::iter::once(self.stem).chain(self.widths.iter().copied());
        inputs.zip(self.widths.iter().copied())
    }

    /// Inputs, skipped maps among them, and outputs of the generator's blocks, from the bottleneck up.
    pub(super) fn generator_blocks(&self) -> impl Iterator<Item = (usize, usize)> {
        let outputs = self.widths.iter().rev().copied();
        let running = self.widths.last().copied().into_iter().chain(outputs.clone());
        running.zip(outputs).enumerate().map(|(i, (running, outputs))| {
            let skipped = if self.skips.contains(&i) { outputs } else { 0 };
            (running.saturating_add(skipped), outputs)
        })
    }

    /// Random weights on `device`.
    pub fn init(&self, device: &Device) -> Inpainter {
        drawn(self.make(true, device))
    }

    /// For weights from elsewhere.
    pub(crate) fn undrawn(&self, device: &Device) -> Inpainter {
        self.make(false, device)
    }

    fn make(&self, draw_tables: bool, device: &Device) -> Inpainter {
        Inpainter { encoder: Encoder::init(self, device), generator: Generator::init(self, draw_tables, device) }
    }
}

/// The network that inpaints: image to counterfactual.
#[derive(Module, Debug)]
pub struct Inpainter {
    /// E.
    pub encoder: Encoder,
    /// G.
    pub generator: Generator,
}

impl Inpainter {
    /// `[batch, 1, height, width]` in [-1, 1] to the counterfactual of the same shape and range.
    pub fn forward(&self, x: Tensor<4>, condition: &Condition) -> Tensor<4> {
        let features = self.encoder.forward(x.clone());
        self.generator.forward(&features, x, condition)
    }

    /// Conditions that can be asked for.
    pub fn conditions(&self) -> usize {
        self.generator.blocks.first().map_or(1, |block| block.norm_1.table.val().dims()[0])
    }

    /// The same function with every spectral norm divided out, for inference.
    pub fn folded(self) -> Self {
        Self { encoder: self.encoder.folded(), generator: self.generator.folded() }
    }

    /// The same function of running statistics, faster: spectral norms divided out, and normalisations reduced to the scale and
    /// the shift that the operations take along. Its weights are not those of a model file.
    pub fn fused(self) -> Self {
        Self { encoder: self.encoder.fused(), generator: self.generator.fused() }
    }
}
