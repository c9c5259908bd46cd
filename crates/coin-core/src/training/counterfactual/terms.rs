//! Named loss terms: tensors during the computation, numbers once they are read.

use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

/// Weighted loss terms of one step.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CounterfactualLosses {
    /// Generator terms; `None` in discriminator-only steps.
    pub generator: Option<GeneratorLosses>,
    /// Discriminator loss on real images.
    pub discriminator_real: f32,
    /// Discriminator loss on counterfactuals.
    pub discriminator_fake: f32,
    /// Mean of the two.
    pub discriminator: f32,
}

impl CounterfactualLosses {
    /// Whether all totals are finite.
    pub fn is_finite(&self) -> bool {
        self.discriminator.is_finite() && self.generator.as_ref().is_none_or(|g| g.total.is_finite())
    }
}

/// Weighted terms of the generator loss (paper section 3.3).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct GeneratorLosses<T = f32> {
    /// Adversarial term.
    pub adversarial: T,
    /// KL term.
    pub kl: T,
    /// Reconstruction terms.
    pub reconstruction: T,
    /// L1 distance between input and counterfactual.
    pub minimal_change: T,
    /// Total variation of the change.
    pub total_variation: T,
    /// Sum.
    pub total: T,
}

impl GeneratorLosses<Tensor<1>> {
    /// The terms in the order of [`GeneratorLosses::read`].
    pub(super) fn into_terms(self) -> Vec<Tensor<1>> {
        let Self { adversarial, kl, reconstruction, minimal_change, total_variation, total } = self;
        vec![adversarial, kl, reconstruction, minimal_change, total_variation, total]
    }
}

impl GeneratorLosses {
    /// Reads the terms; missing ones become NaN.
    pub(super) fn read(values: &mut impl Iterator<Item = f32>) -> Self {
        let mut next = || values.next().unwrap_or(f32::NAN);
        Self {
            adversarial: next(),
            kl: next(),
            reconstruction: next(),
            minimal_change: next(),
            total_variation: next(),
            total: next(),
        }
    }
}

/// Terms of the discriminator loss.
pub(super) struct DiscriminatorLosses<T = f32> {
    /// Loss on real images.
    pub real: T,
    /// Loss on counterfactuals.
    pub fake: T,
    /// Mean of the two.
    pub mean: T,
}

impl DiscriminatorLosses<Tensor<1>> {
    /// The terms in the order of [`DiscriminatorLosses::read`].
    pub fn into_terms(self) -> Vec<Tensor<1>> {
        let Self { real, fake, mean } = self;
        vec![real, fake, mean]
    }
}

impl DiscriminatorLosses {
    /// Reads the terms; missing ones become NaN.
    pub fn read(values: &mut impl Iterator<Item = f32>) -> Self {
        let mut next = || values.next().unwrap_or(f32::NAN);
        Self { real: next(), fake: next(), mean: next() }
    }
}
