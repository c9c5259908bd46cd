//! How a counterfactual training is run.

use serde::{Deserialize, Serialize};

use crate::method::Method;
use crate::training::hyperparameter::{not_negative, positive, share};
use crate::training::loss::{Adversarial, Distance};

/// Hyperparameters of a training.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CounterfactualConfig {
    /// What is asked of a counterfactual.
    #[serde(default)]
    pub method: Method,
    /// Distance in the reconstruction terms.
    #[serde(default)]
    pub distance: Distance,
    /// Adam's learning rate of both optimizers (betas 0 and 0.999, epsilon 1e-8).
    pub learning_rate: f64,
    /// Number of probability bins, the discriminator's conditions.
    pub bins: usize,
    /// Generator steps happen every this many steps.
    pub generator_frequency: u64,
    /// Adversarial loss.
    pub adversarial: Adversarial,
    /// Compute the KL term from logits instead of clamped probabilities.
    pub kl_on_logits: bool,
    /// Add the cyclic reconstruction.
    pub cycle: Cycle,
    /// Weight of the adversarial term.
    pub weight_adversarial: f64,
    /// Weight of the KL term.
    pub weight_kl: f64,
    /// Weight of the reconstruction terms.
    pub weight_reconstruction: f64,
    /// Weight of the distance between input and counterfactual.
    pub weight_minimal_change: f64,
    /// Weight of the total variation of the change.
    pub weight_total_variation: f64,
    /// Decay of the average of the generator's weights that inference uses; 0 uses the weights as they are.
    pub average_decay: f64,
}

/// More bins than verdicts are ever told apart by.
const MOST_BINS: usize = 100;

impl CounterfactualConfig {
    /// What is wrong with these numbers, if anything: the key, a colon, and why.
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
            .or_else(|| share("average_decay", self.average_decay))
            .or_else(|| {
                (!(2..=MOST_BINS).contains(&bins)).then(|| format!("bins: {bins} is not between 2 and {MOST_BINS}"))
            })
            .or_else(|| (frequency == 0).then(|| "generator_frequency: choose at least 1".into()))
    }
}

/// The second half of the reconstruction term.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Cycle {
    /// The counterfactual's own counterfactual is compared, too (the paper's).
    #[default]
    #[serde(alias = "input")]
    On,
    /// No cyclic term; half the work.
    Off,
}
