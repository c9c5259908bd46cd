//! The U-Net that is trained on masks: the bound that a segmentation without masks can be held against.

use burn::module::Module;
use burn::tensor::{Device, Tensor};

use super::{Fuse, Inpainter, InpainterConfig};
use crate::condition::Condition;

/// Encoder and generator as a segmenter: the same blocks and widths as the inpainter's, every skip connection, and a logit a
/// pixel in place of a counterfactual.
#[derive(Module, Debug)]
pub struct UNet {
    inpainter: Inpainter,
}

impl UNet {
    /// Random weights on `device`, of the size of an inpainter of this architecture.
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

    /// `[batch, 1, height, width]` in [-1, 1] to logits of the same shape, positive for lesion.
    pub fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        let Inpainter { encoder, generator } = &self.inpainter;
        let features = encoder.forward(x.clone());
        generator.output(&features, &Condition::All(0)).unwrap_or(x)
    }
}
