//! The U-Net that segments (Ronneberger et al., arXiv 1505.04597): trained on COIN's masks (distillation), or on reference masks as
//! the upper bound of weak supervision.

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use serde::{Deserialize, Serialize};

use super::{Fuse, Inpainter, InpainterConfig, Upsampling};
use crate::condition::Condition;

/// Size of a [`UNet`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UNetConfig {
    /// Channels of the stem.
    pub stem: usize,
    /// Channels of the encoder blocks, from full resolution to bottleneck; the decoder's are reversed.
    pub widths: Vec<usize>,
    /// Upsampling method of the decoder.
    #[serde(default)]
    pub upsampling: Upsampling,
}

impl UNetConfig {
    /// The size of an inpainter.
    pub fn like(InpainterConfig { stem, widths, upsampling, .. }: &InpainterConfig) -> Self {
        Self { stem: *stem, widths: widths.clone(), upsampling: *upsampling }
    }

    /// Image height and width must be a multiple of this.
    pub fn side_multiple(&self) -> usize {
        self.inpainter().side_multiple()
    }

    /// Returns what is invalid, if anything, as `key: reason`.
    pub fn problem(&self) -> Option<String> {
        self.inpainter().problem()
    }

    /// Creates the network on `device` with random weights.
    pub fn init(&self, device: &Device) -> UNet {
        UNet { inpainter: self.inpainter().init(device) }
    }

    /// Creates the network without drawing its weights, which are about to be loaded.
    pub(crate) fn undrawn(&self, device: &Device) -> UNet {
        UNet { inpainter: self.inpainter().undrawn(device) }
    }

    fn inpainter(&self) -> InpainterConfig {
        InpainterConfig {
            stem: self.stem,
            widths: self.widths.clone(),
            conditions: 1,
            skips: (1..self.widths.len()).collect(),
            upsampling: self.upsampling,
            fuse: Fuse::None,
            spectral_norm: false,
            zero_head: false,
        }
    }
}

/// A segmenter with the inpainter's blocks, all skip connections, and one logit per pixel.
#[derive(Module, Debug)]
pub struct UNet {
    /// The blocks; their output is not fused with the input.
    pub inpainter: Inpainter,
}

impl UNet {
    /// Maps `[batch, 1, height, width]` in [-1, 1] to logits of the same shape, positive for lesion.
    pub fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let Inpainter { encoder, generator } = &self.inpainter;
        let features = encoder.forward(x.clone());
        generator.output(&features, &Condition::All(0)).unwrap_or(x)
    }

    /// For faster inference, as [`Inpainter::fused`].
    pub fn fused(self) -> Self {
        Self { inpainter: self.inpainter.fused() }
    }
}
