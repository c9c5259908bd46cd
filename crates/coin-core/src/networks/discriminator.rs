//! The projection discriminator D: is this image real, given its condition?

use burn::module::{Module, Param};
use burn::tensor::{Device, Int, Tensor, activation::relu};
use coin_kernels::{Epilogue, average_pool, product};
use serde::{Deserialize, Serialize};

use super::{Convolution, ConvolutionConfig, Initial, SpectralNorm, count_problem, drawn};

/// Architecture of the discriminator.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DiscriminatorConfig {
    /// Channels of the blocks.
    pub widths: Vec<usize>,
    /// How many of the blocks, from the first, halve the sides; the others keep them.
    pub downsample_blocks: usize,
    /// Rows of the condition lookup.
    pub conditions: usize,
}

impl DiscriminatorConfig {
    /// What is wrong with these numbers for images of `size` x `size` pixels, if anything: the key, a colon, and why.
    pub fn problem(&self, size: usize) -> Option<String> {
        let blocks = self.widths.len();
        if !(1..=10).contains(&blocks) {
            return Some("widths: name 1 to 10 blocks".into());
        }
        let widths = self.widths.iter().map(|&width| ("widths", width));
        if let Some(problem) = widths.chain([("conditions", self.conditions)]).find_map(count_problem) {
            return Some(problem);
        }
        let downsample_blocks = self.downsample_blocks.min(blocks);
        (size >> downsample_blocks == 0)
            .then(|| format!("downsample_blocks: {size} pixels cannot be halved {downsample_blocks} times"))
    }

    /// Random weights on `device`.
    pub fn init(&self, device: &Device) -> Discriminator {
        let inputs = std::iter::once(1).chain(self.widths.iter().copied());
        let blocks = inputs.zip(&self.widths).enumerate();
        let blocks = blocks
            .map(|(i, (inputs, &outputs))| DiscriminatorBlock::init(inputs, outputs, i, self.downsample_blocks, device))
            .collect();
        let last = self.widths.last().copied().unwrap_or(1);
        drawn(Discriminator {
            blocks,
            dense: Initial::XavierUniform(1.0).init_with([1, last], [last, 1], device),
            dense_bias: Initial::ZEROS.init([1], device),
            dense_norm: SpectralNorm::init(1, device),
            embedding: Initial::XavierUniform(1.0).init_with([self.conditions, last], [last, self.conditions], device),
        })
    }
}

/// Spectrally normalised residual blocks, a sum pool, and a logit with a term for the condition.
#[derive(Module, Debug)]
pub struct Discriminator {
    /// Residual blocks.
    pub blocks: Vec<DiscriminatorBlock>,
    /// `[1, features]`, divided by its spectral norm.
    pub dense: Param<Tensor<2>>,
    /// `[1]`.
    pub dense_bias: Param<Tensor<1>>,
    dense_norm: SpectralNorm,
    /// `[conditions, features]`.
    pub embedding: Param<Tensor<2>>,
}

impl Discriminator {
    /// Images `[batch, 1, height, width]` and conditions `[batch]` to logits `[batch, 1]`.
    ///
    /// The pool is a sum, so the scale of the logit follows the size of the image.
    pub fn forward(&self, x: Tensor<4>, conditions: Tensor<1, Int>) -> Tensor<2> {
        let x = relu(self.blocks.iter().fold(x, |x, block| block.forward(x)));
        let [batch, channels, _, _] = x.dims();
        let pooled = x.sum_dim(3).sum_dim(2).reshape([batch, channels]);
        let weight = self.dense_norm.divide(self.dense.val());
        let unconditional = product(pooled.clone(), weight.transpose()) + self.dense_bias.val().unsqueeze();
        let embedded = self.embedding.val().select(0, conditions);
        unconditional + (pooled * embedded).sum_dim(1)
    }
}

/// A residual block of the discriminator.
///
/// The reference adds an unpooled identity to a pooled branch, and fails, when a downsample block keeps its width. Here
/// the identity is pooled too.
#[derive(Module, Debug)]
pub struct DiscriminatorBlock {
    /// 1x1 convolution beside the main branch; absent where the width stays.
    pub shortcut: Option<Convolution>,
    /// First 3x3 convolution.
    pub conv_1: Convolution,
    /// Second 3x3 convolution.
    pub conv_2: Convolution,
    first: bool,
    downsample: bool,
}

impl DiscriminatorBlock {
    fn init(inputs: usize, outputs: usize, index: usize, downsample_blocks: usize, device: &Device) -> Self {
        let conv = |inputs, kernel| ConvolutionConfig::new(inputs, outputs, kernel).bias().spectral_norm(true);
        let first = index == 0;
        Self {
            shortcut: (first || inputs != outputs).then(|| conv(inputs, 1).init(device)),
            conv_1: conv(inputs, 3).before_relu().init(device),
            conv_2: conv(outputs, 3).before_relu().init(device),
            first,
            downsample: index < downsample_blocks,
        }
    }

    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let pool = |x| if self.downsample { average_pool(x, None) } else { x };
        // Pooling and a 1x1 convolution commute, bias included; pooling first is a quarter of the work.
        let left = pool(x.clone());
        let left = match &self.shortcut {
            Some(shortcut) => shortcut.forward(left),
            None => left,
        };
        let right = if self.first { x } else { relu(x) };
        let right = self.conv_1.apply(right, None, Epilogue { relu: true, ..Epilogue::default() }, false);
        left + pool(self.conv_2.forward(right))
    }
}
