//! Training recipes: TOML files, some of them embedded.

mod data;
mod input;
mod legacy;
mod library;
mod stage;
mod task;

use coin_core::bundle::{self, Card, Normalisation, Over};
use coin_core::training::{InpaintingConfig, LocalisationConfig};
use coin_imaging::anomaly::AnomalyStyle;
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::data::Split;
use crate::data::source::Wanted;
use crate::program::BadInput;

pub use data::{DataRecipe, MOST_PHANTOMS, Selection};
pub use input::{Crop, Input};
pub use library::embedded;
pub use stage::{
    ClassifierStage, CounterfactualStage, LearningRateDrop, PretrainingStage, Schedule, SegmenterStage, StageName,
};
pub use task::{Finding, Names, Task};

/// Everything that decides a training.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Recipe {
    /// Name of the recipe and of its runs.
    pub name: String,
    /// Name of the model file it makes: lower case and hyphens.
    pub model: String,
    /// Name of the model for people.
    pub title: String,
    /// Decides weights, data order and synthetic anomalies.
    pub seed: u64,
    /// Licence of the trained weights.
    pub licence: String,
    /// What the model cannot do, for those who use it.
    #[serde(default)]
    pub limits: String,
    /// What the networks see of a slice.
    pub input: Input,
    /// What is looked for.
    pub task: Task,
    /// Where slices come from.
    pub data: DataRecipe,
    /// What is inserted.
    pub anomaly: AnomalyRecipe,
    /// The classifier's pretraining, if it has some: where something is inserted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub localisation_pretraining: Option<PretrainingStage<LocalisationConfig>>,
    /// The classifier's stage.
    pub classifier: ClassifierStage,
    /// The inpainter's pretraining, if it has some: to take away what is inserted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inpainting_pretraining: Option<PretrainingStage<InpaintingConfig>>,
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
    /// What the networks see of a slice.
    pub input: Input,
    /// What is looked for.
    pub task: Task,
    /// Where slices come from.
    pub data: DataRecipe,
    /// What is inserted.
    pub anomaly: AnomalyRecipe,
}

impl Protocol {
    /// What it needs of data sources.
    pub fn wanted(&self) -> Wanted {
        // A case's percentiles are those of its whole volume, in an explanation as well.
        let whole = matches!(self.input.normalisation, Normalisation::Percentiles { over: Over::Case, .. });
        Wanted::of(&self.task, self.data.selection().1.plane, whole)
    }

    /// Of a model file.
    ///
    /// # Errors
    /// When its recipe does not say all of it.
    pub fn of(card: &Card) -> Result<Self, BadInput> {
        // What is not of the protocol may hold nulls, which TOML has not.
        let keys = ["name", "size", "crop_to_body", "window", "input", "task", "data", "anomaly"];
        let known = card.recipe.as_object().into_iter().flatten().filter(|(key, _)| keys.contains(&key.as_str()));
        let known: serde_json::Map<_, _> = known.map(|(key, value)| (key.clone(), value.clone())).collect();
        let read = || -> anyhow::Result<Self> {
            let mut table: toml::Table = serde::Deserialize::deserialize(serde_json::Value::from(known))?;
            let old = legacy::modernise(&mut table);
            legacy::complete(&mut table, &old);
            Ok(table.try_into()?)
        };
        let protocol = read().map_err(|reason| BadInput(format!("model {}: field recipe: {reason}", card.name)))?;
        // Percentiles of a data set are a window by now.
        let input = Input { normalisation: card.normalisation, ..protocol.input };
        Ok(Self { input, ..protocol })
    }
}

/// What is inserted and how often.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AnomalyRecipe {
    /// Width of the template in mm.
    pub diameter_mm: f32,
    /// Range of the peak in units of the window.
    pub contrast: [f32; 2],
    /// Share of slices that get one.
    pub probability: f64,
    /// See [`AnomalyStyle::fading`].
    #[serde(default)]
    pub fading: f32,
    /// Share of the inserted that are synthetic masses and cysts ([`coin_imaging::lesion`]) instead of the paper's anomaly.
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
        AnomalyStyle { diameter_mm: self.diameter_mm, contrast: self.contrast, fading: self.fading }
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
        self.segmenter.as_ref().filter(|_| self.task.finding != Finding::Labelled)
    }

    /// Whether it says something of a stage.
    pub fn has(&self, stage: StageName) -> bool {
        match stage {
            StageName::LocalisationPretraining => self.localisation_pretraining.is_some(),
            StageName::Classifier | StageName::Counterfactual => true,
            StageName::InpaintingPretraining => self.inpainting_pretraining.is_some(),
            StageName::Segmenter => self.segmenter().is_some(),
        }
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
            input: self.input,
            task: self.task.clone(),
            data: self.data.clone(),
            anomaly: self.anomaly.clone(),
        }
    }

    fn problem(&self) -> Option<String> {
        let phantoms = matches!(self.data, DataRecipe::Phantom { .. });
        let inpainter = &self.counterfactual.inpainter;
        let pretraining = self.localisation_pretraining.as_ref().map(|_| "localisation_pretraining");
        let pretraining = pretraining.or(self.inpainting_pretraining.as_ref().map(|_| "inpainting_pretraining"));
        let idle = pretraining.filter(|_| !self.task.inserts_in_training());
        [("name", &self.name), ("model", &self.model)]
            .into_iter()
            .find_map(|(key, name)| bundle::name_problem(name).map(|problem| format!("{key}: {problem}")))
            .or_else(|| {
                let cropped = phantoms && self.input.crops_to_body();
                cropped.then(|| "input.crop: phantoms are made on the model's grid; leave it out".into())
            })
            .or_else(|| within(inpainter.problem(), "counterfactual.inpainter"))
            .or_else(|| within(self.input.problem(inpainter.side_multiple()), "input"))
            .or_else(|| within(self.task.problem(), "task"))
            .or_else(|| {
                let balanced = self.data.selection().1.balanced && self.task.finding == Finding::Synthetic;
                balanced.then(|| "data.balanced: no slice is abnormal by itself; leave it out".into())
            })
            .or_else(|| within(self.anomaly.problem(), "anomaly"))
            .or_else(|| {
                let needs = "task.finding = \"synthetic\", or task.train_on_synthetic";
                idle.map(|pretraining| format!("{pretraining}: nothing is inserted; it needs {needs}"))
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
            .or_else(|| within(self.segmenter.as_ref().and_then(SegmenterStage::problem), "segmenter"))
            .or_else(|| within(self.data.problem(), "data"))
    }
}

/// A problem of a key that stands in `table`.
fn within(problem: Option<String>, table: &str) -> Option<String> {
    problem.map(|problem| format!("{table}.{problem}"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use coin_imaging::Window;
    use coin_imaging::augmentation::Augmentation;

    use super::*;

    #[test]
    fn the_phantom_model_knows_the_anomalies_that_dataset_phantom_inserts() {
        let quick = Recipe::load("quick", &[]).unwrap();
        let window = Normalisation::Window(Window::PHANTOM.into());
        assert_eq!((quick.input.normalisation, quick.anomaly.style()), (window, AnomalyStyle::PHANTOM));
    }

    #[test]
    fn the_kidney_classifier_s_slices_are_moved_as_in_the_paper() {
        let recipe = Recipe::load("kits23-anomalies", &[]).unwrap();
        assert_eq!(recipe.classifier.augmentation, Some(Augmentation::PAPER));
    }
}
