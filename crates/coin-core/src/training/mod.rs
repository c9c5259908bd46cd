//! What is trained, one step at a time: the classifier, and COIN against it.

mod average;
mod classifier;
mod coin;
pub mod loss;
mod state;

pub use average::ExponentialAverage;
pub use classifier::{ClassifierConfig, ClassifierTrainer};
pub use coin::{Annealing, CoinConfig, CoinLosses, CoinTrainer, Cycle, GeneratorGradients};
pub use loss::Adversarial;
pub use state::{StateError, TrainerState};
