//! Training of the supervised segmenter on masks, which COIN never uses.

use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

use super::adam::Adam;
use super::hyperparameter::positive;
use super::loss;
use super::supervised::Supervised;
use crate::Error;
use crate::networks::UNet;

/// Hyperparameters of segmenter training.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SegmenterConfig {
    /// Learning rate of Adam.
    pub learning_rate: f64,
}

impl SegmenterConfig {
    /// Returns what is invalid, if anything, as `key: reason`.
    pub fn problem(&self) -> Option<String> {
        positive("learning_rate", self.learning_rate)
    }
}

/// A segmenter with its optimizer.
pub type SegmenterTrainer = Supervised<UNet, SegmenterConfig>;

impl SegmenterTrainer {
    /// Starts from `segmenter`, which must be on an autodiff device.
    pub fn new(segmenter: UNet, config: SegmenterConfig) -> Self {
        Self::start("segmenter", segmenter, Adam::default(), config)
    }

    /// Takes one step on images in [-1, 1] and masks of 0 and 1, both `[batch, 1, height, width]`, at `rate` times the
    /// learning rate. Returns the loss before the step.
    ///
    /// # Errors
    /// If a device fails, usually for lack of memory, or the batch cannot be split evenly between the devices.
    pub fn step(&mut self, x: Tensor<4>, masks: Tensor<4>, rate: f64) -> Result<f32, Error> {
        let loss = |network: &UNet, x, masks| loss::segmentation(network.forward(x), masks);
        self.step_on(x, masks, loss, self.config.learning_rate * rate)
    }
}
