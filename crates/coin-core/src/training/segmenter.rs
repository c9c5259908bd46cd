//! Training of the supervised segmenter: masks, which COIN never sees.

use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

use super::adam::Adam;
use super::hyperparameter::positive;
use super::loss;
use super::supervised::Supervised;
use crate::Error;
use crate::networks::UNet;

/// Hyperparameters of the segmenter's training.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SegmenterConfig {
    /// Adam's learning rate.
    pub learning_rate: f64,
}

impl SegmenterConfig {
    /// What is wrong with these numbers, if anything: the key, a colon, and why.
    pub fn problem(&self) -> Option<String> {
        positive("learning_rate", self.learning_rate)
    }
}

/// A segmenter and its optimizer.
pub type SegmenterTrainer = Supervised<UNet, SegmenterConfig>;

impl SegmenterTrainer {
    /// Starts with `segmenter`, which must live on an autodiff device.
    pub fn new(segmenter: UNet, config: SegmenterConfig) -> Self {
        Self::start("segmenter", segmenter, Adam::default(), config)
    }

    /// One step on images in [-1, 1] and masks of 0 and 1, both `[batch, 1, height, width]`, at `rate` times the learning
    /// rate; returns the loss before it.
    ///
    /// # Errors
    /// When a device gives no loss back, usually for want of memory, or the devices cannot share the batch evenly.
    pub fn step(&mut self, x: Tensor<4>, masks: Tensor<4>, rate: f64) -> Result<f32, Error> {
        let loss = |network: &UNet, x, masks| loss::segmentation(network.forward(x), masks);
        self.step_on(x, masks, loss, self.config.learning_rate * rate)
    }
}
