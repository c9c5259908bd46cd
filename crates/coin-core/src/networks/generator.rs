//! The generator G: encoder features back to an image, conditioned through batch normalisation.

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use coin_kernels::Epilogue;

use super::{
    BatchNorm, ConditionalBatchNorm, Convolution, ConvolutionConfig, Fuse, Initial, InpainterConfig, Upsampling,
};
use crate::condition::Condition;

/// Maps encoder features and the input to the counterfactual.
#[derive(Module, Debug)]
pub struct Generator {
    /// One block per encoder block, from the bottleneck up.
    pub blocks: Vec<GeneratorBlock>,
    /// Batch normalisation of the last feature map.
    pub head_norm: BatchNorm,
    /// 3x3 convolution to one channel.
    pub head: Convolution,
    /// Joins output and input in the stacking variants of [`Fuse`].
    pub joint: Option<Convolution>,
    /// How output and input become the counterfactual.
    #[module(skip)]
    pub fuse: Fuse,
    /// Blocks with a skip connection from the encoder.
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
                    // Draw these first, so that a seed keeps giving the same weights.
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

    /// Maps the `features` of [`super::Encoder::forward`] and the input `x` `[batch, 1, height, width]` to the
    /// counterfactual of the same shape.
    pub fn forward(&self, features: &[Tensor<4>], x: Tensor<4>, condition: &Condition) -> Tensor<4> {
        match self.output(features, condition) {
            Some(out) => self.fuse.forward(out, x, self.joint.as_ref()),
            None => x,
        }
    }

    /// The output `[batch, 1, height, width]` of the last convolution, before [`Fuse`]; `None` without features.
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

/// A residual block that upsamples 2x.
#[derive(Module, Debug)]
pub struct GeneratorBlock {
    /// 1x1 convolution of the shortcut.
    pub shortcut: Convolution,
    /// Conditional batch normalisation before the first convolution.
    pub norm_1: ConditionalBatchNorm,
    /// 3x3 convolution after upsampling; in a fused block the equivalent 4x4 transposed convolution.
    pub conv_1: Convolution,
    /// Conditional batch normalisation before the second convolution.
    pub norm_2: ConditionalBatchNorm,
    /// Second 3x3 convolution.
    pub conv_2: Convolution,
    /// Upsampling method.
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
        // Upsampling commutes with a 1x1 convolution; convolving first is a quarter of the work.
        let left = self.shortcut.forward(x.clone());
        let left = match self.upsampling {
            // The epilogue of the second convolution upsamples it.
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
