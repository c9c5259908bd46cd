//! The encoder E: a stem and residual blocks that each downsample 2x.

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use coin_kernels::{Epilogue, average_pool};

use super::normalisation::Affine;
use super::{BatchNorm, Convolution, ConvolutionConfig, Initial, InpainterConfig};

/// Maps an image to feature maps of decreasing size, all of which feed the generator's skip connections.
#[derive(Module, Debug)]
pub struct Encoder {
    /// First convolution, at full resolution.
    pub stem: Convolution,
    /// Batch normalisation after the stem's ReLU; absent once it is folded into the first block.
    pub stem_norm: Option<BatchNorm>,
    /// One block per width.
    pub blocks: Vec<EncoderBlock>,
}

impl Encoder {
    pub(super) fn init(config: &InpainterConfig, device: &Device) -> Self {
        let stem = ConvolutionConfig::new(1, config.stem, 3).initializer(Initial::XavierNormal(1.0)).init(device);
        let blocks = config
            .encoder_blocks()
            .map(|(inputs, outputs)| EncoderBlock::init(inputs, outputs, config.spectral_norm, device))
            .collect();
        Self { stem, stem_norm: Some(BatchNorm::init(config.stem, device)), blocks }
    }

    /// Maps `[batch, 1, height, width]` to one feature map per block, `[batch, widths[i], height / 2^(i+1), width /
    /// 2^(i+1)]`.
    pub fn forward(&self, x: Tensor<4>) -> Vec<Tensor<4>> {
        let relu = Epilogue { relu: true, ..Epilogue::default() };
        let stem = self.stem.apply(x, None, relu, false);
        let mut x = match &self.stem_norm {
            Some(norm) => norm.forward(stem),
            None => stem,
        };
        let mut features = Vec::with_capacity(self.blocks.len());
        for block in &self.blocks {
            x = block.forward(x);
            features.push(x.clone());
        }
        features
    }

    pub(super) fn folded(mut self) -> Self {
        self.blocks = self.blocks.into_iter().map(EncoderBlock::folded).collect();
        self
    }

    pub(super) fn fused(mut self) -> Self {
        let mut before = self.stem_norm.as_ref().and_then(BatchNorm::affine);
        if before.is_some() {
            self.stem_norm = None;
        }
        self.blocks = self.blocks.into_iter().map(|block| block.fused(before.take())).collect();
        self
    }
}

/// A residual block that downsamples 2x.
#[derive(Module, Debug)]
pub struct EncoderBlock {
    /// 1x1 convolution of the pooled input.
    pub shortcut: Convolution,
    /// Batch normalisation before the first convolution.
    pub norm_1: BatchNorm,
    /// 3x3 convolution of the pooled input.
    pub conv_1: Convolution,
    /// Batch normalisation before the second convolution.
    pub norm_2: BatchNorm,
    /// Second 3x3 convolution.
    pub conv_2: Convolution,
}

impl EncoderBlock {
    fn init(inputs: usize, outputs: usize, spectral_norm: bool, device: &Device) -> Self {
        Self {
            shortcut: ConvolutionConfig::new(inputs, outputs, 1).spectral_norm(spectral_norm).init(device),
            norm_1: BatchNorm::init(inputs, device),
            conv_1: ConvolutionConfig::new(inputs, outputs, 3).before_relu().init(device),
            norm_2: BatchNorm::init(outputs, device),
            conv_2: ConvolutionConfig::new(outputs, outputs, 3).init(device),
        }
    }

    fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let left = self.shortcut.forward(average_pool(x.clone(), None));
        let (right, prologue) = self.norm_1.activated(x);
        let right = self.conv_1.forward(average_pool(right, prologue));
        let (right, prologue) = self.norm_2.activated(right);
        self.conv_2.apply(right, prologue, Epilogue { residual: Some(left), ..Epilogue::default() }, false)
    }

    fn folded(self) -> Self {
        Self { shortcut: self.shortcut.folded(), ..self }
    }

    /// Folds normalisations, including the affine map `before` the block.
    fn fused(self, before: Option<Affine>) -> Self {
        let (mut shortcut, mut norm_1) = (self.shortcut.folded(), self.norm_1.fused());
        if let Some(before) = before {
            shortcut = shortcut.fused_after(before.clone());
            norm_1 = norm_1.fused_after(before);
        }
        Self { shortcut, norm_1, norm_2: self.norm_2.fused(), ..self }
    }
}
