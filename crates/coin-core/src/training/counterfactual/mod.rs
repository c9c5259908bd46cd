//! Counterfactual training against a frozen classifier.

mod config;
mod objective;
mod terms;
mod trainer;

pub use config::{CounterfactualConfig, Cycle};
pub use objective::{Batch, NetworkGradients, Objective};
pub use terms::{CounterfactualLosses, GeneratorLosses};
pub use trainer::CounterfactualTrainer;
