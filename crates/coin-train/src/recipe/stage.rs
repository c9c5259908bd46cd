//! The recipe sections of the training stages.

use std::path::PathBuf;

use clap::ValueEnum;
use coin_core::method::Method;
use coin_core::networks::{ClassifierArchitecture, DiscriminatorConfig, InpainterConfig, UNetConfig};
use coin_core::training::{ClassifierConfig, CounterfactualConfig, SegmenterConfig};
use coin_imaging::augmentation::Augmentation;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

use super::{AnomalyRecipe, within};

/// The stages in training order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum StageName {
    /// Localisation pretraining of the classifier.
    #[value(alias = "localisation")]
    LocalisationPretraining,
    /// The classifier.
    Classifier,
    /// Inpainting pretraining of the inpainter.
    #[value(alias = "restoration")]
    InpaintingPretraining,
    /// COIN or a related method.
    Counterfactual,
    /// A segmenter trained on COIN's masks.
    Distillation,
    /// The supervised segmenter (upper bound).
    Segmenter,
}

impl StageName {
    /// All stages.
    pub const ALL: [Self; 6] = [
        Self::LocalisationPretraining,
        Self::Classifier,
        Self::InpaintingPretraining,
        Self::Counterfactual,
        Self::Distillation,
        Self::Segmenter,
    ];
    /// The stages that train a classifier.
    pub const UP_TO_CLASSIFIER: [Self; 2] = [Self::LocalisationPretraining, Self::Classifier];
    /// The stages that need a trained classifier, or come after it.
    pub const AFTER_CLASSIFIER: [Self; 4] =
        [Self::InpaintingPretraining, Self::Counterfactual, Self::Distillation, Self::Segmenter];
}

/// Length, batch size and learning-rate schedule of a stage.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Schedule {
    /// Number of steps.
    pub steps: u64,
    /// Slices per step.
    pub batch: usize,
    /// Steps between validations.
    pub validate_every: u64,
    /// Change of the learning rate over the steps; constant without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub learning_rate_schedule: Option<LearningRateSchedule>,
}

impl Schedule {
    /// Deserializes the schedule from the keys of its stage. It goes through a table because errors in fields that serde
    /// flattens do not name the key.
    fn flattened<'de, D: Deserializer<'de>>(stage: D) -> Result<Self, D::Error> {
        toml::Table::deserialize(stage)?.try_into().map_err(D::Error::custom)
    }

    fn problem(&self) -> Option<String> {
        match self {
            Self { steps: 0, .. } => Some("steps: choose at least 1".into()),
            Self { batch: 0..=1, .. } => Some("batch: batch normalisation needs at least 2 slices per step".into()),
            Self { validate_every: 0, .. } => Some("validate_every: choose at least 1".into()),
            Self { learning_rate_schedule, steps, .. } => within(
                learning_rate_schedule.as_ref().and_then(|schedule| schedule.problem(*steps)),
                "learning_rate_schedule",
            ),
        }
    }
}

/// The change of the learning rate over the steps of a stage.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase", deny_unknown_fields)]
pub enum LearningRateSchedule {
    /// A single drop.
    Drop {
        /// First step with the lower rate.
        after: u64,
        /// Factor on the initial rate.
        factor: f64,
    },
    /// A linear warm-up, then cosine annealing to the end of the stage (Loshchilov and Hutter, arXiv 1608.03983).
    Cosine {
        /// Steps of the warm-up.
        #[serde(default)]
        warm_up: u64,
        /// Factor on the initial rate at the end.
        #[serde(default)]
        minimum: f64,
    },
}

impl LearningRateSchedule {
    fn problem(&self, steps: u64) -> Option<String> {
        match *self {
            Self::Drop { factor, .. } => {
                (!(factor > 0.0 && factor <= 1.0)).then(|| format!("factor: {factor} is not above 0 and at most 1"))
            }
            Self::Cosine { minimum, .. } if !(0.0..=1.0).contains(&minimum) => {
                Some(format!("minimum: {minimum} is not between 0 and 1"))
            }
            Self::Cosine { warm_up, .. } => (warm_up >= steps)
                .then(|| format!("warm_up: {warm_up} steps are not fewer than the {steps} of the stage")),
        }
    }
}

/// The classifier stage.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClassifierStage {
    /// Steps and batches.
    #[serde(flatten, deserialize_with = "Schedule::flattened")]
    pub schedule: Schedule,
    /// Architecture.
    pub network: ClassifierArchitecture,
    /// Initial weights instead of random ones: a torchvision checkpoint (`.pth` or `.safetensors`) or a COIN model file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pretrained: Option<PathBuf>,
    /// Synthetic anomalies in its training; validation uses the recipe's `anomaly`. A classifier that was also trained on faint
    /// anomalies calls an image normal only after an anomaly is almost completely removed.
    pub anomaly: AnomalyRecipe,
    /// Affine augmentation of the slices; optional.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub augmentation: Option<Augmentation>,
    /// Optimizer and loss.
    pub training: ClassifierConfig,
}

impl ClassifierStage {
    pub(super) fn problem(&self) -> Option<String> {
        self.schedule
            .problem()
            .or_else(|| within(self.network.problem(), "network"))
            .or_else(|| within(self.anomaly.problem(), "anomaly"))
            .or_else(|| augmentation_problem(self.augmentation.as_ref()))
            .or_else(|| within(self.training.problem(), "training"))
    }
}

/// Pretraining on synthetic anomalies in normal slices; the recipe's task must insert anomalies in training.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PretrainingStage<C> {
    /// Steps and batches.
    #[serde(flatten, deserialize_with = "Schedule::flattened")]
    pub schedule: Schedule,
    /// The synthetic anomalies.
    pub anomaly: AnomalyRecipe,
    /// Optimizer and loss.
    pub training: C,
}

impl<C> PretrainingStage<C> {
    pub(super) fn problem(&self, training: fn(&C) -> Option<String>) -> Option<String> {
        self.schedule
            .problem()
            .or_else(|| within(self.anomaly.problem(), "anomaly"))
            .or_else(|| within(training(&self.training), "training"))
    }
}

/// The counterfactual stage.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CounterfactualStage {
    /// Steps and batches.
    #[serde(flatten, deserialize_with = "Schedule::flattened")]
    pub schedule: Schedule,
    /// Affine augmentation of the slices; optional.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub augmentation: Option<Augmentation>,
    /// Architecture of the inpainter (encoder E and generator G).
    pub inpainter: InpainterConfig,
    /// Architecture of the discriminator D.
    pub discriminator: DiscriminatorConfig,
    /// Optimizers and loss.
    pub training: CounterfactualConfig,
}

impl CounterfactualStage {
    pub(super) fn problem(&self, size: usize) -> Option<String> {
        let bins = self.training.bins;
        within(self.discriminator.problem(size), "discriminator")
            .or_else(|| within(self.training.problem(), "training"))
            .or_else(|| {
                let found = self.discriminator.conditions;
                (found < bins).then(|| {
                    format!("discriminator.conditions: {found} is too few; training.bins needs one per bin, {bins}")
                })
            })
            .or_else(|| {
                let (found, method) = (self.inpainter.conditions, self.training.method);
                (method != Method::Coin && found != bins)
                    .then(|| format!("inpainter.conditions: {found} is wrong; this method needs one per bin, {bins}"))
            })
            .or_else(|| self.schedule.problem())
            .or_else(|| augmentation_problem(self.augmentation.as_ref()))
    }
}

/// A stage that trains a U-Net on masks.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SegmenterStage {
    /// Steps and batches.
    #[serde(flatten, deserialize_with = "Schedule::flattened")]
    pub schedule: Schedule,
    /// Size of the U-Net; that of the inpainter if absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network: Option<UNetConfig>,
    /// Affine augmentation of the slices; optional.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub augmentation: Option<Augmentation>,
    /// Optimizer and loss.
    pub training: SegmenterConfig,
}

impl SegmenterStage {
    /// The size of the U-Net beside `inpainter`.
    pub fn unet(&self, inpainter: &InpainterConfig) -> UNetConfig {
        self.network.clone().unwrap_or_else(|| UNetConfig::like(inpainter))
    }

    pub(super) fn problem(&self, size: usize) -> Option<String> {
        let network = self.network.as_ref();
        let multiple = network.map_or(1, UNetConfig::side_multiple);
        let unfit = || format!("network.widths: input.size {size} is not a multiple of {multiple}");
        self.schedule
            .problem()
            .or_else(|| within(network.and_then(UNetConfig::problem), "network"))
            .or_else(|| (!size.is_multiple_of(multiple)).then(unfit))
            .or_else(|| augmentation_problem(self.augmentation.as_ref()))
            .or_else(|| within(self.training.problem(), "training"))
    }
}

fn augmentation_problem(augmentation: Option<&Augmentation>) -> Option<String> {
    within(augmentation?.problem(), "augmentation")
}
