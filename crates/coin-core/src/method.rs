//! The methods: what is asked of a counterfactual (paper section 3; Singla et al. 2019), in training and in use.

use burn::tensor::activation::sigmoid;
use burn::tensor::{Int, Tensor};
use serde::{Deserialize, Serialize};

use crate::condition::{self, Condition};

/// The probability that a counterfactual of an abnormal image should have.
const NORMAL: f64 = 1e-6;

/// What a counterfactual is to be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// COIN: normal, whatever the image is.
    #[default]
    Coin,
    /// COIN v2: the same, but the generator is told what the classifier says of the image.
    CoinV2,
    /// Singla et al.: the opposite of what the classifier says.
    Singla,
}

/// The classifier's verdict on a batch, and what the counterfactuals should get.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// Bin of the classifier's probability, `[batch]`.
    pub bins: Tensor<1, Int>,
    /// Probability that the counterfactual should have, `[batch, 1]`.
    pub desired: Tensor<2>,
    /// Its bin, `[batch]`.
    pub desired_bins: Tensor<1, Int>,
}

impl Method {
    /// What the method wants where the classifier gives `logits`, `[batch, 1]`; probabilities fall into so many bins.
    pub fn verdict(self, logits: Tensor<2>, bins: usize) -> Verdict {
        let probability = sigmoid(logits).detach();
        let found = condition::bin(probability.clone(), bins);
        let (desired, desired_bins) = match self {
            Self::Coin | Self::CoinV2 => {
                let abnormal = found.clone().not_equal_elem(0).reshape([probability.dims()[0], 1]);
                (probability.mask_fill(abnormal, NORMAL), found.zeros_like())
            }
            Self::Singla => {
                let opposite = -probability + 1.0;
                (opposite.clone(), condition::bin(opposite, bins))
            }
        };
        Verdict { bins: found, desired, desired_bins }
    }

    /// The generator's condition for the counterfactual where the classifier gives these logits. COIN's is always the same,
    /// and asks no classifier.
    pub fn condition(self, logits: impl FnOnce() -> Tensor<2>, bins: usize) -> Condition {
        match self {
            Self::Coin => Condition::All(0),
            Self::CoinV2 | Self::Singla => self.condition_after(&self.verdict(logits(), bins)),
        }
    }

    /// Whether a counterfactual fell into the bin that was wanted, by the probabilities before and after; of so many bins.
    pub fn reached(self, before: f64, after: f64, bins: usize) -> bool {
        let bin = |probability: f64| ((probability * bins as f64) as usize).min(bins.saturating_sub(1));
        match self {
            Self::Coin | Self::CoinV2 => after < 0.5,
            Self::Singla => bin(after) == bin(1.0 - before),
        }
    }

    /// Whether this is COIN.
    pub fn is_coin(&self) -> bool {
        *self == Self::Coin
    }

    /// The generator's condition for the counterfactual after a verdict.
    pub fn condition_after(self, verdict: &Verdict) -> Condition {
        match self {
            Self::Coin => Condition::All(0),
            Self::CoinV2 => Condition::Each(verdict.bins.clone()),
            Self::Singla => Condition::Each(verdict.desired_bins.clone()),
        }
    }
}
