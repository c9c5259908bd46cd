//! Where slices come from, and which of them are used for what.

use coin_imaging::Plane;
use serde::{Deserialize, Serialize};

use super::within;
use crate::data::Split;

/// Most phantoms of a purpose: their seeds lie so far apart.
pub const MOST_PHANTOMS: usize = 1_000_000;

/// Where slices come from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "source", rename_all = "lowercase")]
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
    /// The folders that `--data` names.
    Slices {
        /// What the slices are, for model cards.
        #[serde(default)]
        name: String,
        /// Which of them are used.
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

    /// Whether anomalies are planted in training.
    pub fn is_planted_in_training(&self) -> bool {
        let (_, selection) = self.selection();
        match selection.abnormal {
            Abnormal::Planted => true,
            Abnormal::Tumour => selection.train_on_planted,
            Abnormal::Labelled => false,
        }
    }

    pub(super) fn problem(&self) -> Option<String> {
        match self {
            Self::Phantom { train, validation, test } => {
                let counts = [("train", train), ("validation", validation), ("test", test)];
                let wrong = counts.into_iter().find(|(_, count)| !(1..=MOST_PHANTOMS).contains(*count));
                wrong.map(|(key, count)| format!("{key}: {count} is not between 1 and {MOST_PHANTOMS} patients"))
            }
            Self::Slices { selection, .. } => selection.problem(),
        }
    }
}

/// Which slices are used, what makes them abnormal, and whose are for what.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Selection {
    /// How volumes are cut.
    pub plane: Plane,
    /// What makes a slice abnormal.
    pub abnormal: Abnormal,
    /// Fewest pixels of kidney, at the image's own resolution, of a normal slice.
    pub kidney_pixels: u32,
    /// Fewest pixels of tumour, at the image's own resolution, of an abnormal slice.
    pub tumour_pixels: u32,
    /// Whether slices with a cyst and no tumour are left out instead of being normal.
    pub without_cysts: bool,
    /// Whether anomalies are planted into slices with tumour or cyst, too, as long as there is healthy kidney: in training
    /// alone. What is diseased by itself is in normal and abnormal slices alike, so that it tells nothing.
    pub train_on_diseased: bool,
    /// Whether what the recipe plants counts as abnormal beside tumours: in training, in normal slices alone. So few
    /// tumours are known that made-up ones have much to teach.
    pub train_on_planted: bool,
    /// Batches take as many slices that are abnormal by themselves as others; what is planted is planted in the others.
    pub balanced: bool,
    /// Which patients are for training, validation and test.
    pub split: Split,
}

impl Default for Selection {
    fn default() -> Self {
        Self {
            plane: Plane::Axial,
            abnormal: Abnormal::Planted,
            kidney_pixels: 300,
            tumour_pixels: 100,
            without_cysts: false,
            train_on_diseased: false,
            train_on_planted: false,
            balanced: false,
            split: Split::Given,
        }
    }
}

impl Selection {
    fn problem(&self) -> Option<String> {
        let planted = self.abnormal == Abnormal::Planted;
        let tumour = self.abnormal == Abnormal::Tumour;
        let idle = [
            ("without_cysts", self.without_cysts && !tumour, "is for abnormal = \"tumour\" alone"),
            ("train_on_planted", self.train_on_planted && !tumour, "is for abnormal = \"tumour\" alone"),
            ("train_on_diseased", self.train_on_diseased && !planted, "is for abnormal = \"planted\" alone"),
            ("balanced", self.balanced && planted, "is for slices that are abnormal by themselves"),
        ];
        let idle = idle.into_iter().find(|(_, idle, _)| *idle);
        let idle = idle.map(|(key, _, what)| format!("{key}: it {what}; leave it out"));
        idle.or_else(|| within(self.split.problem(), "split"))
    }

    /// What is looked for, in words.
    pub fn wanted(&self) -> String {
        let kidney = format!("at least {} pixels of kidney", self.kidney_pixels);
        match self.abnormal {
            Abnormal::Planted => format!("{kidney} without tumour or cyst"),
            Abnormal::Tumour => {
                let cyst = if self.without_cysts { " or cyst" } else { "" };
                format!("at least {} pixels of tumour, or {kidney} without tumour{cyst}", self.tumour_pixels)
            }
            Abnormal::Labelled => "a label, normal or abnormal".into(),
        }
    }
}

/// What makes a slice abnormal.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Abnormal {
    /// A planted anomaly, in slices without tumour or cyst.
    #[default]
    Planted,
    /// A tumour; nothing is planted, unless [`Selection::train_on_planted`].
    Tumour,
    /// The data says so of the whole slice; nothing is planted, and where it is, nobody knows.
    Labelled,
}
