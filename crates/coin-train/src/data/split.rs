//! Splits patients into training, validation and test sets; all slices of a patient are in the same set.

use std::collections::{BTreeMap, BTreeSet};

use serde::Deserialize;
use sha2::{Digest as _, Sha256};

use super::{Row, SliceTable, Subset};
use crate::Error;
use crate::files;
use crate::recipe::{Split, Task};

/// One in this many training patients is used for validation if the data names no validation patients.
const VALIDATION_MODULUS: u8 = 6;

impl Split {
    /// Assigns patients to subsets. Patients that are missing in the result are not used.
    ///
    /// # Errors
    /// If the data has no split, lists are invalid, or a patient is in two subsets.
    pub fn assign(&self, table: &SliceTable, task: &Task) -> Result<BTreeMap<String, Subset>, Error> {
        let (rows, patients) = (table.rows(), table.patients());
        match self {
            Self::Given => assign_given(rows),
            Self::Ratio { validation, test } => Ok(patients
                .iter()
                .map(|patient| {
                    let at = unit_hash(patient.as_str());
                    let subset = match at {
                        _ if at < *test => Subset::Test,
                        _ if at < test + validation => Subset::Validation,
                        _ => Subset::Train,
                    };
                    (patient.clone(), subset)
                })
                .collect()),
            Self::Folds { folds, fold } => Ok(assign_folds(rows, task, *folds, *fold)),
            Self::Lists { file } => {
                let lists = Lists::read(file)?;
                lists.assign(patients, &file.display().to_string())
            }
        }
    }
}

fn assign_given(rows: &[Row]) -> Result<BTreeMap<String, Subset>, Error> {
    let mut subsets = BTreeMap::new();
    for row in rows {
        let Some(subset) = row.split else { continue };
        if *subsets.entry(row.patient.clone()).or_insert(subset) != subset {
            let reason = format!(
                "patient {} has slices of two splits; assign all slices of a patient to one split",
                row.patient
            );
            return Err(Error::Split(reason));
        }
    }
    if subsets.is_empty() && !rows.is_empty() {
        let reason = "the data does not define a split; choose kind = \"ratio\", \"folds\" or \"lists\"";
        return Err(Error::Split(reason.into()));
    }
    Ok(with_validation(subsets))
}

/// Moves a sixth of the training patients to validation if there are no validation patients.
fn with_validation(mut subsets: BTreeMap<String, Subset>) -> BTreeMap<String, Subset> {
    if !subsets.values().any(|subset| *subset == Subset::Validation) {
        let train = subsets.iter_mut().filter(|(_, subset)| **subset == Subset::Train);
        train.filter(|(patient, _)| is_validation(patient)).for_each(|(_, subset)| *subset = Subset::Validation);
    }
    subsets
}

/// Distributes patients over folds: in descending order of the area of the finding, each to the fold with the smallest total.
fn assign_folds(rows: &[Row], task: &Task, folds: usize, fold: usize) -> BTreeMap<String, Subset> {
    // If the finding has no labels, balance the first ignored label instead.
    let labels = match task.finding_labels() {
        [] => &task.ignore.0[..task.ignore.0.len().min(1)],
        labels => labels,
    };
    let mut area: BTreeMap<&str, u64> = BTreeMap::new();
    for row in rows {
        *area.entry(row.patient.as_str()).or_default() += u64::from(row.pixels(labels));
    }
    let mut patients: Vec<(&str, u64)> = area.into_iter().collect();
    patients.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| digest(a.0).cmp(&digest(b.0))));
    // Area first, then the number of patients, so that patients without the finding are balanced, too.
    let mut totals = vec![(0_u64, 0_usize); folds];
    let mut subsets = BTreeMap::new();
    for (patient, area) in patients {
        let Some(least) = (0..folds).min_by_key(|&i| totals[i]) else { continue };
        totals[least] = (totals[least].0 + area, totals[least].1 + 1);
        let subset = match least {
            _ if least == fold => Subset::Test,
            _ if least == (fold + 1) % folds => Subset::Validation,
            _ => Subset::Train,
        };
        subsets.insert(patient.to_owned(), subset);
    }
    subsets
}

/// Lists of patients.
#[derive(Clone, Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Lists {
    train: Vec<String>,
    #[serde(default)]
    validation: Vec<String>,
    #[serde(default)]
    test: Vec<String>,
}

/// One fold of nnU-Net's `splits_final.json`.
#[derive(Deserialize)]
pub(super) struct Fold {
    pub(super) train: Vec<String>,
    pub(super) val: Vec<String>,
}

impl Lists {
    fn read(file: &std::path::Path) -> Result<Self, Error> {
        let bytes = files::read(file)?;
        let wrong = |reason: String| {
            Error::folder(
                file,
                format!("{reason}; it must contain train, validation and test, each a list of patients"),
            )
        };
        let text = String::from_utf8(bytes).map_err(|_| wrong("it is not UTF-8 text".into()))?;
        if file.extension().is_none_or(|extension| extension != "json") {
            return toml::from_str(&text).map_err(|reason| wrong(reason.to_string()));
        }
        match serde_json::from_str::<Vec<Fold>>(&text).map(|folds| folds.into_iter().next()) {
            Ok(Some(Fold { train, val })) => Ok(Self { train, validation: Vec::new(), test: val }),
            Ok(None) => Err(wrong("it contains no folds".into())),
            Err(_) => serde_json::from_str(&text).map_err(|reason| wrong(reason.to_string())),
        }
    }

    fn assign(self, patients: &BTreeSet<String>, file: &str) -> Result<BTreeMap<String, Subset>, Error> {
        let lists = [(Subset::Train, self.train), (Subset::Validation, self.validation), (Subset::Test, self.test)];
        let mut subsets = BTreeMap::new();
        for (subset, list) in lists {
            for patient in list {
                if !patients.contains(&patient) {
                    return Err(Error::Split(format!(
                        "{file} names {patient}, who is not in the data; correct the list"
                    )));
                }
                if let Some(other) = subsets.insert(patient.clone(), subset)
                    && other != subset
                {
                    let reason = format!("{file} has {patient} in two lists; keep each patient in one list");
                    return Err(Error::Split(reason));
                }
            }
        }
        Ok(with_validation(subsets))
    }
}

fn digest(patient: &str) -> [u8; 32] {
    Sha256::digest(patient.as_bytes()).into()
}

fn is_validation(patient: &str) -> bool {
    digest(patient)[0].is_multiple_of(VALIDATION_MODULUS)
}

/// A hash of the patient's name in [0, 1).
fn unit_hash(patient: &str) -> f64 {
    let [a, b, c, d, ..] = digest(patient);
    f64::from(u32::from_le_bytes([a, b, c, d])) / (f64::from(u32::MAX) + 1.0)
}
