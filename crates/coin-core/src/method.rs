//! The counterfactual methods (paper section 3; Singla et al., arXiv 1911.00483): what they ask of a counterfactual.

use burn::tensor::activation::sigmoid;
use burn::tensor::{Int, Tensor};
use serde::{Deserialize, Serialize};

use crate::condition::{self, Condition};

/// Target probability for the counterfactual of an abnormal image.
const NORMAL: f64 = 1e-6;

/// A counterfactual method.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// COIN: the counterfactual is normal.
    #[default]
    Coin,
    /// COIN v2: the same, but the generator gets the bin of the classifier's probability.
    CoinV2,
    /// Singla et al.: the counterfactual gets the opposite probability.
    Singla,
}

/// The classifier's prediction for a batch, and the targets of the counterfactuals.
#[derive(Clone, Debug)]
pub struct Verdict {
    /// Bin of the classifier's probability, `[batch]`.
    pub bins: Tensor<1, Int>,
    /// Target probability of the counterfactual, `[batch, 1]`.
    pub desired: Tensor<2>,
    /// Bin of the target probability, `[batch]`.
    pub desired_bins: Tensor<1, Int>,
}

impl Method {
    /// Returns prediction and targets for the classifier's `logits` `[batch, 1]`, with `bins` probability bins.
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

    /// Returns the generator's condition for the classifier's logits `[batch, 1]`. COIN's condition is constant and
    /// does not evaluate `logits`.
    pub fn condition(self, logits: impl FnOnce() -> Tensor<2>, bins: usize) -> Condition {
        match self {
            Self::Coin => Condition::All(0),
            Self::CoinV2 | Self::Singla => self.condition_after(&self.verdict(logits(), bins)),
        }
    }

    /// Whether the counterfactual is in the desired bin, given the probabilities before and after inpainting.
    pub fn reached(self, before: f64, after: f64, bins: usize) -> bool {
        let bin = |probability: f64| ((probability * bins as f64) as usize).min(bins.saturating_sub(1));
        match self {
            Self::Coin | Self::CoinV2 => after < 0.5,
            Self::Singla => bin(after) == bin(1.0 - before),
        }
    }

    /// Whether the method is [`Self::Coin`].
    pub fn is_coin(&self) -> bool {
        *self == Self::Coin
    }

    /// Returns the generator's condition for a verdict.
    pub fn condition_after(self, verdict: &Verdict) -> Condition {
        match self {
            Self::Coin => Condition::All(0),
            Self::CoinV2 => Condition::Each(verdict.bins.clone()),
            Self::Singla => Condition::Each(verdict.desired_bins.clone()),
        }
    }
}
