//! The loss terms of the paper (section 3.3), each the mean over the batch and without its weight.

use burn::tensor::Tensor;
use burn::tensor::activation::{log_sigmoid, relu, sigmoid};
use serde::{Deserialize, Serialize};

/// The adversarial loss on discriminator logits `[batch, 1]`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Adversarial {
    /// Binary cross-entropy: what the reference computes whatever its configuration says.
    #[default]
    Bce,
    /// Mean squared distance to 1 (real) or 0 (fake).
    Lsgan,
    /// Hinge.
    Hinge,
}

impl Adversarial {
    /// What the generator pays for a fake that the discriminator sees through.
    pub fn generator(self, fake: Tensor<2>) -> Tensor<1> {
        match self {
            Self::Hinge => -fake.mean(),
            Self::Bce | Self::Lsgan => self.real(fake),
        }
    }

    /// What the discriminator pays for a real image that it doubts.
    pub fn real(self, logits: Tensor<2>) -> Tensor<1> {
        match self {
            Self::Bce => -log_sigmoid(logits).mean(),
            Self::Lsgan => (logits - 1.0).powf_scalar(2.0).mean(),
            Self::Hinge => relu(-logits + 1.0).mean(),
        }
    }

    /// What the discriminator pays for a fake that it believes.
    pub fn fake(self, logits: Tensor<2>) -> Tensor<1> {
        match self {
            Self::Bce => -log_sigmoid(-logits).mean(),
            Self::Lsgan => logits.powf_scalar(2.0).mean(),
            Self::Hinge => relu(logits + 1.0).mean(),
        }
    }
}

/// How far two image batches are apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Distance {
    /// [`l1`].
    #[default]
    L1,
    /// [`carl`], and [`l1`] where no regions are known.
    Carl,
}

impl Distance {
    /// The distance of `a` and `b`, `[batch, 1, height, width]`.
    pub fn between(self, a: Tensor<4>, b: Tensor<4>, regions: Option<&Tensor<4>>) -> Tensor<1> {
        match (self, regions) {
            (Self::Carl, Some(regions)) => carl(a, b, regions.clone()),
            _ => l1(a, b),
        }
    }
}

/// Binary cross-entropy plus soft Dice loss, the usual pair for segmentation, of `logits` against `truth` of 0 and 1, both
/// `[batch, 1, height, width]`; Dice over all of these slices together, so that those without a lesion count too.
pub fn segmentation(logits: Tensor<4>, truth: Tensor<4>) -> Tensor<1> {
    let cross_entropy = relu(logits.clone()) - logits.clone() * truth.clone() - log_sigmoid(logits.clone().abs());
    let found = sigmoid(logits);
    let dice = ((found.clone() * truth.clone()).sum() * 2.0 + 1.0) / (found.sum() + truth.sum() + 1.0);
    cross_entropy.mean() + (-dice + 1.0)
}

/// KL divergence of Bernoulli `target` from Bernoulli `sigmoid(logits)`, both `[batch, 1]`.
///
/// Probabilities are clamped to [1e-5, 1 - 1e-5] as in the reference, so a logit beyond 11.5 gives no gradient;
/// [`kl_on_logits`] always does.
pub fn kl_on_probabilities(logits: Tensor<2>, target: Tensor<2>) -> Tensor<1> {
    kl_of_probabilities(sigmoid(logits), target)
}

/// As [`kl_on_probabilities`], from probabilities.
pub fn kl_of_probabilities(predicted: Tensor<2>, target: Tensor<2>) -> Tensor<1> {
    let clamped = |p: Tensor<2>| p.clamp(1e-5, 1.0 - 1e-5);
    let (p, q) = (clamped(target), clamped(predicted));
    let (not_p, not_q) = (-p.clone() + 1.0, -q.clone() + 1.0);
    (p.clone() * (p / q).log() + not_p.clone() * (not_p / not_q).log()).mean()
}

/// KL divergence of Bernoulli `target` from the classifier, with a gradient however sure the classifier is.
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

/// Mean absolute difference inside each region `[batch, regions, height, width]` of 0 and 1, averaged over the batch and
/// summed over regions. An empty region adds nothing.
pub fn carl(a: Tensor<4>, b: Tensor<4>, regions: Tensor<4>) -> Tensor<1> {
    let [batch, count, height, width] = regions.dims();
    let flat = |maps: Tensor<4>| maps.reshape([batch, count, height * width]).sum_dim(2);
    let inside = flat((a - b).abs() * regions.clone());
    (inside / (flat(regions) + 1e-8)).sum() / batch as f64
}

/// Total variation of the change `|x - x_cf|` in grey levels 0..255: mean squared difference of neighbours, horizontal
/// plus vertical.
pub fn total_variation(x: Tensor<4>, counterfactual: Tensor<4>) -> Tensor<1> {
    let change = (x - counterfactual).abs() * (255.0 / 2.0);
    let neighbours = |axis: usize| {
        let n = change.dims()[axis];
        let difference = change.clone().narrow(axis, 1, n - 1) - change.clone().narrow(axis, 0, n - 1);
        (difference.clone() * difference).mean()
    };
    neighbours(2) + neighbours(3)
}

/// Binary cross-entropy of logits `[batch, 1]` against labels 0 or 1 of the same shape.
pub fn binary_cross_entropy(logits: Tensor<2>, labels: Tensor<2>) -> Tensor<1> {
    let not_labels = -labels.clone() + 1.0;
    -(labels * log_sigmoid(logits.clone()) + not_labels * log_sigmoid(-logits)).mean()
}
