//! ConvNeXt-Tiny (Liu et al., arXiv 2201.03545).

use burn::module::{Module, Param};
use burn::tensor::activation::gelu;
use burn::tensor::{Device, Tensor};
use coin_kernels::{Epilogue, convolve};

use super::{Steps, dense, logits, pooled};
use crate::networks::{Convolution, ConvolutionConfig, Initial};

/// Blocks per stage; each stage doubles the width.
const BLOCKS: [usize; 4] = [3, 3, 9, 3];
/// Expansion of a block's hidden layer.
const EXPANSION: usize = 4;
/// Kernel size of the depthwise convolution.
const KERNEL: usize = 7;
/// Initial layer scale.
const INITIAL_LAYER_SCALE: f64 = 1e-6;

/// ConvNeXt-Tiny with one input channel and one logit.
#[derive(Module, Debug)]
pub struct ConvNeXt {
    /// 4x4 convolution with stride 4.
    pub stem: Convolution,
    /// Layer normalisation after the stem.
    pub stem_norm: ChannelNorm,
    /// Downsampling layers between the stages.
    pub halvings: Vec<Downsample>,
    /// Four stages of blocks.
    pub stages: Vec<Vec<Block>>,
    /// Layer normalisation of the pooled features.
    pub head_norm: ChannelNorm,
    /// Weight of the linear layer, `[1, features]`.
    pub dense: Param<Tensor<2>>,
    /// Bias of the linear layer, `[1]`.
    pub dense_bias: Param<Tensor<1>>,
}

impl ConvNeXt {
    pub(super) fn init(width: usize, device: &Device) -> Self {
        let channels = |stage: usize| width << stage;
        let features = channels(BLOCKS.len() - 1);
        let stage = |(stage, count): (usize, usize)| (0..count).map(|_| Block::init(channels(stage), device)).collect();
        let (dense, dense_bias) = dense(features, device);
        Self {
            stem: normal(1, width, 4).stride(4).init(device),
            stem_norm: ChannelNorm::init(width, device),
            halvings: (1..BLOCKS.len())
                .map(|stage| Downsample::init(channels(stage - 1), channels(stage), device))
                .collect(),
            stages: BLOCKS.into_iter().enumerate().map(stage).collect(),
            head_norm: ChannelNorm::init(features, device),
            dense,
            dense_bias,
        }
    }

    /// Steps before a stage: the stem, and all earlier blocks and downsampling layers.
    fn before(&self, stage: usize) -> usize {
        1 + self.stages.iter().take(stage).map(|blocks| blocks.len() + 1).sum::<usize>()
    }
}

impl Steps for ConvNeXt {
    fn depth(&self) -> usize {
        self.before(self.stages.len()) - 1
    }

    fn step(&self, index: usize, x: Tensor<4>) -> Tensor<4> {
        let stage = (0..self.stages.len()).rev().find(|&stage| self.before(stage) <= index);
        let Some(stage) = stage else { return self.stem_norm.forward(self.stem.forward(x)) };
        match (self.stages[stage].get(index - self.before(stage)), self.halvings.get(stage)) {
            (Some(block), _) => block.forward(x),
            (None, Some(downsample)) => downsample.forward(x),
            (None, None) => x,
        }
    }

    fn head(&self, x: Tensor<4>) -> Tensor<2> {
        let [batch, channels, _, _] = x.dims();
        let features = self.head_norm.forward(pooled(x).reshape([batch, channels, 1, 1]));
        logits(features.reshape([batch, channels]), &self.dense, &self.dense_bias)
    }

    /// `features.0` (the stem) to `features.7`; stages have odd numbers and follow their blocks (`features.1.0`).
    fn layer_names(&self) -> Vec<(String, usize)> {
        let mut layer_names = vec![("features.0".to_owned(), 0)];
        for (stage, blocks) in self.stages.iter().enumerate() {
            let (number, first) = (2 * stage + 1, self.before(stage));
            layer_names.extend((0..blocks.len()).map(|block| (format!("features.{number}.{block}"), first + block)));
            layer_names.push((format!("features.{number}"), first + blocks.len() - 1));
            if stage < self.halvings.len() {
                layer_names.push((format!("features.{}", number + 1), first + blocks.len()));
            }
        }
        layer_names
    }
}

fn normal(inputs: usize, outputs: usize, kernel: usize) -> ConvolutionConfig {
    ConvolutionConfig::new(inputs, outputs, kernel).initializer(Initial::Normal([0.0, 0.02])).bias()
}

/// Layer normalisation over the channels at each pixel.
#[derive(Module, Debug)]
pub struct ChannelNorm {
    /// Scale, `[channels]`.
    pub gamma: Param<Tensor<1>>,
    /// Shift, `[channels]`.
    pub beta: Param<Tensor<1>>,
}

impl ChannelNorm {
    /// Added to the variance.
    pub const EPSILON: f64 = 1e-6;

    fn init(channels: usize, device: &Device) -> Self {
        Self { gamma: Initial::ONES.init([channels], device), beta: Initial::ZEROS.init([channels], device) }
    }

    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let channels = x.dims()[1];
        let centred = x.clone() - x.mean_dim(1);
        let variance = centred.clone().powf_scalar(2.0).mean_dim(1);
        let each = |values: Tensor<1>| values.reshape([1, channels, 1, 1]);
        centred / (variance + Self::EPSILON).sqrt() * each(self.gamma.val()) + each(self.beta.val())
    }
}

/// Halves height and width, and doubles the channels.
#[derive(Module, Debug)]
pub struct Downsample {
    /// Layer normalisation before the convolution.
    pub norm: ChannelNorm,
    /// 2x2 convolution with stride 2.
    pub conv: Convolution,
}

impl Downsample {
    fn init(inputs: usize, outputs: usize, device: &Device) -> Self {
        Self { norm: ChannelNorm::init(inputs, device), conv: normal(inputs, outputs, 2).stride(2).init(device) }
    }

    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        self.conv.forward(self.norm.forward(x))
    }
}

/// Residual block: depthwise convolution, then an inverted bottleneck of two pointwise layers.
#[derive(Module, Debug)]
pub struct Block {
    /// 7x7 depthwise convolution.
    pub depthwise: Convolution,
    /// Layer normalisation after the depthwise convolution.
    pub norm: ChannelNorm,
    /// Pointwise expansion.
    pub expand: PointwiseLinear,
    /// Pointwise projection.
    pub project: PointwiseLinear,
    /// Layer scale, `[channels, 1, 1]`.
    pub scale: Param<Tensor<3>>,
}

impl Block {
    fn init(channels: usize, device: &Device) -> Self {
        Self {
            depthwise: normal(channels, channels, KERNEL).groups(channels).init(device),
            norm: ChannelNorm::init(channels, device),
            expand: PointwiseLinear::init(channels, channels * EXPANSION, device),
            project: PointwiseLinear::init(channels * EXPANSION, channels, device),
            scale: Initial::Constant(INITIAL_LAYER_SCALE).init([channels, 1, 1], device),
        }
    }

    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let y = self.norm.forward(self.depthwise.forward(x.clone()));
        let y = self.project.forward(gelu(self.expand.forward(y)));
        x + y * self.scale.val().unsqueeze()
    }
}

/// A linear layer over the channels at each pixel (1x1 convolution).
#[derive(Module, Debug)]
pub struct PointwiseLinear {
    /// `[outputs, inputs]`.
    pub weight: Param<Tensor<2>>,
    /// `[outputs]`.
    pub bias: Param<Tensor<1>>,
}

impl PointwiseLinear {
    fn init(inputs: usize, outputs: usize, device: &Device) -> Self {
        Self {
            weight: Initial::Normal([0.0, 0.02]).init([outputs, inputs], device),
            bias: Initial::ZEROS.init([outputs], device),
        }
    }

    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let [outputs, inputs] = self.weight.val().dims();
        let weight = self.weight.val().reshape([outputs, inputs, 1, 1]);
        let epilogue = Epilogue { bias: Some(self.bias.val()), ..Epilogue::default() };
        convolve(x, weight, None, epilogue, coin_kernels::Convolution::same(1))
    }
}
