//! Training of the supervised segmenter: masks, which COIN never sees.

use burn::module::Module;
use burn::optim::{AdamConfig, GradientsParams, ModuleOptimizer};
use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

use super::loss;
use super::state::{StateError, TrainerState};
use crate::networks::UNet;

/// Hyperparameters of the segmenter's training.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SegmenterConfig {
    /// Adam's learning rate.
    pub learning_rate: f64,
}

/// A segmenter and its optimizer.
pub struct SegmenterTrainer {
    /// The network as it is now, on an autodiff device.
    pub segmenter: UNet,
    optimizer: ModuleOptimizer,
    config: SegmenterConfig,
    step: u64,
}

impl SegmenterTrainer {
    /// Starts with `segmenter`, which must live on an autodiff device.
    pub fn new(segmenter: UNet, config: SegmenterConfig) -> Self {
        Self { segmenter, optimizer: AdamConfig::new().with_epsilon(1e-8).init(), config, step: 0 }
    }

    /// One step on images in [-1, 1] and masks of 0 and 1, both `[batch, 1, height, width]`, at `rate` times the learning
    /// rate; returns the loss before it.
    pub fn step(&mut self, x: Tensor<4>, masks: Tensor<4>, rate: f64) -> f32 {
        let loss = loss::segmentation(self.segmenter.forward(x), masks);
        let gradients = GradientsParams::from_grads(loss.backward(), &self.segmenter);
        self.segmenter = self.optimizer.step(self.config.learning_rate * rate, self.segmenter.clone(), gradients);
        self.step += 1;
        loss.into_scalar::<f32>()
    }

    /// Steps taken.
    pub fn steps(&self) -> u64 {
        self.step
    }

    /// The network for inference: running statistics, no gradients.
    pub fn trained(&self) -> UNet {
        self.segmenter.valid()
    }

    /// All that [`Self::load_state`] needs to go on exactly here.
    pub fn state(&self) -> Result<TrainerState, StateError> {
        let mut state = TrainerState { step: self.step, ..TrainerState::default() };
        state.put_module("segmenter", &self.segmenter)?;
        state.put_optimizer("segmenter-optimizer", &self.optimizer)?;
        Ok(state)
    }

    /// Goes on where `state` was taken.
    pub fn load_state(self, state: &TrainerState) -> Result<Self, StateError> {
        Ok(Self {
            segmenter: state.module("segmenter", self.segmenter)?,
            optimizer: state.optimizer("segmenter-optimizer", self.optimizer)?,
            config: self.config,
            step: state.step,
        })
    }
}
