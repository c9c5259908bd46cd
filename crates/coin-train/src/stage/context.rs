//! The training context: recipe, data and devices.

use coin_core::explanation::Explainer;

use crate::data::{Dataset, Samples, Subset};
use crate::device::Devices;
use crate::evaluation::{self, Distances, Evaluation, MaskRule, PAPER_THRESHOLD};
use crate::recipe::Recipe;

/// Seed of the validation anomalies, the same for every training seed.
const VALIDATION_SEED: u64 = 1;

/// Recipe, data and devices of a training run.
#[derive(Clone, Copy)]
pub struct TrainingContext<'a> {
    /// The recipe.
    pub recipe: &'a Recipe,
    /// The data.
    pub data: &'a Dataset,
    /// The devices, without autodiff.
    pub devices: &'a Devices,
}

impl TrainingContext<'_> {
    /// Validation metrics of a model at the paper's threshold.
    pub(super) fn validate(&self, explainer: &Explainer, samples: &Samples<'_>) -> anyhow::Result<Evaluation> {
        let mask_rule = MaskRule::at(PAPER_THRESHOLD);
        evaluation::evaluate(
            explainer,
            &self.devices.first,
            self.recipe.input.size,
            samples,
            mask_rule,
            Distances::None,
        )
    }

    /// The samples that choose checkpoint and threshold.
    pub(super) fn validation_samples(&self) -> Samples<'_> {
        self.data.samples(&[Subset::Validation], &self.recipe.anomaly, VALIDATION_SEED)
    }
}
