//! What is trained, one step at a time: the classifier, counterfactuals against it, and the segmenter they are held against.

mod adam;
mod average;
mod classifier;
mod counterfactual;
mod descent;
mod hyperparameter;
mod lessons;
pub mod loss;
mod segmenter;
mod state;
mod supervised;
mod team;

pub use average::ExponentialAverage;
pub use classifier::{ClassifierConfig, ClassifierTrainer};
pub use counterfactual::{
    Batch, CounterfactualConfig, CounterfactualLosses, CounterfactualTrainer, Cycle, Descents, GeneratorLosses,
    Objective,
};
pub use descent::Descent;
pub use lessons::{LocalisationConfig, LocalisationTrainer, Localiser, RestorationConfig, RestorationTrainer};
pub use loss::{Adversarial, Distance};
pub use segmenter::{SegmenterConfig, SegmenterTrainer};
pub use state::{StateError, TrainerState};
pub use supervised::Supervised;
pub use team::StepError;
