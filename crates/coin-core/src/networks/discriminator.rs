//! The projection discriminator D (Miyato and Koyama, arXiv 1802.05637): is the image real, given its condition?

use burn::module::{Module, Param};
use burn::tensor::{Device, Int, Tensor, activation::relu};
use coin_kernels::{Epilogue, average_pool, product};
use serde::{Deserialize, Serialize};

use super::{Convolution, ConvolutionConfig, Initial, SpectralNorm, count_problem, drawn};

/// Architecture of the discriminator.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DiscriminatorConfig {
    /// Output channels of the blocks.
    pub widths: Vec<usize>,
    /// Number of leading blocks that downsample 2x.
    pub downsample_blocks: usize,
    /// Rows of the condition lookup table.
    pub conditions: usize,
}

impl DiscriminatorConfig {
    /// Returns what is invalid for images of `size` x `size` pixels, if anything, as `key: reason`.
    pub fn problem(&self, size: usize) -> Option<String> {
        let blocks = self.widths.len();
        if !(1..=10).contains(&blocks) {
            return Some("widths: list 1 to 10 blocks".into());
        }
        let widths = self.widths.iter().map(|&width| ("widths", width));
        if let Some(problem) = widths.chain([("conditions", self.conditions)]).find_map(count_problem) {
            return Some(problem);
        }
        let downsample_blocks = self.downsample_blocks.min(blocks);
        (size >> downsample_blocks == 0)
            .then(|| format!("downsample_blocks: {size} pixels cannot be downsampled {downsample_blocks} times"))
    }

    /// Creates the network on `device` with random weights.
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

/// Spectrally normalised residual blocks, global sum pooling, and a projection logit.
#[derive(Module, Debug)]
pub struct Discriminator {
    /// Residual blocks.
    pub blocks: Vec<DiscriminatorBlock>,
    /// Weight of the linear layer, `[1, features]`, divided by its spectral norm.
    pub dense: Param<Tensor<2>>,
    /// Bias of the linear layer, `[1]`.
    pub dense_bias: Param<Tensor<1>>,
    dense_norm: SpectralNorm,
    /// Condition embedding, `[conditions, features]`.
    pub embedding: Param<Tensor<2>>,
}

impl Discriminator {
    /// Maps images `[batch, 1, height, width]` and conditions `[batch]` to logits `[batch, 1]`.
    ///
    /// Because of sum pooling, the scale of the logit grows with the image size.
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
/// The reference fails for a downsampling block of constant width, because it adds an unpooled identity to a pooled
/// branch. This block pools the identity as well.
#[derive(Module, Debug)]
pub struct DiscriminatorBlock {
    /// 1x1 projection shortcut; absent if the width is constant.
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
        // Pooling commutes with a 1x1 convolution; pooling first is a quarter of the work.
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
