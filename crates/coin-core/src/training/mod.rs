//! Training, step by step: the classifier, pretraining, the counterfactual networks, and the supervised segmenter.

mod adam;
mod average;
mod classifier;
mod counterfactual;
mod device_group;
mod hyperparameter;
pub mod loss;
mod pretraining;
mod segmenter;
mod state;
mod step_gradients;
mod supervised;

pub use average::ExponentialAverage;
pub use classifier::{ClassifierConfig, ClassifierTrainer};
pub use counterfactual::{
    Batch, CounterfactualConfig, CounterfactualLosses, CounterfactualTrainer, Cycle, GeneratorLosses, NetworkGradients,
    Objective,
};
pub use loss::{Adversarial, Distance};
pub use pretraining::{InpaintingConfig, InpaintingTrainer, LocalisationConfig, LocalisationTrainer, Localiser};
pub use segmenter::{SegmenterConfig, SegmenterTrainer};
pub use state::TrainerState;
pub use step_gradients::StepGradients;
pub use supervised::Supervised;
