//! ResNet-18 in torchvision's layout, with one input channel, one logit and a width of choice.

use std::num::Saturating;

use burn::module::{Initializer, Module, Param};
use burn::tensor::ops::MaxPoolOptions;
use burn::tensor::{Device, Tensor, activation::relu, module};
use serde::{Deserialize, Serialize};

use super::{BatchNorm, Convolution, ConvolutionConfig, drawn};

/// What comes before the blocks: the stem with its activation, and its pooling.
const STEM: usize = 2;

/// Architecture of the classifier.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResNetConfig {
    /// Channels of the first stage, doubled in each of the three that follow; 64 is torchvision's ResNet-18.
    pub width: usize,
}

impl ResNetConfig {
    /// What is wrong with these numbers, if anything.
    pub fn problem(&self) -> Option<String> {
        (self.width == 0 || self.width > 1024).then(|| "width must lie between 1 and 1024".into())
    }

    /// Number of elements of all tensors of the network, saturating: what a model file stores for it.
    pub fn weight_count(&self) -> u64 {
        let width = Saturating(self.width as u64);
        // With w the width: stem 53 w, first stage 36 w^2 + 16 w, dense layer 8 w + 1, and 32 o^2 + 20 o for each of the
        // stages of o = 2 w, 4 w and 8 w outputs.
        (Saturating(2724) * width * width + Saturating(357) * width + Saturating(1)).0
    }

    /// Random weights on `device` (Kaiming normal for convolutions, as torchvision).
    pub fn init(&self, device: &Device) -> ResNet {
        let mut inputs = self.width;
        let mut stage = |factor: usize| {
            let outputs = self.width * factor;
            let stride = if factor == 1 { 1 } else { 2 };
            let blocks =
                vec![BasicBlock::init(inputs, outputs, stride, device), BasicBlock::init(outputs, outputs, 1, device)];
            inputs = outputs;
            blocks
        };
        let stages = vec![stage(1), stage(2), stage(4), stage(8)];
        let features = self.width * 8;
        drawn(ResNet {
            stem: kaiming(1, self.width, 7).stride(2).init(device),
            stem_norm: BatchNorm::init(self.width, device),
            stages,
            dense: Initializer::KaimingUniform { gain: 1.0 / 3f64.sqrt(), fan_out_only: false }.init_with(
                [1, features],
                Some(features),
                Some(1),
                device,
            ),
            dense_bias: Initializer::Zeros.init([1], device),
        })
    }
}

fn kaiming(inputs: usize, outputs: usize, kernel: usize) -> ConvolutionConfig {
    ConvolutionConfig::new(inputs, outputs, kernel)
        .initializer(Initializer::KaimingNormal { gain: std::f64::consts::SQRT_2, fan_out_only: true })
}

/// The classifier f: image to one logit, positive for abnormal.
#[derive(Module, Debug)]
pub struct ResNet {
    /// 7x7 convolution of stride 2.
    pub stem: Convolution,
    /// Normalisation after the stem.
    pub stem_norm: BatchNorm,
    /// Four stages of two blocks.
    pub stages: Vec<Vec<BasicBlock>>,
    /// `[1, features]`.
    pub dense: Param<Tensor<2>>,
    /// `[1]`.
    pub dense_bias: Param<Tensor<1>>,
}

/// A place in the classifier whose activations attribution looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layer(usize);

impl ResNet {
    /// Images `[batch, 1, height, width]` in [-1, 1] to logits `[batch, 1]`.
    pub fn forward(&self, x: Tensor<4>) -> Tensor<2> {
        self.head((0..self.depth()).fold(x, |x, i| self.step(i, x)))
    }

    /// Images to the activations `[batch, channels, height, width]` of a layer.
    pub fn activations(&self, x: Tensor<4>, layer: Layer) -> Tensor<4> {
        (0..=layer.0).fold(x, |x, i| self.step(i, x))
    }

    /// Activations of a layer to logits `[batch, 1]`.
    pub fn logits(&self, activations: Tensor<4>, layer: Layer) -> Tensor<2> {
        self.head((layer.0 + 1..self.depth()).fold(activations, |x, i| self.step(i, x)))
    }

    /// All layers by torchvision's names, in their order: `relu`, `maxpool`, then each block (`layer1.0`) and each stage
    /// (`layer1`, which ends where its last block does).
    pub fn layers(&self) -> Vec<(String, Layer)> {
        let mut layers = vec![("relu".to_owned(), Layer(0)), ("maxpool".to_owned(), Layer(1))];
        let mut end = STEM;
        for (stage, blocks) in (1..).zip(&self.stages) {
            layers.extend((0..blocks.len()).map(|block| (format!("layer{stage}.{block}"), Layer(end + block))));
            end += blocks.len();
            layers.push((format!("layer{stage}"), Layer(end - 1)));
        }
        layers
    }

    fn depth(&self) -> usize {
        STEM + self.stages.iter().flatten().count()
    }

    fn step(&self, index: usize, x: Tensor<4>) -> Tensor<4> {
        match (index, index.checked_sub(STEM).and_then(|block| self.stages.iter().flatten().nth(block))) {
            (_, Some(block)) => block.forward(x),
            (0, None) => relu(self.stem_norm.forward(self.stem.forward(x))),
            (_, None) => module::max_pool2d(x, MaxPoolOptions::new([3, 3]).with_stride([2, 2]).with_padding([1, 1])),
        }
    }

    fn head(&self, x: Tensor<4>) -> Tensor<2> {
        let [batch, channels, _, _] = x.dims();
        let pooled = x.mean_dim(3).mean_dim(2).reshape([batch, channels]);
        pooled.matmul(self.dense.val().transpose()) + self.dense_bias.val().unsqueeze()
    }
}

/// Two 3x3 convolutions beside the identity.
#[derive(Module, Debug)]
pub struct BasicBlock {
    /// First convolution, which halves the sides when its stride is 2.
    pub conv_1: Convolution,
    /// Normalisation after it.
    pub norm_1: BatchNorm,
    /// Second convolution.
    pub conv_2: Convolution,
    /// Normalisation after it.
    pub norm_2: BatchNorm,
    /// 1x1 convolution of the identity where the shape changes.
    pub shortcut: Option<Convolution>,
    /// Normalisation after it.
    pub shortcut_norm: Option<BatchNorm>,
}

impl BasicBlock {
    fn init(inputs: usize, outputs: usize, stride: usize, device: &Device) -> Self {
        let changes = stride != 1 || inputs != outputs;
        Self {
            conv_1: kaiming(inputs, outputs, 3).stride(stride).init(device),
            norm_1: BatchNorm::init(outputs, device),
            conv_2: kaiming(outputs, outputs, 3).init(device),
            norm_2: BatchNorm::init(outputs, device),
            shortcut: changes.then(|| kaiming(inputs, outputs, 1).stride(stride).init(device)),
            shortcut_norm: changes.then(|| BatchNorm::init(outputs, device)),
        }
    }

    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let identity = match (&self.shortcut, &self.shortcut_norm) {
            (Some(shortcut), Some(norm)) => norm.forward(shortcut.forward(x.clone())),
            _ => x.clone(),
        };
        let y = relu(self.norm_1.forward(self.conv_1.forward(x)));
        relu(self.norm_2.forward(self.conv_2.forward(y)) + identity)
    }
}
