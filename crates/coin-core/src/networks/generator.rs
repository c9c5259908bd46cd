//! The generator G: feature maps back to an image, conditioned through its normalisations.

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use coin_kernels::Epilogue;

use super::{
    BatchNorm, ConditionalBatchNorm, Convolution, ConvolutionConfig, Fuse, Initial, InpainterConfig, Upsampling,
};
use crate::condition::Condition;

/// Encoder features and input to counterfactual.
#[derive(Module, Debug)]
pub struct Generator {
    /// One block an encoder block, from the bottleneck up.
    pub blocks: Vec<GeneratorBlock>,
    /// Normalisation of the last feature map.
    pub head_norm: BatchNorm,
    /// 3x3 convolution to one channel.
    pub head: Convolution,
    /// Joins output and input in the stacking fuses.
    pub joint: Option<Convolution>,
    /// How output and input become the counterfactual.
    #[module(skip)]
    pub fuse: Fuse,
    /// Blocks that also see the encoder's map of their size.
    #[module(skip)]
    pub skips: Vec<usize>,
}

impl Generator {
    pub(super) fn init(config: &InpainterConfig, draw_tables: bool, device: &Device) -> Self {
        let blocks = config
            .generator_blocks()
            .map(|(inputs, outputs)| {
                let block = GeneratorBlock::init(inputs, outputs, config, device);
                if draw_tables {
                    // Before all that is drawn later: a seed gives the weights that it always gave.
                    block.norm_1.table.val();
                    block.norm_2.table.val();
                }
                block
            })
            .collect();
        let last = config.widths[0];
        let head = ConvolutionConfig::new(last, 1, 3).bias();
        let head = if config.zero_head { head.initializer(Initial::ZEROS) } else { head };
        let joint = config.fuse.kernel().map(|kernel| ConvolutionConfig::new(2, 1, kernel).bias().init(device));
        Self {
            blocks,
            head_norm: BatchNorm::init(last, device),
            head: head.init(device),
            joint,
            fuse: config.fuse,
            skips: config.skips.clone(),
        }
    }

    /// `features` as [`super::Encoder::forward`] gives them, `x` `[batch, 1, height, width]`; the counterfactual has
    /// the shape of `x`.
    pub fn forward(&self, features: &[Tensor<4>], x: Tensor<4>, condition: &Condition) -> Tensor<4> {
        match self.output(features, condition) {
            Some(out) => self.fuse.forward(out, x, self.joint.as_ref()),
            None => x,
        }
    }

    /// What the last convolution gives, `[batch, 1, height, width]`, before it is fused with the input; `None` without features.
    pub(super) fn output(&self, features: &[Tensor<4>], condition: &Condition) -> Option<Tensor<4>> {
        let mut deepest_first = features.iter().rev();
        let mut running = deepest_first.next()?.clone();
        for (i, block) in self.blocks.iter().enumerate() {
            if i > 0
                && let Some(same_size) = deepest_first.next()
                && self.skips.contains(&i)
            {
                running = Tensor::cat(vec![running, same_size.clone()], 1);
            }
            running = block.forward(running, condition);
        }
        let (running, prologue) = self.head_norm.activated(running);
        Some(self.head.apply(running, prologue, Epilogue::default(), false))
    }

    pub(super) fn folded(mut self) -> Self {
        self.blocks = self.blocks.into_iter().map(GeneratorBlock::folded).collect();
        self
    }

    pub(super) fn fused(mut self) -> Self {
        self.head_norm = self.head_norm.fused();
        self.blocks = self.blocks.into_iter().map(GeneratorBlock::fused).collect();
        self
    }
}

/// A residual block that doubles the sides.
#[derive(Module, Debug)]
pub struct GeneratorBlock {
    /// 1x1 convolution beside the main branch.
    pub shortcut: Convolution,
    /// Conditional normalisation before the first convolution.
    pub norm_1: ConditionalBatchNorm,
    /// 3x3 convolution after upsampling; in a fused block 4x4, of the doubled map's parities.
    pub conv_1: Convolution,
    /// Conditional normalisation before the second convolution.
    pub norm_2: ConditionalBatchNorm,
    /// Second 3x3 convolution.
    pub conv_2: Convolution,
    /// How the sides are doubled.
    #[module(skip)]
    pub upsampling: Upsampling,
}

impl GeneratorBlock {
    fn init(inputs: usize, outputs: usize, config: &InpainterConfig, device: &Device) -> Self {
        Self {
            shortcut: ConvolutionConfig::new(inputs, outputs, 1).spectral_norm(config.spectral_norm).init(device),
            norm_1: ConditionalBatchNorm::init(config.conditions, inputs, device),
            conv_1: ConvolutionConfig::new(inputs, outputs, 3).before_relu().init(device),
            norm_2: ConditionalBatchNorm::init(config.conditions, outputs, device),
            conv_2: ConvolutionConfig::new(outputs, outputs, 3).init(device),
            upsampling: config.upsampling,
        }
    }

    fn forward(&self, x: Tensor<4>, condition: &Condition) -> Tensor<4> {
        // A 1x1 convolution commutes with upsampling, and before it there is a quarter of the work.
        let left = self.shortcut.forward(x.clone());
        let left = match self.upsampling {
            // Doubled where it is added.
            Upsampling::Nearest => left,
            Upsampling::Bilinear => self.upsampling.forward(left),
        };
        let (right, prologue) = self.norm_1.activated(x, condition);
        let right = self.upsampling.convolve(right, prologue, &self.conv_1);
        let (right, prologue) = self.norm_2.activated(right, condition);
        self.conv_2.apply(right, prologue, Epilogue { residual: Some(left), ..Epilogue::default() }, false)
    }

    fn folded(self) -> Self {
        Self { shortcut: self.shortcut.folded(), ..self }
    }

    fn fused(self) -> Self {
        let (norm_1, norm_2) = (self.norm_1.fused(), self.norm_2.fused());
        let conv_1 = match self.upsampling {
            Upsampling::Nearest => self.conv_1.fused_with_doubling(),
            Upsampling::Bilinear => self.conv_1,
        };
        Self { shortcut: self.shortcut.folded(), norm_1, conv_1, norm_2, ..self }
    }
}
