//! The loss terms of the paper (section 3.3), averaged over the batch and not yet weighted.

use burn::tensor::Tensor;
use burn::tensor::activation::{log_sigmoid, relu, sigmoid};
use serde::{Deserialize, Serialize};

/// Adversarial loss on discriminator logits `[batch, 1]`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Adversarial {
    /// Binary cross-entropy; the reference uses it regardless of its configuration.
    #[default]
    Bce,
    /// Least squares (Mao et al., arXiv 1611.04076): mean squared distance to 1 (real) or 0 (fake).
    Lsgan,
    /// Hinge loss.
    Hinge,
}

impl Adversarial {
    /// Generator loss for the logits of counterfactuals.
    pub fn generator(self, fake: Tensor<2>) -> Tensor<1> {
        match self {
            Self::Hinge => -fake.mean(),
            Self::Bce | Self::Lsgan => self.real(fake),
        }
    }

    /// Discriminator loss for the logits of real images.
    pub fn real(self, logits: Tensor<2>) -> Tensor<1> {
        match self {
            Self::Bce => -log_sigmoid(logits).mean(),
            Self::Lsgan => (logits - 1.0).powf_scalar(2.0).mean(),
            Self::Hinge => relu(-logits + 1.0).mean(),
        }
    }

    /// Discriminator loss for the logits of counterfactuals.
    pub fn fake(self, logits: Tensor<2>) -> Tensor<1> {
        match self {
            Self::Bce => -log_sigmoid(-logits).mean(),
            Self::Lsgan => logits.powf_scalar(2.0).mean(),
            Self::Hinge => relu(logits + 1.0).mean(),
        }
    }
}

/// Distance of two image batches.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Distance {
    /// Mean absolute difference, [`l1`].
    #[default]
    L1,
    /// Mean absolute difference per region, [`carl`]; falls back to [`l1`] without regions.
    Carl,
}

impl Distance {
    /// Returns the distance of `a` and `b`, both `[batch, 1, height, width]`.
    pub fn between(self, a: Tensor<4>, b: Tensor<4>, regions: Option<&Tensor<4>>) -> Tensor<1> {
        match (self, regions) {
            (Self::Carl, Some(regions)) => carl(a, b, regions.clone()),
            _ => l1(a, b),
        }
    }
}

/// Binary cross-entropy plus soft Dice loss of `logits` against masks `truth` of 0 and 1, both `[batch, 1, height,
/// width]`. Dice is computed over the whole batch, so that slices without a lesion count too.
pub fn segmentation(logits: Tensor<4>, truth: Tensor<4>) -> Tensor<1> {
    let cross_entropy = relu(logits.clone()) - logits.clone() * truth.clone() - log_sigmoid(logits.clone().abs());
    let found = sigmoid(logits);
    let dice = ((found.clone() * truth.clone()).sum() * 2.0 + 1.0) / (found.sum() + truth.sum() + 1.0);
    cross_entropy.mean() + (-dice + 1.0)
}

/// KL divergence of the Bernoulli distribution `sigmoid(logits)` from `target`, both `[batch, 1]`.
///
/// Probabilities are clamped to [1e-5, 1 - 1e-5] as in the reference, so a logit beyond 11.5 has no gradient, unlike in
/// [`kl_on_logits`].
pub fn kl_on_probabilities(logits: Tensor<2>, target: Tensor<2>) -> Tensor<1> {
    kl_of_probabilities(sigmoid(logits), target)
}

/// [`kl_on_probabilities`] for predicted probabilities `[batch, 1]`.
pub fn kl_of_probabilities(predicted: Tensor<2>, target: Tensor<2>) -> Tensor<1> {
    let clamped = |p: Tensor<2>| p.clamp(1e-5, 1.0 - 1e-5);
    let (p, q) = (clamped(target), clamped(predicted));
    let (not_p, not_q) = (-p.clone() + 1.0, -q.clone() + 1.0);
    (p.clone() * (p / q).log() + not_p.clone() * (not_p / not_q).log()).mean()
}

/// KL divergence of the Bernoulli distribution `sigmoid(logits)` from `target`, both `[batch, 1]`, computed from
/// log-sigmoids: the gradient does not vanish for a saturated classifier.
pub fn kl_on_logits(logits: Tensor<2>, target: Tensor<2>) -> Tensor<1> {
    let p = target.clamp(1e-5, 1.0 - 1e-5);
    let not_p = -p.clone() + 1.0;
    let cross = -(p.clone() * log_sigmoid(logits.clone()) + not_p.clone() * log_sigmoid(-logits));
    let entropy = p.clone() * p.log() + not_p.clone() * not_p.log();
    (cross + entropy).mean()
}

/// Mean absolute difference of two image batches.
pub fn l1(a: Tensor<4>, b: Tensor<4>) -> Tensor<1> {
    (a - b).abs().mean()
}

/// Mean absolute difference inside each region `[batch, regions, height, width]` of 0 and 1, averaged over the batch
/// and summed over the regions (CARL, Singla et al.). Empty regions contribute 0.
pub fn carl(a: Tensor<4>, b: Tensor<4>, regions: Tensor<4>) -> Tensor<1> {
    let [batch, count, height, width] = regions.dims();
    let flat = |maps: Tensor<4>| maps.reshape([batch, count, height * width]).sum_dim(2);
    let inside = flat((a - b).abs() * regions.clone());
    (inside / (flat(regions) + 1e-8)).sum() / batch as f64
}

/// Total variation of the change `|x - x_cf|` in intensities 0 to 255: the mean squared difference of horizontal plus
/// vertical neighbours.
pub fn total_variation(x: Tensor<4>, counterfactual: Tensor<4>) -> Tensor<1> {
    let change = (x - counterfactual).abs() * (255.0 / 2.0);
    let neighbours = |axis: usize| {
        let n = change.dims()[axis];
        let difference = change.clone().narrow(axis, 1, n - 1) - change.clone().narrow(axis, 0, n - 1);
        (difference.clone() * difference).mean()
    };
    neighbours(2) + neighbours(3)
}

/// Binary cross-entropy of logits `[batch, 1]` and targets in [0, 1] of the same shape.
pub fn binary_cross_entropy(logits: Tensor<2>, labels: Tensor<2>) -> Tensor<1> {
    let not_labels = -labels.clone() + 1.0;
    -(labels * log_sigmoid(logits.clone()) + not_labels * log_sigmoid(-logits)).mean()
}
