//! Classifier training: binary cross-entropy on image-level labels.

use burn::tensor::{Tensor, TensorData};
use serde::{Deserialize, Serialize};

use super::adam::Adam;
use super::hyperparameter::{fraction, not_negative, positive};
use super::loss::binary_cross_entropy;
use super::supervised::Supervised;
use crate::Error;
use crate::networks::Classifier;

/// Hyperparameters of classifier training.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClassifierConfig {
    /// Learning rate of Adam.
    pub learning_rate: f64,
    /// L2 penalty, added to the gradient as in PyTorch's Adam.
    pub weight_decay: f32,
    /// Label smoothing: targets become `smoothing / 2` and `1 - smoothing / 2`.
    pub label_smoothing: f64,
}

impl ClassifierConfig {
    /// Returns what is invalid, if anything, as `key: reason`.
    pub fn problem(&self) -> Option<String> {
        positive("learning_rate", self.learning_rate)
            .or_else(|| not_negative("weight_decay", self.weight_decay.into()))
            .or_else(|| fraction("label_smoothing", self.label_smoothing))
    }
}

/// A classifier with its optimizer.
pub type ClassifierTrainer = Supervised<Classifier, ClassifierConfig>;

impl ClassifierTrainer {
    /// Starts from `classifier`, which must be on an autodiff device.
    pub fn new(classifier: Classifier, config: ClassifierConfig) -> Self {
        let adam = Adam { weight_decay: config.weight_decay, ..Adam::default() };
        Self::start("classifier", classifier, adam, config)
    }

    /// Takes one step on images `[batch, 1, height, width]` in [-1, 1] and `batch` labels (`true` is abnormal), at
    /// `rate` times the learning rate. Returns the loss before the step.
    ///
    /// # Errors
    /// If a device fails, usually for lack of memory, or the batch cannot be split evenly between the devices.
    pub fn step(&mut self, x: Tensor<4>, labels: &[bool], rate: f64) -> Result<f32, Error> {
        let smoothing = self.config.label_smoothing as f32;
        let targets = labels.iter().map(|&y| if y { 1.0 - smoothing / 2.0 } else { smoothing / 2.0 });
        let targets = TensorData::new(targets.collect::<Vec<f32>>(), [labels.len(), 1]);
        let targets = Tensor::from_data(targets, &x.device());
        let loss = |network: &Classifier, x, targets| binary_cross_entropy(network.forward(x), targets);
        self.step_on(x, targets, loss, self.config.learning_rate * rate)
    }
}
