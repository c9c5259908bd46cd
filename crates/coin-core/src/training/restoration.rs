//! A generator's first lessons: to take away what was planted. The healthy picture is known, so that neither a classifier nor
//! a mask is needed.

use burn::optim::AdamConfig;
use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

use super::loss;
use super::supervised::Supervised;
use super::team::StepError;
use crate::condition::Condition;
use crate::networks::Inpainter;

/// Hyperparameters of the restoration.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RestorationConfig {
    /// Adam's learning rate.
    pub learning_rate: f64,
}

/// An inpainter and its optimizer.
pub type RestorationTrainer = Supervised<Inpainter, RestorationConfig>;

impl RestorationTrainer {
    /// Starts with `inpainter`, which must live on an autodiff device.
    pub fn new(inpainter: Inpainter, config: RestorationConfig) -> Self {
        Self::start("inpainter", inpainter, &AdamConfig::new().with_epsilon(1e-8), config)
    }

    /// One step on images with something planted, and the same without it, both `[batch, 1, height, width]` in [-1, 1], at
    /// `rate` times the learning rate; returns the mean absolute difference to the latter before it. The condition is
    /// "normal".
    ///
    /// # Errors
    /// When a device gives no loss back, usually for want of memory, or the devices cannot share the batch evenly.
    pub fn step(&mut self, x: Tensor<4>, healthy: Tensor<4>, rate: f64) -> Result<f32, StepError> {
        let loss = |network: &Inpainter, x, healthy| loss::l1(network.forward(x, &Condition::All(0)), healthy);
        self.descend(x, healthy, loss, self.config.learning_rate * rate)
    }
}
