//! Training recipes: TOML files, some of them embedded.

mod data;
mod library;

use std::path::PathBuf;

use coin_core::bundle::{self, Card};
use coin_core::method::Method;
use coin_core::networks::{ClassifierArchitecture, DiscriminatorConfig, InpainterConfig};
use coin_core::training::{
    ClassifierConfig, CounterfactualConfig, LocalisationConfig, RestorationConfig, SegmenterConfig,
};
use coin_imaging::Window;
use coin_imaging::anomaly::AnomalyStyle;
use coin_imaging::augmentation::Augmentation;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::data::{Grid, Split};
use crate::program::BadInput;

pub use data::{Abnormal, DataRecipe, Selection};
pub use library::embedded;

/// Everything that decides a training.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Recipe {
    /// Name of the recipe and of its runs.
    pub name: String,
    /// Name of the model file it makes: lower case and hyphens.
    pub model: String,
    /// Name of the model for people.
    pub title: String,
    /// Decides weights, data order and planted anomalies.
    pub seed: u64,
    /// Side of the input in pixels.
    pub size: usize,
    /// Whether the input is cropped to a square around the body.
    #[serde(default)]
    pub crop_to_body: bool,
    /// HU that become -1 and 1.
    pub window: Window,
    /// Licence of the trained weights.
    pub licence: String,
    /// What the model cannot do, for those who use it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub limits: String,
    /// Where slices come from.
    pub data: DataRecipe,
    /// What is planted.
    pub anomaly: AnomalyRecipe,
    /// The classifier's first lessons, if it has some: where something is planted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub localisation: Option<LessonStage<LocalisationConfig>>,
    /// The classifier's stage.
    pub classifier: ClassifierStage,
    /// The inpainter's first lessons, if it has some: to take away what is planted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restoration: Option<LessonStage<RestorationConfig>>,
    /// The counterfactual's stage.
    pub counterfactual: CounterfactualStage,
    /// The stage of a segmenter that sees masks, to hold the counterfactual against.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub segmenter: Option<SegmenterStage>,
}

/// What an evaluation needs to know of the recipe that a model was trained by. Read from model files, whose recipes may
/// have other keys than today's.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Protocol {
    /// Name of the recipe.
    pub name: String,
    /// Side of the input in pixels.
    pub size: usize,
    /// Whether the input is cropped to a square around the body.
    #[serde(default)]
    pub crop_to_body: bool,
    /// HU that become -1 and 1.
    pub window: Window,
    /// Where slices come from.
    pub data: DataRecipe,
    /// What is planted.
    pub anomaly: AnomalyRecipe,
}

impl Protocol {
    /// What slices become before a network sees them.
    pub fn grid(&self) -> Grid {
        Grid { size: self.size, crop_to_body: self.crop_to_body, window: self.window }
    }

    /// Of a model file.
    ///
    /// # Errors
    /// When its recipe does not say all of it.
    pub fn of(card: &Card) -> Result<Self, BadInput> {
        let protocol = serde_json::from_value(card.recipe.clone());
        protocol.map_err(|reason| BadInput(format!("model {}: field recipe: {reason}", card.name)))
    }
}

/// What is planted and how often.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AnomalyRecipe {
    /// Width of the template in mm.
    pub diameter_mm: f32,
    /// Range of the peak in units of the window.
    pub contrast: [f32; 2],
    /// Share of slices that get one.
    pub probability: f64,
    /// See [`AnomalyStyle::wear`].
    #[serde(default)]
    pub wear: f32,
    /// Share of the planted that are made-up masses and cysts ([`coin_imaging::lesion`]) instead of the paper's anomaly.
    #[serde(default)]
    pub lesions: f64,
}

impl AnomalyRecipe {
    fn problem(&self) -> Option<String> {
        let share =
            |key: &str, share: f64| (!(0.0..=1.0).contains(&share)).then(|| format!("{key}: {share} is not in 0..1"));
        share("probability", self.probability)
            .or_else(|| share("lesions", self.lesions))
            .or_else(|| self.style().problem())
    }

    /// Size and brightness.
    pub fn style(&self) -> AnomalyStyle {
        AnomalyStyle { diameter_mm: self.diameter_mm, contrast: self.contrast, wear: self.wear }
    }
}

/// The classifier's stage.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ClassifierStage {
    /// Architecture.
    pub network: ClassifierArchitecture,
    /// A checkpoint of torchvision's weights to start from instead of random ones: `.pth` or `.safetensors`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pretrained: Option<PathBuf>,
    /// What is planted for its training. A classifier that also knows faint anomalies calls an image normal only once
    /// hardly anything of the anomaly is left; it is judged on the recipe's `anomaly` all the same.
    pub anomaly: AnomalyRecipe,
    /// How its slices are moved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub augmentation: Option<Augmentation>,
    /// Steps in all.
    pub steps: u64,
    /// Slices a step.
    pub batch: usize,
    /// Steps between validations.
    pub validate_every: u64,
    /// When the learning rate falls, if it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub learning_rate_drop: Option<LearningRateDrop>,
    /// Optimizer and loss.
    pub training: ClassifierConfig,
}

/// First lessons from what is planted in normal slices, which the recipe's data must allow.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LessonStage<C> {
    /// Steps in all.
    pub steps: u64,
    /// Slices a step.
    pub batch: usize,
    /// Steps between validations.
    pub validate_every: u64,
    /// When the learning rate falls, if it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub learning_rate_drop: Option<LearningRateDrop>,
    /// What is planted.
    pub anomaly: AnomalyRecipe,
    /// Optimizer and loss.
    pub training: C,
}

/// The counterfactual's stage.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CounterfactualStage {
    /// Steps in all.
    pub steps: u64,
    /// Slices a step.
    pub batch: usize,
    /// How its slices are moved.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub augmentation: Option<Augmentation>,
    /// Steps between validations.
    pub validate_every: u64,
    /// When the learning rate falls, if it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub learning_rate_drop: Option<LearningRateDrop>,
    /// Architecture of E and G.
    pub inpainter: InpainterConfig,
    /// Architecture of D.
    pub discriminator: DiscriminatorConfig,
    /// Optimizers and loss.
    pub training: CounterfactualConfig,
}

/// The segmenter's stage; its network is a U-Net of the inpainter's widths.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SegmenterStage {
    /// Steps in all.
    pub steps: u64,
    /// Slices a step.
    pub batch: usize,
    /// Steps between validations.
    pub validate_every: u64,
    /// When the learning rate falls, if it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub learning_rate_drop: Option<LearningRateDrop>,
    /// Optimizer.
    pub training: SegmenterConfig,
}

/// The one drop of a stage's learning rate.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct LearningRateDrop {
    /// The first step with the lower rate.
    pub after: u64,
    /// The lower rate as a multiple of the first.
    pub factor: f64,
}

impl LearningRateDrop {
    /// The multiple of the learning rate at a step.
    pub fn rate(self, step: u64) -> f64 {
        if step >= self.after { self.factor } else { 1.0 }
    }
}

impl<C> LessonStage<C> {
    fn problem(&self, nothing_planted: bool) -> Option<String> {
        match self {
            _ if nothing_planted => {
                Some("nothing is planted; it needs data.abnormal = \"planted\", or data.train_on_planted".into())
            }
            Self { batch: 0..=1, .. } => Some("batch: batch normalisation needs at least 2 slices a step".into()),
            Self { validate_every: 0, .. } => Some("validate_every: must be at least 1".into()),
            Self { anomaly, .. } => anomaly.problem().map(|problem| format!("anomaly: {problem}")),
        }
    }
}

impl CounterfactualStage {
    fn problem(&self, size: usize) -> Option<String> {
        let (discriminator, bins) = (&self.discriminator, self.training.bins);
        let blocks = discriminator.widths.len();
        if blocks == 0 || blocks > 10 || discriminator.widths.iter().any(|width| !(1..=4096).contains(width)) {
            return Some("discriminator.widths: name 1 to 10 blocks of 1 to 4096 channels".into());
        }
        let halvings = discriminator.halvings.min(blocks);
        if size >> halvings == 0 {
            return Some(format!("discriminator.halvings: {size} pixels cannot be halved {halvings} times"));
        }
        if !(2..=100).contains(&bins) || discriminator.conditions < bins {
            return Some(format!(
                "training.bins: {bins} is not in 2..100, or more than discriminator.conditions, {}",
                discriminator.conditions
            ));
        }
        if self.training.method != Method::Coin && self.inpainter.conditions != bins {
            let found = self.inpainter.conditions;
            return Some(format!("inpainter.conditions: this method needs one a bin, {bins}, and not {found}"));
        }
        None
    }
}

/// Why there is no recipe.
#[derive(Debug, Error)]
pub enum RecipeError {
    /// Neither embedded nor a file.
    #[error("recipe {name}: no such recipe or file; the embedded ones are {known}")]
    Unknown {
        /// What was asked for.
        name: String,
        /// The embedded ones.
        known: String,
    },
    /// Not TOML, an unknown key, or a missing one.
    #[error("recipe {name}: {reason}")]
    Invalid {
        /// The recipe.
        name: String,
        /// What is wrong, with the key.
        reason: String,
    },
    /// A change by `--set` that cannot be made.
    #[error("--set {change}: {reason}")]
    Change {
        /// The change.
        change: String,
        /// What is wrong.
        reason: String,
    },
}

impl Recipe {
    /// The segmenter's stage; `None` too where the data does not say where slices are abnormal.
    pub fn segmenter(&self) -> Option<&SegmenterStage> {
        self.segmenter.as_ref().filter(|_| self.data.selection().1.abnormal != Abnormal::Labelled)
    }

    /// The same from whatever folder a program is called in.
    pub fn absolute(mut self) -> std::io::Result<Self> {
        if let Some(path) = &mut self.classifier.pretrained {
            *path = std::path::absolute(&*path)?;
        }
        if let DataRecipe::Slices { selection, .. } = &mut self.data
            && let Split::Lists { file } = &mut selection.split
        {
            *file = std::path::absolute(&*file)?;
        }
        Ok(self)
    }

    /// What an evaluation needs of it.
    pub fn protocol(&self) -> Protocol {
        Protocol {
            name: self.name.clone(),
            size: self.size,
            crop_to_body: self.crop_to_body,
            window: self.window,
            data: self.data.clone(),
            anomaly: self.anomaly.clone(),
        }
    }

    fn problem(&self) -> Option<String> {
        let inpainter = &self.counterfactual.inpainter;
        let within = |problem: Option<String>, key: &str| problem.map(|problem| format!("{key}: {problem}"));
        let phantoms = matches!(self.data, DataRecipe::Phantom { .. });
        [("name", &self.name), ("model", &self.model)]
            .into_iter()
            .find_map(|(key, name)| within(bundle::name_problem(name), key))
            .or_else(|| {
                let cropped = phantoms && self.crop_to_body;
                cropped.then(|| "crop_to_body: phantoms are made on the model's grid; leave it out".into())
            })
            .or_else(|| within(inpainter.problem(), "counterfactual.inpainter"))
            .or_else(|| within(self.classifier.network.problem(), "classifier.network"))
            .or_else(|| {
                let multiple = inpainter.side_multiple();
                let fits = self.size > 0 && self.size <= 2048 && self.size.is_multiple_of(multiple);
                (!fits).then(|| format!("size: {} is not a multiple of {multiple} up to 2048", self.size))
            })
            .or_else(|| {
                let nothing = !self.data.is_planted_in_training();
                let localisation = self.localisation.as_ref().and_then(|lesson| lesson.problem(nothing));
                let problem = |lesson: &LessonStage<RestorationConfig>| {
                    lesson.problem(nothing).or_else(|| within(lesson.training.problem(), "training"))
                };
                let restoration = self.restoration.as_ref().and_then(problem);
                within(localisation, "localisation").or_else(|| within(restoration, "restoration"))
            })
            .or_else(|| {
                let segmented = self.segmenter.as_ref().is_none_or(|stage| stage.batch > 1);
                let positive = self.classifier.batch > 1 && self.counterfactual.batch > 1 && segmented;
                (!positive).then(|| "batch: batch normalisation needs at least 2 slices a step".into())
            })
            .or_else(|| {
                let planted = [("anomaly", &self.anomaly), ("classifier.anomaly", &self.classifier.anomaly)];
                planted.into_iter().find_map(|(key, anomaly)| within(anomaly.problem(), key))
            })
            .or_else(|| {
                let moved = [
                    ("classifier.augmentation", &self.classifier.augmentation),
                    ("counterfactual.augmentation", &self.counterfactual.augmentation),
                ];
                let problem = |augmentation: &Option<Augmentation>| augmentation.as_ref()?.problem();
                moved.into_iter().find_map(|(key, augmentation)| within(problem(augmentation), key))
            })
            .or_else(|| {
                let segmented = self.segmenter.as_ref().is_none_or(|stage| stage.validate_every > 0);
                let validated =
                    self.classifier.validate_every > 0 && self.counterfactual.validate_every > 0 && segmented;
                (!validated).then(|| "validate_every: must be at least 1".into())
            })
            .or_else(|| within(self.counterfactual.problem(self.size), "counterfactual"))
            .or_else(|| within(self.data.problem(), "data"))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn the_phantom_model_knows_the_anomalies_that_dataset_phantom_plants() {
        let quick = Recipe::load("quick", &[]).unwrap();
        assert_eq!((quick.window, quick.anomaly.style()), (Window::PHANTOM, AnomalyStyle::PHANTOM));
    }

    #[test]
    fn the_kidney_classifier_s_slices_are_moved_as_in_the_paper() {
        let recipe = Recipe::load("kits23-anomalies", &[]).unwrap();
        assert_eq!(recipe.classifier.augmentation, Some(Augmentation::PAPER));
    }
}
