//! What a recipe says of each stage.

use std::path::PathBuf;

use clap::ValueEnum;
use coin_core::method::Method;
use coin_core::networks::{ClassifierArchitecture, DiscriminatorConfig, InpainterConfig};
use coin_core::training::{ClassifierConfig, CounterfactualConfig, SegmenterConfig};
use coin_imaging::augmentation::Augmentation;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

use super::{AnomalyRecipe, within};

/// The stages, in the order in which they are trained.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum StageName {
    /// The classifier's pretraining.
    #[value(alias = "localisation")]
    LocalisationPretraining,
    /// The classifier.
    Classifier,
    /// The inpainter's pretraining.
    #[value(alias = "restoration")]
    InpaintingPretraining,
    /// COIN or a related method.
    Counterfactual,
    /// The supervised segmenter.
    Segmenter,
}

impl StageName {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::LocalisationPretraining,
        Self::Classifier,
        Self::InpaintingPretraining,
        Self::Counterfactual,
        Self::Segmenter,
    ];
    /// Those that make a classifier.
    pub const UP_TO_CLASSIFIER: [Self; 2] = [Self::LocalisationPretraining, Self::Classifier];
    /// Those that take a classifier over.
    pub const AFTER_CLASSIFIER: [Self; 3] = [Self::InpaintingPretraining, Self::Counterfactual, Self::Segmenter];
}

/// How long a stage takes, and in what strides.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Schedule {
    /// Steps in all.
    pub steps: u64,
    /// Slices a step.
    pub batch: usize,
    /// Steps between validations.
    pub validate_every: u64,
    /// When the learning rate falls, if it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub learning_rate_drop: Option<LearningRateDrop>,
}

impl Schedule {
    /// The multiple of the learning rate at a step.
    pub fn rate(&self, step: u64) -> f64 {
        self.learning_rate_drop.filter(|drop| step >= drop.after).map_or(1.0, |drop| drop.factor)
    }

    /// What stands among the other keys of a stage. Read as a table of its own, because serde forgets the keys of what is
    /// flattened, and a wrong value would not say where it stands.
    fn flattened<'de, D: Deserializer<'de>>(stage: D) -> Result<Self, D::Error> {
        toml::Table::deserialize(stage)?.try_into().map_err(D::Error::custom)
    }

    fn problem(&self) -> Option<String> {
        match self {
            Self { steps: 0, .. } => Some("steps: choose at least 1".into()),
            Self { batch: 0..=1, .. } => Some("batch: batch normalisation needs at least 2 slices a step".into()),
            Self { validate_every: 0, .. } => Some("validate_every: choose at least 1".into()),
            Self { learning_rate_drop: Some(LearningRateDrop { factor, .. }), .. }
                if !factor.is_finite() || *factor <= 0.0 =>
            {
                Some(format!("learning_rate_drop.factor: {factor} is not a number above 0"))
            }
            _ => None,
        }
    }
}

/// The one drop of a stage's learning rate.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct LearningRateDrop {
    /// The first step with the lower rate.
    pub after: u64,
    /// The lower rate as a multiple of the first.
    pub factor: f64,
}

/// The classifier's stage.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClassifierStage {
    /// Steps and batches.
    #[serde(flatten, deserialize_with = "Schedule::flattened")]
    pub schedule: Schedule,
    /// Architecture.
    pub network: ClassifierArchitecture,
    /// A checkpoint of torchvision's weights to start from instead of random ones: `.pth` or `.safetensors`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pretrained: Option<PathBuf>,
    /// What is inserted for its training. A classifier that also knows faint anomalies calls an image normal only once
    /// hardly anything of the anomaly is left; it is judged on the recipe's `anomaly` all the same.
    pub anomaly: AnomalyRecipe,
    /// How its slices are moved.
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
            .or_else(|| moved(self.augmentation.as_ref()))
            .or_else(|| within(self.training.problem(), "training"))
    }
}

/// Pretraining from what is inserted in normal slices, which the recipe's data must allow.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PretrainingStage<C> {
    /// Steps and batches.
    #[serde(flatten, deserialize_with = "Schedule::flattened")]
    pub schedule: Schedule,
    /// What is inserted.
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

/// The counterfactual's stage.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CounterfactualStage {
    /// Steps and batches.
    #[serde(flatten, deserialize_with = "Schedule::flattened")]
    pub schedule: Schedule,
    /// How its slices are moved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub augmentation: Option<Augmentation>,
    /// Architecture of E and G.
    pub inpainter: InpainterConfig,
    /// Architecture of D.
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
                    format!("discriminator.conditions: training.bins needs one a bin, {bins}, and not {found}")
                })
            })
            .or_else(|| {
                let (found, method) = (self.inpainter.conditions, self.training.method);
                (method != Method::Coin && found != bins)
                    .then(|| format!("inpainter.conditions: this method needs one a bin, {bins}, and not {found}"))
            })
            .or_else(|| self.schedule.problem())
            .or_else(|| moved(self.augmentation.as_ref()))
    }
}

/// The segmenter's stage; its network is a U-Net of the inpainter's widths.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SegmenterStage {
    /// Steps and batches.
    #[serde(flatten, deserialize_with = "Schedule::flattened")]
    pub schedule: Schedule,
    /// Optimizer.
    pub training: SegmenterConfig,
}

impl SegmenterStage {
    pub(super) fn problem(&self) -> Option<String> {
        self.schedule.problem().or_else(|| within(self.training.problem(), "training"))
    }
}

fn moved(augmentation: Option<&Augmentation>) -> Option<String> {
    within(augmentation?.problem(), "augmentation")
}
