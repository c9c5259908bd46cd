//! The loss terms of a step by name: tensors while they are computed, numbers when they are read.

use burn::tensor::Tensor;
use serde::{Deserialize, Serialize};

/// Loss terms of one step, each already multiplied by its weight; the generator's are `None` on steps without it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CounterfactualLosses {
    /// Terms of the generator, and their sum.
    pub generator: Option<GeneratorLosses>,
    /// On real images.
    pub discriminator_real: f32,
    /// On counterfactuals.
    pub discriminator_fake: f32,
    /// Mean of the two.
    pub discriminator: f32,
}

impl CounterfactualLosses {
    /// False when a term is NaN or infinite.
    pub fn is_finite(&self) -> bool {
        self.discriminator.is_finite() && self.generator.as_ref().is_none_or(|g| g.total.is_finite())
    }
}

/// The weighted terms of the generator's loss (paper section 3).
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct GeneratorLosses<T = f32> {
    /// Adversarial term.
    pub adversarial: T,
    /// KL term.
    pub kl: T,
    /// Reconstruction terms.
    pub reconstruction: T,
    /// Distance to the input.
    pub minimal_change: T,
    /// Total variation of the change.
    pub total_variation: T,
    /// Sum.
    pub total: T,
}

impl GeneratorLosses<Tensor<1>> {
    /// In the order in which [`GeneratorLosses::read`] takes them.
    pub(super) fn into_terms(self) -> Vec<Tensor<1>> {
        let Self { adversarial, kl, reconstruction, minimal_change, total_variation, total } = self;
        vec![adversarial, kl, reconstruction, minimal_change, total_variation, total]
    }
}

impl GeneratorLosses {
    /// NaN for what is missing.
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

/// The terms of the discriminator's loss.
pub(super) struct DiscriminatorLosses<T = f32> {
    /// On real images.
    pub real: T,
    /// On counterfactuals.
    pub fake: T,
    /// Mean of the two.
    pub mean: T,
}

impl DiscriminatorLosses<Tensor<1>> {
    /// As of the generator.
    pub fn into_terms(self) -> Vec<Tensor<1>> {
        let Self { real, fake, mean } = self;
        vec![real, fake, mean]
    }
}

impl DiscriminatorLosses {
    /// As of the generator.
    pub fn read(values: &mut impl Iterator<Item = f32>) -> Self {
        let mut next = || values.next().unwrap_or(f32::NAN);
        Self { real: next(), fake: next(), mean: next() }
    }
}
