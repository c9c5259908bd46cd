//! Training recipes: TOML files, some of them embedded.

use std::path::Path;

use coin_core::networks::{DiscriminatorConfig, InpainterConfig, ResNetConfig};
use coin_core::training::{ClassifierConfig, CoinConfig};
use coin_imaging::Window;
use coin_imaging::anomaly::AnomalyStyle;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// The recipes that the program carries: name and text.
const EMBEDDED: [(&str, &str); 2] = [
    ("quick", include_str!("../recipes/quick.toml")),
    ("kits23-anomalies", include_str!("../recipes/kits23-anomalies.toml")),
];

/// Everything that decides a training.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
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
    /// HU that become -1 and 1.
    pub window: Window,
    /// Licence of the trained weights.
    pub licence: String,
    /// Where slices come from.
    pub data: DataRecipe,
    /// What is planted.
    pub anomaly: AnomalyRecipe,
    /// The classifier's stage.
    pub classifier: ClassifierStage,
    /// The counterfactual's stage.
    pub counterfactual: CounterfactualStage,
}

/// Where slices come from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "source", rename_all = "lowercase", deny_unknown_fields)]
pub enum DataRecipe {
    /// Made on the spot: so many patients for each purpose.
    Phantom {
        /// Patients to train on.
        train: usize,
        /// Patients that choose checkpoint and threshold.
        validation: usize,
        /// Patients that are looked at once.
        test: usize,
    },
    /// A folder of slices, given by `--data slices:DIR`.
    Slices {},
}

/// What is planted and how often.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AnomalyRecipe {
    /// Width of the template in mm.
    pub diameter_mm: f32,
    /// Range of the peak in units of the window.
    pub contrast: [f32; 2],
    /// Share of slices that get one.
    pub probability: f64,
}

impl AnomalyRecipe {
    /// Size and brightness.
    pub fn style(&self) -> AnomalyStyle {
        AnomalyStyle { diameter_mm: self.diameter_mm, contrast: self.contrast }
    }
}

/// The classifier's stage.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClassifierStage {
    /// Architecture.
    pub network: ResNetConfig,
    /// Range of the peaks it is trained on, in units of the window. A classifier that also knows faint anomalies calls
    /// an image normal only once hardly any of the anomaly is left; it is judged on `anomaly.contrast` all the same.
    pub contrast: [f32; 2],
    /// Steps in all.
    pub steps: u64,
    /// Slices a step.
    pub batch: usize,
    /// Steps between validations.
    pub validate_every: u64,
    /// Optimizer and loss.
    pub training: ClassifierConfig,
}

/// The counterfactual's stage.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CounterfactualStage {
    /// Steps in all.
    pub steps: u64,
    /// Slices a step.
    pub batch: usize,
    /// Steps between validations.
    pub validate_every: u64,
    /// From this step on the learning rate is multiplied by `drop_factor`.
    pub drop_after: u64,
    /// See `drop_after`.
    pub drop_factor: f64,
    /// Architecture of E and G.
    pub inpainter: InpainterConfig,
    /// Architecture of D.
    pub discriminator: DiscriminatorConfig,
    /// Optimizers and loss.
    pub training: CoinConfig,
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

/// Names of the embedded recipes.
pub fn embedded() -> impl Iterator<Item = &'static str> {
    EMBEDDED.iter().map(|(name, _)| *name)
}

impl Recipe {
    /// An embedded recipe by name or a TOML file by path, with `key=value` changes applied.
    pub fn load(name: &str, changes: &[String]) -> Result<Self, RecipeError> {
        let embedded = EMBEDDED.iter().find(|(known, _)| *known == name).map(|(_, text)| (*text).to_owned());
        let text = match embedded {
            Some(text) => text,
            None => std::fs::read_to_string(Path::new(name)).map_err(|_| RecipeError::Unknown {
                name: name.into(),
                known: self::embedded().collect::<Vec<_>>().join(", "),
            })?,
        };
        let invalid = |reason: String| RecipeError::Invalid { name: name.into(), reason };
        let mut table: toml::Table = text.parse().map_err(|reason: toml::de::Error| invalid(reason.to_string()))?;
        for change in changes {
            set(&mut table, change)?;
        }
        let recipe: Self = table.try_into().map_err(|reason: toml::de::Error| invalid(reason.to_string()))?;
        match recipe.problem() {
            Some(reason) => Err(invalid(reason)),
            None => Ok(recipe),
        }
    }

    /// What is planted for the classifier's training.
    pub fn classifier_anomaly(&self) -> AnomalyRecipe {
        AnomalyRecipe { contrast: self.classifier.contrast, ..self.anomaly.clone() }
    }

    fn problem(&self) -> Option<String> {
        let inpainter = &self.counterfactual.inpainter;
        let within = |problem: Option<String>, key: &str| problem.map(|problem| format!("{key}: {problem}"));
        within(inpainter.problem(), "counterfactual.inpainter")
            .or_else(|| within(self.classifier.network.problem(), "classifier.network"))
            .or_else(|| {
                let multiple = inpainter.side_multiple();
                let fits = self.size > 0 && self.size <= 2048 && self.size.is_multiple_of(multiple);
                (!fits).then(|| format!("size: {} is not a multiple of {multiple} up to 2048", self.size))
            })
            .or_else(|| {
                let positive = self.classifier.batch > 1 && self.counterfactual.batch > 1;
                (!positive).then(|| "batch: batch normalisation needs at least 2 slices a step".into())
            })
            .or_else(|| {
                let known = (0.0..=1.0).contains(&self.anomaly.probability);
                (!known).then(|| format!("anomaly.probability: {} is not in 0..1", self.anomaly.probability))
            })
            .or_else(|| {
                let validated = self.classifier.validate_every > 0 && self.counterfactual.validate_every > 0;
                (!validated).then(|| "validate_every: must be at least 1".into())
            })
    }
}

/// Sets `a.b.c=value` in a table; the value is TOML, or else a string.
fn set(table: &mut toml::Table, change: &str) -> Result<(), RecipeError> {
    let wrong = |reason: &str| RecipeError::Change { change: change.into(), reason: reason.into() };
    let (path, value) = change.split_once('=').ok_or_else(|| wrong("write it as key=value"))?;
    let parsed = format!("value = {value}").parse::<toml::Table>().ok().and_then(|mut table| table.remove("value"));
    let value = parsed.unwrap_or_else(|| toml::Value::String(value.to_owned()));
    let mut keys: Vec<&str> = path.trim().split('.').collect();
    let last = keys.pop().unwrap_or_default();
    let mut inner = table;
    for key in keys {
        let next = inner.get_mut(key).and_then(toml::Value::as_table_mut);
        inner = next.ok_or_else(|| wrong(&format!("the recipe has no table {key}")))?;
    }
    if !inner.contains_key(last) {
        return Err(wrong(&format!("the recipe has no key {last}")));
    }
    inner.insert(last.to_owned(), value);
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn every_embedded_recipe_is_valid() {
        for name in embedded() {
            assert_eq!(Recipe::load(name, &[]).unwrap().name, name);
        }
    }

    #[test]
    fn changes_are_typed_and_unknown_keys_refused() {
        let change = |change: &str| Recipe::load("quick", &[change.to_owned()]);
        assert_eq!(
            change("counterfactual.training.learning_rate=1e-4").unwrap().counterfactual.training.learning_rate,
            1e-4
        );
        assert_eq!(change("title=Mine").unwrap().title, "Mine");
        assert!(change("learning_rat=1").unwrap_err().to_string().contains("no key learning_rat"));
        assert!(change("size=100").unwrap_err().to_string().contains("size"));
        assert!(change("size=large").unwrap_err().to_string().contains("size"));
    }
}
