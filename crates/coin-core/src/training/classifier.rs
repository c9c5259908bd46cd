//! Training of the classifier: binary cross-entropy on image-level labels.

use burn::tensor::{Tensor, TensorData};
use serde::{Deserialize, Serialize};

use super::adam::Adam;
use super::hyperparameter::{not_negative, positive, share};
use super::loss::binary_cross_entropy;
use super::supervised::Supervised;
use crate::Error;
use crate::networks::Classifier;

/// Hyperparameters of the classifier's training.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClassifierConfig {
    /// Adam's learning rate.
    pub learning_rate: f64,
    /// L2 penalty added to the gradient, as in PyTorch's Adam.
    pub weight_decay: f32,
    /// Labels become `smoothing / 2` and `1 - smoothing / 2`.
    pub label_smoothing: f64,
}

impl ClassifierConfig {
    /// What is wrong with these numbers, if anything: the key, a colon, and why.
    pub fn problem(&self) -> Option<String> {
        positive("learning_rate", self.learning_rate)
            .or_else(|| not_negative("weight_decay", self.weight_decay.into()))
            .or_else(|| share("label_smoothing", self.label_smoothing))
    }
}

/// A classifier and its optimizer.
pub type ClassifierTrainer = Supervised<Classifier, ClassifierConfig>;

impl ClassifierTrainer {
    /// Starts with `classifier`, which must live on an autodiff device.
    pub fn new(classifier: Classifier, config: ClassifierConfig) -> Self {
        let adam = Adam { weight_decay: config.weight_decay, ..Adam::default() };
        Self::start("classifier", classifier, adam, config)
    }

    /// One step on images `[batch, 1, height, width]` and labels of length `batch`, at `rate` times the learning rate;
    /// returns the loss before it.
    ///
    /// # Errors
    /// When a device gives no loss back, usually for want of memory, or the devices cannot share the batch evenly.
    pub fn step(&mut self, x: Tensor<4>, labels: &[bool], rate: f64) -> Result<f32, Error> {
        let smoothing = self.config.label_smoothing as f32;
        let targets = labels.iter().map(|&y| if y { 1.0 - smoothing / 2.0 } else { smoothing / 2.0 });
        let targets = TensorData::new(targets.collect::<Vec<f32>>(), [labels.len(), 1]);
        let targets = Tensor::from_data(targets, &x.device());
        let loss = |network: &Classifier, x, targets| binary_cross_entropy(network.forward(x), targets);
        self.step_on(x, targets, loss, self.config.learning_rate * rate)
    }
}
