//! TotalSegmentator, in the layout of its releases and in the one of COIN's reference.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::{Found, LabelFile, Volume, entries, folders, without_ending};
use crate::data::table::{CYST, KIDNEY};
use crate::data::{DataError, Purpose};

/// The structures that are kidneys, and which a release must have.
const KIDNEYS: [&str; 2] = ["kidney_left", "kidney_right"];
/// Structures that later releases have beside them.
const CYSTS: [&str; 2] = ["kidney_cyst_left", "kidney_cyst_right"];
/// Label volumes of the reference's layout.
const PREDICTIONS: &str = "nnUNet_predictions";

/// The line of a case in `meta.csv`.
#[derive(Deserialize)]
struct Meta {
    image_id: String,
    split: String,
}

/// See [`super::look`].
pub fn look(folder: &Path) -> Result<Found, DataError> {
    if folder.join(PREDICTIONS).is_dir() { look_at_predictions(folder) } else { look_at_release(folder) }
}

fn look_at_release(folder: &Path) -> Result<Found, DataError> {
    let splits = splits(&folder.join("meta.csv"))?;
    let mut found = Found::default();
    for (case, path) in folders(folder, "s")? {
        let image = path.join("ct.nii.gz");
        if !image.exists() {
            found.skip(&case, "ct.nii.gz is missing");
            continue;
        }
        let structure = |name: &&str| path.join("segmentations").join(format!("{name}.nii.gz"));
        if let Some(missing) = KIDNEYS.iter().find(|name| !structure(name).exists()) {
            found.skip(&case, format!("segmentations/{missing}.nii.gz is missing"));
            continue;
        }
        let label = |class: u8| move |path: PathBuf| LabelFile { path, classes: vec![(1, class)] };
        let kidneys = KIDNEYS.iter().map(structure).map(label(KIDNEY));
        let cysts = CYSTS.iter().map(structure).filter(|path| path.exists()).map(label(CYST));
        let labels = kidneys.chain(cysts).collect();
        found.volumes.push(Volume { split: splits.get(&case).copied(), case, image, labels });
    }
    Ok(found)
}

/// What each case is for, where the release says so.
fn splits(table: &Path) -> Result<BTreeMap<String, Purpose>, DataError> {
    if !table.exists() {
        return Ok(BTreeMap::new());
    }
    let wrong = |reason: String| DataError::folder(table, reason);
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(b';')
        .from_path(table)
        .map_err(|reason| wrong(format!("it could not be read: {reason}")))?;
    let mut splits = BTreeMap::new();
    for line in reader.deserialize::<Meta>() {
        let Meta { image_id, split } = line.map_err(|reason| wrong(reason.to_string()))?;
        let purpose = Purpose::named(&split).map_err(|reason| wrong(format!("{image_id}: {reason}")))?;
        splits.extend(purpose.map(|purpose| (image_id, purpose)));
    }
    Ok(splits)
}

/// Volumes in `train` and `test`, at any depth, with label volumes of the same names, whose 1 is kidney.
fn look_at_predictions(folder: &Path) -> Result<Found, DataError> {
    let mut found = Found::default();
    for (part, purpose) in [("train", Purpose::Train), ("test", Purpose::Test)] {
        for image in volumes_below(&folder.join(part))? {
            let name = image.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let case = without_ending(&name).unwrap_or(&name).to_owned();
            let path = folder.join(PREDICTIONS).join(&name);
            if !path.exists() {
                found.skip(&case, format!("{PREDICTIONS}/{name} is missing"));
                continue;
            }
            let labels = vec![LabelFile { path, classes: vec![(1, KIDNEY)] }];
            found.volumes.push(Volume { case, image, labels, split: Some(purpose) });
        }
    }
    Ok(found)
}

fn volumes_below(folder: &Path) -> Result<Vec<PathBuf>, DataError> {
    let mut volumes = Vec::new();
    for (name, path) in entries(folder)? {
        if path.is_dir() {
            volumes.extend(volumes_below(&path)?);
        } else if without_ending(&name).is_some() {
            volumes.push(path);
        }
    }
    Ok(volumes)
}
