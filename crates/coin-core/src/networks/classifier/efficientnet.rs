//! EfficientNetV2-S (Tan and Le, arXiv 2104.00298).

use burn::module::{Module, Param};
use burn::tensor::activation::{sigmoid, silu};
use burn::tensor::{Device, Tensor};

use super::{Steps, dense, fuse, kaiming, logits, pooled};
use crate::networks::{BatchNorm, Convolution, ConvolutionConfig};

/// Stem width in torchvision.
const TORCHVISION_WIDTH: usize = 24;
/// Features before the head in torchvision.
const TORCHVISION_FEATURES: usize = 1280;
/// Epsilon of the batch normalisations.
const EPSILON: f64 = 1e-3;

/// A stage in torchvision: fused blocks or not, expansion, stride, channels, number of blocks.
type Stage = (bool, usize, usize, usize, usize);

const STAGES: [Stage; 6] = [
    (true, 1, 1, 24, 2),
    (true, 4, 2, 48, 4),
    (true, 4, 2, 64, 4),
    (false, 4, 2, 128, 6),
    (false, 6, 1, 160, 9),
    (false, 6, 2, 256, 15),
];

/// Scales torchvision's channels to another width: a multiple of 8, at most 10 % below the exact value.
fn scaled(channels: usize, width: usize) -> usize {
    let exact = channels as f64 * width as f64 / TORCHVISION_WIDTH as f64;
    let nearest = ((exact + 4.0) as usize / 8 * 8).max(8);
    if (nearest as f64) < 0.9 * exact { nearest + 8 } else { nearest }
}

/// Shape of a block.
#[derive(Clone, Copy)]
struct BlockShape {
    fused: bool,
    inputs: usize,
    inside: usize,
    outputs: usize,
    stride: usize,
}

impl BlockShape {
    /// Channels of the squeeze-and-excitation bottleneck.
    fn squeezed(self) -> usize {
        (self.inputs / 4).max(1)
    }

    /// Whether the block is a single convolution.
    fn single(self) -> bool {
        self.fused && self.inside == self.inputs
    }
}

fn block_shapes(width: usize) -> Vec<Vec<BlockShape>> {
    let mut inputs = scaled(STAGES[0].3, width);
    let stage = |(fused, expansion, stride, channels, count): Stage| {
        let outputs = scaled(channels, width);
        let block = |block: usize| {
            let inputs = std::mem::replace(&mut inputs, outputs);
            BlockShape {
                fused,
                inputs,
                inside: inputs * expansion,
                outputs,
                stride: if block == 0 { stride } else { 1 },
            }
        };
        (0..count).map(block).collect()
    };
    STAGES.into_iter().map(stage).collect()
}

/// EfficientNetV2-S with one input channel and one logit.
#[derive(Module, Debug)]
pub struct EfficientNet {
    /// 3x3 convolution with stride 2.
    pub stem: Layered,
    /// Six stages of blocks.
    pub stages: Vec<Vec<Block>>,
    /// 1x1 convolution to the features.
    pub top: Layered,
    /// Weight of the linear layer, `[1, features]`.
    pub dense: Param<Tensor<2>>,
    /// Bias of the linear layer, `[1]`.
    pub dense_bias: Param<Tensor<1>>,
}

impl EfficientNet {
    pub(super) fn init(width: usize, device: &Device) -> Self {
        let (first, last) = (scaled(STAGES[0].3, width), scaled(STAGES[5].3, width));
        let features = scaled(TORCHVISION_FEATURES, width);
        let stage = |stage: Vec<BlockShape>| stage.into_iter().map(|shape| Block::init(shape, device)).collect();
        let (dense, dense_bias) = dense(features, device);
        Self {
            stem: Layered::init(kaiming(1, first, 3).stride(2), first, device),
            stages: block_shapes(width).into_iter().map(stage).collect(),
            top: Layered::init(kaiming(last, features, 1), features, device),
            dense,
            dense_bias,
        }
    }

    /// Folds batch normalisations into the convolutions before them.
    pub(super) fn fused(self) -> Self {
        let stage = |stage: Vec<Block>| stage.into_iter().map(Block::fused).collect();
        let stages = self.stages.into_iter().map(stage).collect();
        Self { stem: self.stem.fused(), stages, top: self.top.fused(), ..self }
    }

    /// Weight of the linear layer, `[1, features]`.
    pub(super) fn head_weight(&self) -> Tensor<2> {
        self.dense.val()
    }
}

impl Steps for EfficientNet {
    fn depth(&self) -> usize {
        self.stages.iter().flatten().count() + 2
    }

    fn step(&self, index: usize, x: Tensor<4>) -> Tensor<4> {
        match (index, index.checked_sub(1).and_then(|block| self.stages.iter().flatten().nth(block))) {
            (_, Some(block)) => block.forward(x),
            (0, None) => silu(self.stem.forward(x)),
            (_, None) => silu(self.top.forward(x)),
        }
    }

    fn head(&self, x: Tensor<4>) -> Tensor<2> {
        logits(pooled(x), &self.dense, &self.dense_bias)
    }

    /// `features.0` to `features.7`; the blocks of a stage (`features.1.0`) precede it.
    fn layer_names(&self) -> Vec<(String, usize)> {
        let mut layer_names = vec![("features.0".to_owned(), 0)];
        let mut end = 1;
        for (stage, blocks) in (1..).zip(&self.stages) {
            layer_names.extend((0..blocks.len()).map(|block| (format!("features.{stage}.{block}"), end + block)));
            end += blocks.len();
            layer_names.push((format!("features.{stage}"), end - 1));
        }
        layer_names.push((format!("features.{}", self.stages.len() + 1), end));
        layer_names
    }
}

/// A convolution with its batch normalisation.
#[derive(Module, Debug)]
pub struct Layered {
    /// The convolution.
    pub conv: Convolution,
    /// Batch normalisation; absent once it is folded into the convolution.
    pub norm: Option<BatchNorm>,
}

impl Layered {
    fn init(conv: ConvolutionConfig, outputs: usize, device: &Device) -> Self {
        Self { conv: conv.init(device), norm: Some(BatchNorm::init(outputs, device).with_epsilon(EPSILON)) }
    }

    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let y = self.conv.forward(x);
        match &self.norm {
            Some(norm) => norm.forward(y),
            None => y,
        }
    }

    fn fused(self) -> Self {
        let (conv, norm) = fuse(self.conv, self.norm);
        Self { conv, norm }
    }
}

/// MBConv, or fused MBConv, block.
#[derive(Module, Debug)]
pub struct Block {
    /// Expansion: a 3x3 convolution with the stride in a fused block, 1x1 otherwise.
    pub expand: Layered,
    /// 3x3 depthwise convolution with the stride; absent in a fused block.
    pub depthwise: Option<Layered>,
    /// Squeeze-and-excitation; absent in a fused block.
    pub excitation: Option<SqueezeExcitation>,
    /// 1x1 projection; absent in a fused block without expansion.
    pub project: Option<Layered>,
    /// Whether the block has an identity shortcut.
    pub residual: bool,
}

impl Block {
    fn init(shape: BlockShape, device: &Device) -> Self {
        let BlockShape { fused, inputs, inside, outputs, stride } = shape;
        let widened = if shape.single() { outputs } else { inside };
        let expand = if fused { kaiming(inputs, widened, 3).stride(stride) } else { kaiming(inputs, widened, 1) };
        let depthwise = || Layered::init(kaiming(inside, inside, 3).stride(stride).groups(inside), inside, device);
        Self {
            expand: Layered::init(expand, widened, device),
            depthwise: (!fused).then(depthwise),
            excitation: (!fused).then(|| SqueezeExcitation::init(inside, shape.squeezed(), device)),
            project: (!shape.single()).then(|| Layered::init(kaiming(inside, outputs, 1), outputs, device)),
            residual: stride == 1 && inputs == outputs,
        }
    }

    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let y = silu(self.expand.forward(x.clone()));
        let y = match &self.depthwise {
            Some(depthwise) => silu(depthwise.forward(y)),
            None => y,
        };
        let y = match &self.excitation {
            Some(excitation) => excitation.forward(y),
            None => y,
        };
        let y = match &self.project {
            Some(project) => project.forward(y),
            None => y,
        };
        if self.residual { y + x } else { y }
    }

    fn fused(self) -> Self {
        let [depthwise, project] = [self.depthwise, self.project].map(|layered| layered.map(Layered::fused));
        Self { expand: self.expand.fused(), depthwise, project, ..self }
    }
}

/// Squeeze-and-excitation (Hu et al., arXiv 1709.01507): scales each channel by a function of all channel means.
#[derive(Module, Debug)]
pub struct SqueezeExcitation {
    /// 1x1 convolution to the bottleneck.
    pub squeeze: Convolution,
    /// 1x1 convolution back to all channels.
    pub excite: Convolution,
}

impl SqueezeExcitation {
    fn init(channels: usize, squeezed: usize, device: &Device) -> Self {
        Self {
            squeeze: kaiming(channels, squeezed, 1).bias().init(device),
            excite: kaiming(squeezed, channels, 1).bias().init(device),
        }
    }

    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let mean = x.clone().mean_dim(3).mean_dim(2);
        x * sigmoid(self.excite.forward(silu(self.squeeze.forward(mean))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn channels_match_torchvision_and_other_widths_are_multiples_of_eight() {
        for channels in [24, 48, 64, 128, 160, 256, 1280] {
            assert_eq!(scaled(channels, TORCHVISION_WIDTH), channels);
        }
        assert_eq!([24, 64, 128, 256].map(|channels| scaled(channels, 8)), [8, 24, 40, 88]);
    }
}
