//! Hyperparameters of counterfactual training.

use serde::{Deserialize, Serialize};

use crate::method::Method;
use crate::training::hyperparameter::{fraction, not_negative, positive};
use crate::training::loss::{Adversarial, Distance};

/// Hyperparameters of counterfactual training (paper section 3.3).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CounterfactualConfig {
    /// Counterfactual method.
    #[serde(default)]
    pub method: Method,
    /// Distance of the reconstruction terms.
    #[serde(default)]
    pub distance: Distance,
    /// Learning rate of both Adam optimizers (betas 0 and 0.999, epsilon 1e-8).
    pub learning_rate: f64,
    /// Number of probability bins, which are the discriminator's conditions.
    pub bins: usize,
    /// The generator is updated every this many steps.
    pub generator_frequency: u64,
    /// Adversarial loss.
    pub adversarial: Adversarial,
    /// Whether the KL term is computed from logits instead of clamped probabilities.
    pub kl_on_logits: bool,
    /// Whether the reconstruction includes a cyclic term.
    pub cycle: Cycle,
    /// Weight of the adversarial term.
    pub weight_adversarial: f64,
    /// Weight of the KL term.
    pub weight_kl: f64,
    /// Weight of the reconstruction terms.
    pub weight_reconstruction: f64,
    /// Weight of the L1 distance between input and counterfactual.
    pub weight_minimal_change: f64,
    /// Weight of the total variation of the change.
    pub weight_total_variation: f64,
    /// Decay of the exponential moving average of the inpainter's weights, which inference uses; 0 disables it.
    pub average_decay: f64,
}

/// Upper limit of the number of bins.
const MAX_BINS: usize = 100;

impl CounterfactualConfig {
    /// Returns what is invalid, if anything, as `key: reason`.
    pub fn problem(&self) -> Option<String> {
        let weights = [
            ("weight_adversarial", self.weight_adversarial),
            ("weight_kl", self.weight_kl),
            ("weight_reconstruction", self.weight_reconstruction),
            ("weight_minimal_change", self.weight_minimal_change),
            ("weight_total_variation", self.weight_total_variation),
        ];
        let (bins, frequency) = (self.bins, self.generator_frequency);
        positive("learning_rate", self.learning_rate)
            .or_else(|| weights.into_iter().find_map(|(key, weight)| not_negative(key, weight)))
            .or_else(|| fraction("average_decay", self.average_decay))
            .or_else(|| {
                (!(2..=MAX_BINS).contains(&bins)).then(|| format!("bins: {bins} is not between 2 and {MAX_BINS}"))
            })
            .or_else(|| (frequency == 0).then(|| "generator_frequency: must be at least 1".into()))
    }
}

/// Whether the reconstruction includes a cyclic term.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Cycle {
    /// Also reconstruct from the counterfactual of the counterfactual (the paper's).
    #[default]
    #[serde(alias = "input")]
    On,
    /// No cyclic term; half the computation.
    Off,
}
