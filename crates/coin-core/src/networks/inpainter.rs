//! Encoder and generator: the explanation function I of the paper (section 3).

use burn::module::Module;
use burn::tensor::{Device, Tensor};

use super::{Encoder, Generator, InpainterConfig, drawn};
use crate::condition::Condition;

impl InpainterConfig {
    /// Creates the network on `device` with random weights.
    pub fn init(&self, device: &Device) -> Inpainter {
        drawn(self.make(true, device))
    }

    /// Creates the network without drawing its weights, which are about to be loaded.
    pub(crate) fn undrawn(&self, device: &Device) -> Inpainter {
        self.make(false, device)
    }

    fn make(&self, draw_tables: bool, device: &Device) -> Inpainter {
        Inpainter { encoder: Encoder::init(self, device), generator: Generator::init(self, draw_tables, device) }
    }
}

/// The inpainting network: maps an image to its counterfactual.
#[derive(Module, Debug)]
pub struct Inpainter {
    /// Encoder E.
    pub encoder: Encoder,
    /// Generator G.
    pub generator: Generator,
}

impl Inpainter {
    /// Maps `[batch, 1, height, width]` in [-1, 1] to the counterfactual of the same shape and range.
    pub fn forward(&self, x: Tensor<4>, condition: &Condition) -> Tensor<4> {
        let features = self.encoder.forward(x.clone());
        self.generator.forward(&features, x, condition)
    }

    /// Number of conditions.
    pub fn conditions(&self) -> usize {
        self.generator.blocks.first().map_or(1, |block| block.norm_1.table.val().dims()[0])
    }

    /// Divides all weights by their spectral norms, for inference.
    pub fn folded(self) -> Self {
        Self { encoder: self.encoder.folded(), generator: self.generator.folded() }
    }

    /// Folds spectral norms and running statistics into weights and affine maps, for faster inference. The result no
    /// longer has the weights of a model file.
    pub fn fused(self) -> Self {
        Self { encoder: self.encoder.fused(), generator: self.generator.fused() }
    }
}
