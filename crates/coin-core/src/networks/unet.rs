//! The U-Net trained on masks (Ronneberger et al., arXiv 1505.04597): the supervised upper bound of weak segmentation.

use burn::module::Module;
use burn::tensor::{Device, Tensor};

use super::{Fuse, Inpainter, InpainterConfig};
use crate::condition::Condition;

/// A segmenter with the inpainter's blocks and widths, all skip connections, and one logit per pixel.
#[derive(Module, Debug)]
pub struct UNet {
    inpainter: Inpainter,
}

impl UNet {
    /// Creates a U-Net on `device` with random weights and the size of the inpainter `like`.
    pub fn init(like: &InpainterConfig, device: &Device) -> Self {
        let skips = (1..like.widths.len()).collect();
        let config = InpainterConfig {
            conditions: 1,
            skips,
            fuse: Fuse::None,
            spectral_norm: false,
            zero_head: false,
            ..like.clone()
        };
        Self { inpainter: config.init(device) }
    }

    /// Maps `[batch, 1, height, width]` in [-1, 1] to logits of the same shape, positive for lesion.
    pub fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let Inpainter { encoder, generator } = &self.inpainter;
        let features = encoder.forward(x.clone());
        generator.output(&features, &Condition::All(0)).unwrap_or(x)
    }
}
