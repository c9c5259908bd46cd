//! Training of the classifier: binary cross-entropy on image-level labels.

use burn::module::Module;
use burn::optim::decay::WeightDecayConfig;
use burn::optim::{AdamConfig, GradientsParams, ModuleOptimizer};
use burn::tensor::{Tensor, TensorData};
use serde::{Deserialize, Serialize};

use super::loss::binary_cross_entropy;
use super::state::{StateError, TrainerState};
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

/// A classifier and its optimizer.
pub struct ClassifierTrainer {
    /// The network as it is now, on an autodiff device.
    pub classifier: Classifier,
    optimizer: ModuleOptimizer,
    config: ClassifierConfig,
    step: u64,
}

impl ClassifierTrainer {
    /// Starts with `classifier`, which must live on an autodiff device.
    pub fn new(classifier: Classifier, config: ClassifierConfig) -> Self {
        let adam = AdamConfig::new().with_epsilon(1e-8);
        let adam = match config.weight_decay {
            0.0 => adam,
            decay => adam.with_weight_decay(Some(WeightDecayConfig::new(decay))),
        };
        Self { classifier, optimizer: adam.init(), config, step: 0 }
    }

    /// One step on images `[batch, 1, height, width]` and labels of length `batch`, at `rate` times the learning rate;
    /// returns the loss before it.
    pub fn step(&mut self, x: Tensor<4>, labels: &[bool], rate: f64) -> f32 {
        let smoothing = self.config.label_smoothing as f32;
        let targets = labels.iter().map(|&y| if y { 1.0 - smoothing / 2.0 } else { smoothing / 2.0 });
        let targets = TensorData::new(targets.collect::<Vec<f32>>(), [labels.len(), 1]);
        let targets = Tensor::from_data(targets, &x.device());
        let loss = binary_cross_entropy(self.classifier.forward(x), targets);
        let gradients = GradientsParams::from_grads(loss.backward(), &self.classifier);
        let learning_rate = self.config.learning_rate * rate;
        self.classifier = self.optimizer.step(learning_rate, self.classifier.clone(), gradients);
        self.step += 1;
        loss.into_scalar::<f32>()
    }

    /// Steps taken.
    pub fn steps(&self) -> u64 {
        self.step
    }

    /// The network for inference: running statistics, no gradients.
    pub fn trained(&self) -> Classifier {
        self.classifier.valid()
    }

    /// All that [`Self::load_state`] needs to go on exactly here.
    pub fn state(&self) -> Result<TrainerState, StateError> {
        let mut state = TrainerState { step: self.step, ..TrainerState::default() };
        state.put_module("classifier", &self.classifier)?;
        state.put_optimizer("classifier-optimizer", &self.optimizer)?;
        Ok(state)
    }

    /// Goes on where `state` was taken.
    pub fn load_state(self, state: &TrainerState) -> Result<Self, StateError> {
        Ok(Self {
            classifier: state.module("classifier", self.classifier)?,
            optimizer: state.optimizer("classifier-optimizer", self.optimizer)?,
            config: self.config,
            step: state.step,
        })
    }
}
