//! ResNet-18, 34 and 50 (He et al., arXiv 1512.03385).

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor};
use coin_kernels::{Epilogue, add_relu, max_pool};

use super::{ClassifierArchitecture, Family, Steps, dense, fuse, kaiming, logits, pooled};
use crate::networks::{BatchNorm, Convolution};

/// Steps before the first block: the stem with ReLU, and max pooling.
const STEM: usize = 2;
/// Expansion of a bottleneck block.
const EXPANSION: usize = 4;

/// Blocks per stage, and whether they are bottlenecks.
fn blocks(family: Family) -> ([usize; 4], bool) {
    match family {
        Family::ResNet34 => ([3, 4, 6, 3], false),
        Family::ResNet50 => ([3, 4, 6, 3], true),
        _ => ([2, 2, 2, 2], false),
    }
}

/// Shape of a block: input, hidden and output channels, and stride.
type BlockShape = (usize, usize, usize, usize);

/// Shapes of all blocks, by stage.
fn block_shapes(architecture: &ClassifierArchitecture) -> Vec<Vec<BlockShape>> {
    let (counts, bottleneck) = blocks(architecture.family);
    let mut inputs = architecture.width;
    let stages = counts.into_iter().enumerate();
    let stage = |(stage, count): (usize, usize)| {
        let inside = architecture.width << stage;
        let outputs = if bottleneck { inside * EXPANSION } else { inside };
        let block = |block: usize| {
            let stride = if stage > 0 && block == 0 { 2 } else { 1 };
            (std::mem::replace(&mut inputs, outputs), inside, outputs, stride)
        };
        (0..count).map(block).collect()
    };
    stages.map(stage).collect()
}

/// ResNet with one input channel and one logit.
#[derive(Module, Debug)]
pub struct ResNet {
    /// 7x7 convolution with stride 2.
    pub stem: Convolution,
    /// Batch normalisation after the stem; like all others absent once it is folded into the convolution.
    pub stem_norm: Option<BatchNorm>,
    /// Four stages of blocks.
    pub stages: Vec<Vec<Block>>,
    /// Weight of the linear layer, `[1, features]`.
    pub dense: Param<Tensor<2>>,
    /// Bias of the linear layer, `[1]`.
    pub dense_bias: Param<Tensor<1>>,
}

impl ResNet {
    pub(super) fn init(architecture: &ClassifierArchitecture, device: &Device) -> Self {
        let bottleneck = blocks(architecture.family).1;
        let all = block_shapes(architecture);
        let features = all.last().and_then(|stage| stage.last()).map_or(1, |&(_, _, outputs, _)| outputs);
        let stages = all
            .into_iter()
            .map(|stage| stage.into_iter().map(|shape| Block::init(shape, bottleneck, device)).collect());
        let stages = stages.collect();
        let (dense, dense_bias) = dense(features, device);
        Self {
            stem: kaiming(1, architecture.width, 7).stride(2).init(device),
            stem_norm: Some(BatchNorm::init(architecture.width, device)),
            stages,
            dense,
            dense_bias,
        }
    }

    /// Folds batch normalisations into the convolutions before them.
    pub(super) fn fused(mut self) -> Self {
        (self.stem, self.stem_norm) = fuse(self.stem, self.stem_norm);
        let stage = |stage: Vec<Block>| stage.into_iter().map(Block::fused).collect();
        self.stages = self.stages.into_iter().map(stage).collect();
        self
    }

    /// Weight of the linear layer, `[1, features]`.
    pub(super) fn head_weight(&self) -> Tensor<2> {
        self.dense.val()
    }
}

impl Steps for ResNet {
    fn depth(&self) -> usize {
        STEM + self.stages.iter().flatten().count()
    }

    fn step(&self, index: usize, x: Tensor<4>) -> Tensor<4> {
        match (index, index.checked_sub(STEM).and_then(|block| self.stages.iter().flatten().nth(block))) {
            (_, Some(block)) => block.forward(x),
            (0, None) => normalised(&self.stem, &self.stem_norm, x, None, true),
            (_, None) => max_pool(x),
        }
    }

    fn head(&self, x: Tensor<4>) -> Tensor<2> {
        logits(pooled(x), &self.dense, &self.dense_bias)
    }

    /// `relu`, `maxpool`, then each block (`layer1.0`) and each stage (`layer1`, which is its last block).
    fn layer_names(&self) -> Vec<(String, usize)> {
        let mut layer_names = vec![("relu".to_owned(), 0), ("maxpool".to_owned(), 1)];
        let mut end = STEM;
        for (stage, blocks) in (1..).zip(&self.stages) {
            layer_names.extend((0..blocks.len()).map(|block| (format!("layer{stage}.{block}"), end + block)));
            end += blocks.len();
            layer_names.push((format!("layer{stage}"), end - 1));
        }
        layer_names
    }
}

/// Residual block of two or three convolutions.
#[derive(Module, Debug)]
pub struct Block {
    /// First convolution: 3x3, or 1x1 in a bottleneck.
    pub conv_1: Convolution,
    /// Batch normalisation after `conv_1`.
    pub norm_1: Option<BatchNorm>,
    /// 3x3 convolution.
    pub conv_2: Convolution,
    /// Batch normalisation after `conv_2`.
    pub norm_2: Option<BatchNorm>,
    /// 1x1 expansion of a bottleneck.
    pub conv_3: Option<Convolution>,
    /// Batch normalisation after `conv_3`.
    pub norm_3: Option<BatchNorm>,
    /// 1x1 projection shortcut, if the shape changes.
    pub shortcut: Option<Convolution>,
    /// Batch normalisation after `shortcut`.
    pub shortcut_norm: Option<BatchNorm>,
}

impl Block {
    fn init((inputs, inside, outputs, stride): BlockShape, bottleneck: bool, device: &Device) -> Self {
        let changes = stride != 1 || inputs != outputs;
        // Torchvision's bottleneck has the stride in its 3x3 convolution.
        let (first, strides) = if bottleneck { (1, [1, stride]) } else { (3, [stride, 1]) };
        Self {
            conv_1: kaiming(inputs, inside, first).stride(strides[0]).init(device),
            norm_1: Some(BatchNorm::init(inside, device)),
            conv_2: kaiming(inside, inside, 3).stride(strides[1]).init(device),
            norm_2: Some(BatchNorm::init(inside, device)),
            conv_3: bottleneck.then(|| kaiming(inside, outputs, 1).init(device)),
            norm_3: bottleneck.then(|| BatchNorm::init(outputs, device)),
            shortcut: changes.then(|| kaiming(inputs, outputs, 1).stride(stride).init(device)),
            shortcut_norm: changes.then(|| BatchNorm::init(outputs, device)),
        }
    }

    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let identity = match &self.shortcut {
            Some(shortcut) => normalised(shortcut, &self.shortcut_norm, x.clone(), None, false),
            None => x.clone(),
        };
        let y = normalised(&self.conv_1, &self.norm_1, x, None, true);
        match &self.conv_3 {
            Some(conv) => {
                let y = normalised(&self.conv_2, &self.norm_2, y, None, true);
                normalised(conv, &self.norm_3, y, Some(identity), true)
            }
            None => normalised(&self.conv_2, &self.norm_2, y, Some(identity), true),
        }
    }

    fn fused(self) -> Self {
        let (conv_1, norm_1) = fuse(self.conv_1, self.norm_1);
        let (conv_2, norm_2) = fuse(self.conv_2, self.norm_2);
        let optional = |conv: Option<Convolution>, norm| match conv {
            Some(conv) => {
                let (conv, norm) = fuse(conv, norm);
                (Some(conv), norm)
            }
            None => (None, norm),
        };
        let (conv_3, norm_3) = optional(self.conv_3, self.norm_3);
        let (shortcut, shortcut_norm) = optional(self.shortcut, self.shortcut_norm);
        Self { conv_1, norm_1, conv_2, norm_2, conv_3, norm_3, shortcut, shortcut_norm }
    }
}

/// Convolution, batch normalisation, residual if any, and ReLU if `cut` is set.
fn normalised(
    conv: &Convolution,
    norm: &Option<BatchNorm>,
    x: Tensor<4>,
    residual: Option<Tensor<4>>,
    cut: bool,
) -> Tensor<4> {
    let Some(norm) = norm else {
        return conv.apply(x, None, Epilogue { bias: None, residual, relu: cut }, false);
    };
    let y = conv.forward(x);
    match residual {
        Some(residual) if cut => add_relu(norm.forward(y), residual),
        Some(residual) => norm.forward(y) + residual,
        None if cut => norm.forward_relu(y),
        None => norm.forward(y),
    }
}
