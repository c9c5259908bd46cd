//! Where slices come from, and whose are for what.

use coin_imaging::Plane;
use serde::{Deserialize, Serialize};

use super::within;
use crate::data::Split;

/// Most phantoms of a subset: their seeds lie so far apart.
pub const MOST_PHANTOMS: usize = 1_000_000;

/// Where slices come from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "source", rename_all = "lowercase")]
pub enum DataRecipe {
    /// Made on the spot: so many patients for each subset.
    Phantom {
        /// Patients to train on.
        train: usize,
        /// Patients that choose checkpoint and threshold.
        validation: usize,
        /// Patients that are looked at once.
        test: usize,
    },
    /// The folders that `--data` names.
    Slices {
        /// What the slices are, for model cards.
        #[serde(default)]
        name: String,
        /// How they are cut and drawn, and whose are for what.
        #[serde(flatten)]
        selection: Selection,
    },
}

impl DataRecipe {
    /// The name of the slices and which of them are used; the usual ones where a recipe for phantoms is given a folder.
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

/// How volumes are cut, how slices are drawn, and which patients are for what.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Selection {
    /// How volumes are cut.
    pub plane: Plane,
    /// Batches take as many slices that are abnormal by themselves as others.
    pub balanced: bool,
    /// Which patients are for training, validation and test.
    pub split: Split,
}
