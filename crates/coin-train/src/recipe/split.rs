//! The split of the patients into subsets.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// How patients are split.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "lowercase")]
pub enum Split {
    /// The split of the data. If it has no validation set, a fixed sixth of the training patients is used.
    #[default]
    Given,
    /// At random by a hash of the patient's name, so that the split is the same on every machine.
    Ratio {
        /// Fraction of validation patients.
        validation: f64,
        /// Fraction of test patients.
        test: f64,
    },
    /// Folds with about the same total area of the finding: one for test, the next for validation, the others for training.
    Folds {
        /// Number of folds, at least 3.
        folds: usize,
        /// Index of the test fold, from 0.
        fold: usize,
    },
    /// Lists in a TOML or JSON file: `train`, `validation` and `test`; or nnU-Net's `splits_final.json`, where `val` of the
    /// first fold is the test set. Without a validation list, a fixed sixth of the training patients is used. Patients that
    /// are not listed are skipped.
    Lists {
        /// The file.
        file: PathBuf,
    },
}

impl Split {
    /// The first problem, if any, as `key: reason`.
    pub fn problem(&self) -> Option<String> {
        match self {
            Self::Ratio { validation, test } => {
                let both = validation + test;
                let fractions = [("validation", *validation), ("test", *test)];
                let wrong = fractions.into_iter().find(|(_, fraction)| !(0.0..1.0).contains(fraction));
                wrong.map(|(key, fraction)| format!("{key}: {fraction} is not in [0, 1)")).or_else(|| {
                    (both >= 1.0).then(|| {
                        format!("test: test and validation add up to {both}, which leaves no training patients")
                    })
                })
            }
            Self::Folds { folds: folds @ 0..=2, .. } => Some(format!("folds: {folds} is too few; choose at least 3")),
            Self::Folds { folds, fold } => {
                (fold >= folds).then(|| format!("fold: {fold} is too large; {folds} folds are numbered from 0"))
            }
            Self::Given | Self::Lists { .. } => None,
        }
    }
}
