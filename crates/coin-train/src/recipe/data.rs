//! The `data` section of a recipe: the source of the slices and the split of the patients.

use coin_imaging::Plane;
use serde::{Deserialize, Serialize};

use super::{Split, within};

/// Maximum number of phantom patients per subset; each subset has its own range of seeds of this length.
pub const MOST_PHANTOMS: usize = 1_000_000;

/// The source of the slices.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "source", rename_all = "lowercase")]
pub enum DataRecipe {
    /// Phantoms, generated on the fly.
    Phantom {
        /// Number of training patients.
        train: usize,
        /// Number of validation patients, which select checkpoint and threshold.
        validation: usize,
        /// Number of test patients, which are evaluated once.
        test: usize,
    },
    /// The folders that `--data` names.
    Slices {
        /// Name of the data set, for model cards.
        #[serde(default)]
        name: String,
        /// Slice extraction, sampling and split.
        #[serde(flatten)]
        selection: Selection,
    },
}

impl DataRecipe {
    /// The name of the data set and its selection; the defaults if a phantom recipe is used with a folder.
    pub fn selection(&self) -> (String, Selection) {
        match self {
            Self::Slices { name, selection } => (name.clone(), selection.clone()),
            Self::Phantom { .. } => (String::new(), Selection::default()),
        }
    }

    pub(super) fn problem(&self) -> Option<String> {
        match self {
            Self::Phantom { train, validation, test } => {
                let counts = [("train", train), ("validation", validation), ("test", test)];
                let wrong = counts.into_iter().find(|(_, count)| !(1..=MOST_PHANTOMS).contains(*count));
                wrong.map(|(key, count)| format!("{key}: {count} is not between 1 and {MOST_PHANTOMS} patients"))
            }
            Self::Slices { selection, .. } => within(selection.split.problem(), "split"),
        }
    }
}

/// Slice extraction from volumes, sampling of batches, and the split of the patients.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Selection {
    /// Plane of the slices that are extracted from volumes.
    pub plane: Plane,
    /// Whether batches contain as many abnormal as normal slices, not counting synthetic anomalies.
    pub balanced: bool,
    /// Split of the patients into training, validation and test sets.
    pub split: Split,
}
