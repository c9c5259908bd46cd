//! Training recipes: TOML files, some of them embedded in the programs.

mod data;
mod input;
mod legacy;
mod library;
mod merge;
mod split;
mod stage;
mod task;

use coin_core::bundle::{self, Card};
use coin_core::training::{InpaintingConfig, LocalisationConfig};
use coin_imaging::anomaly::AnomalyStyle;
use serde::{Deserialize, Serialize};

use crate::Error;

pub use data::{DataRecipe, MOST_PHANTOMS, Selection};
pub use input::{Crop, Input};
pub use library::embedded;
pub use split::Split;
pub use stage::{
    ClassifierStage, CounterfactualStage, LearningRateSchedule, PretrainingStage, Schedule, SegmenterStage, StageName,
};
pub use task::{Finding, Names, Task};

/// The complete configuration of a training run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Recipe {
    /// Name of the recipe and of its runs.
    pub name: String,
    /// Name of the model file: lower case and hyphens.
    pub model: String,
    /// Display name of the model.
    pub title: String,
    /// Seed of initial weights, data order and synthetic anomalies.
    pub seed: u64,
    /// Licence of the trained weights.
    pub licence: String,
    /// Known limitations of the model, shown to its users.
    #[serde(default)]
    pub limits: String,
    /// The network input.
    pub input: Input,
    /// The finding and the organ.
    pub task: Task,
    /// The source of the slices.
    pub data: DataRecipe,
    /// The synthetic anomalies.
    pub anomaly: AnomalyRecipe,
    /// Localisation pretraining of the classifier on synthetic anomalies; optional.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub localisation_pretraining: Option<PretrainingStage<LocalisationConfig>>,
    /// The classifier stage.
    pub classifier: ClassifierStage,
    /// Inpainting pretraining of the inpainter on synthetic anomalies; optional.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inpainting_pretraining: Option<PretrainingStage<InpaintingConfig>>,
    /// The counterfactual stage.
    pub counterfactual: CounterfactualStage,
    /// A segmenter that trains on COIN's masks; optional.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub distillation: Option<SegmenterStage>,
    /// The supervised segmenter, an upper bound that trains on masks; optional.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub segmenter: Option<SegmenterStage>,
}

/// The part of a recipe that evaluations need. It is read from model files, whose recipes may have old or unknown keys.
#[derive(Clone, Debug, PartialEq, Deserialize)]
pub struct Protocol {
    /// Name of the recipe.
    pub name: String,
    /// The network input.
    pub input: Input,
    /// The finding and the organ.
    pub task: Task,
    /// The source of the slices.
    pub data: DataRecipe,
    /// The synthetic anomalies.
    pub anomaly: AnomalyRecipe,
}

impl Protocol {
    /// The protocol of a model card.
    ///
    /// # Errors
    /// If the recipe in the card is incomplete or invalid.
    pub fn of(card: &Card) -> Result<Self, Error> {
        // Other keys may contain nulls, which TOML does not support.
        let keys = ["name", "size", "crop_to_body", "window", "input", "task", "data", "anomaly"];
        let known = card.recipe.as_object().into_iter().flatten().filter(|(key, _)| keys.contains(&key.as_str()));
        let known: serde_json::Map<_, _> = known.map(|(key, value)| (key.clone(), value.clone())).collect();
        let read = || -> anyhow::Result<Self> {
            let mut table: toml::Table = serde::Deserialize::deserialize(serde_json::Value::from(known))?;
            let old = legacy::modernise(&mut table);
            legacy::complete(&mut table, &old);
            Ok(table.try_into()?)
        };
        let protocol = read().map_err(|reason| Error::Usage(format!("model {}: field recipe: {reason}", card.name)))?;
        // Training has replaced percentiles over a data set with a window.
        let input = Input { normalisation: card.normalisation, ..protocol.input };
        Ok(Self { input, ..protocol })
    }
}

/// Synthetic anomalies: appearance and frequency.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AnomalyRecipe {
    /// Width of the template in mm.
    pub diameter_mm: f32,
    /// Range of the maximum contrast as a fraction of the window.
    pub contrast: [f32; 2],
    /// Probability that a slice gets an anomaly.
    pub probability: f64,
    /// Patchy fading: [`AnomalyStyle::fading`].
    #[serde(default)]
    pub fading: f32,
    /// Fraction of the anomalies that are synthetic masses and cysts ([`coin_imaging::lesion`]) instead of the paper's anomaly.
    #[serde(default)]
    pub lesions: f64,
}

impl AnomalyRecipe {
    fn problem(&self) -> Option<String> {
        let fraction = |key: &str, value: f64| {
            (!(0.0..=1.0).contains(&value)).then(|| format!("{key}: {value} is not between 0 and 1"))
        };
        fraction("probability", self.probability)
            .or_else(|| fraction("lesions", self.lesions))
            .or_else(|| self.style().problem())
    }

    /// Size, contrast and fading.
    pub fn style(&self) -> AnomalyStyle {
        AnomalyStyle { diameter_mm: self.diameter_mm, contrast: self.contrast, fading: self.fading }
    }
}

impl Recipe {
    /// The segmenter stage; `None` if the recipe does not have one, or the data has no masks of the finding.
    pub fn segmenter(&self) -> Option<&SegmenterStage> {
        self.segmenter.as_ref().filter(|_| self.task.finding != Finding::Labelled)
    }

    /// The distillation stage, as [`Self::segmenter`]: its best state is chosen by the masks of validation.
    pub fn distillation(&self) -> Option<&SegmenterStage> {
        self.distillation.as_ref().filter(|_| self.task.finding != Finding::Labelled)
    }

    /// Whether the recipe has a stage.
    pub fn has(&self, stage: StageName) -> bool {
        match stage {
            StageName::LocalisationPretraining => self.localisation_pretraining.is_some(),
            StageName::Classifier | StageName::Counterfactual => true,
            StageName::InpaintingPretraining => self.inpainting_pretraining.is_some(),
            StageName::Distillation => self.distillation().is_some(),
            StageName::Segmenter => self.segmenter().is_some(),
        }
    }

    /// Makes all paths absolute, so that the recipe can be used from any folder.
    ///
    /// # Errors
    /// If the current folder cannot be read.
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

    /// The part that evaluations need.
    pub fn protocol(&self) -> Protocol {
        Protocol {
            name: self.name.clone(),
            input: self.input,
            task: self.task.clone(),
            data: self.data.clone(),
            anomaly: self.anomaly.clone(),
        }
    }

    fn problem(&self) -> Option<String> {
        let phantoms = matches!(self.data, DataRecipe::Phantom { .. });
        let inpainter = &self.counterfactual.inpainter;
        let segmenter = |stage: &SegmenterStage| stage.problem(self.input.size);
        let pretraining = self.localisation_pretraining.as_ref().map(|_| "localisation_pretraining");
        let pretraining = pretraining.or(self.inpainting_pretraining.as_ref().map(|_| "inpainting_pretraining"));
        let idle = pretraining.filter(|_| !self.task.inserts_in_training());
        [("name", &self.name), ("model", &self.model)]
            .into_iter()
            .find_map(|(key, name)| bundle::name_problem(name).map(|problem| format!("{key}: {problem}")))
            .or_else(|| {
                let cropped = phantoms && self.input.crops_to_body();
                cropped.then(|| "input.crop: phantoms are generated on the model's grid; leave it out".into())
            })
            .or_else(|| within(inpainter.problem(), "counterfactual.inpainter"))
            .or_else(|| within(self.input.problem(inpainter.side_multiple()), "input"))
            .or_else(|| within(self.task.problem(), "task"))
            .or_else(|| {
                let balanced = self.data.selection().1.balanced && self.task.finding == Finding::Synthetic;
                balanced.then(|| "data.balanced: all slices of this task are normal; leave it out".into())
            })
            .or_else(|| within(self.anomaly.problem(), "anomaly"))
            .or_else(|| {
                let needs = "task.finding = \"synthetic\" or task.train_on_synthetic = true";
                idle.map(|pretraining| format!("{pretraining}: the task inserts no anomalies in training; set {needs}"))
            })
            .or_else(|| {
                let stage = self.localisation_pretraining.as_ref();
                within(stage.and_then(|stage| stage.problem(LocalisationConfig::problem)), "localisation_pretraining")
            })
            .or_else(|| within(self.classifier.problem(), "classifier"))
            .or_else(|| {
                let stage = self.inpainting_pretraining.as_ref();
                within(stage.and_then(|stage| stage.problem(InpaintingConfig::problem)), "inpainting_pretraining")
            })
            .or_else(|| within(self.counterfactual.problem(self.input.size), "counterfactual"))
            .or_else(|| within(self.distillation.as_ref().and_then(segmenter), "distillation"))
            .or_else(|| within(self.segmenter.as_ref().and_then(segmenter), "segmenter"))
            .or_else(|| within(self.data.problem(), "data"))
    }
}

/// Prefixes a problem with the path of its table.
fn within(problem: Option<String>, table: &str) -> Option<String> {
    problem.map(|problem| format!("{table}.{problem}"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use coin_core::bundle::Normalisation;
    use coin_imaging::Window;
    use coin_imaging::augmentation::Augmentation;

    use super::*;

    #[test]
    fn the_phantom_model_is_trained_on_the_anomalies_of_dataset_phantom() {
        let quick = Recipe::load("quick", &[]).unwrap();
        let window = Normalisation::Window(Window::PHANTOM.into());
        assert_eq!((quick.input.normalisation, quick.anomaly.style()), (window, AnomalyStyle::PHANTOM));
    }

    #[test]
    fn the_kidney_classifier_uses_the_augmentation_of_the_paper() {
        let recipe = Recipe::load("kits23-anomalies", &[]).unwrap();
        assert_eq!(recipe.classifier.augmentation, Some(Augmentation::PAPER));
    }
}
