//! What is trained, one step at a time: the classifier, and counterfactuals against it.

mod average;
mod classifier;
mod counterfactual;
pub mod loss;
mod state;

pub use average::ExponentialAverage;
pub use classifier::{ClassifierConfig, ClassifierTrainer};
pub use counterfactual::{
    Batch, CounterfactualConfig, CounterfactualLosses, CounterfactualTrainer, Cycle, GeneratorGradients,
};
pub use loss::{Adversarial, Distance};
pub use state::{StateError, TrainerState};
