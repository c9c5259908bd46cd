//! TotalSegmentator, in the layout of its releases and in that of COIN's reference implementation.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::{Found, LabelFile, Volume, Wanted, entries, folders};
use crate::Error;
use crate::data::description::{Labels, meant};
use crate::data::{Description, Subset, spreadsheet};
use crate::files::without_volume_ending;

/// Names of the image of a case, without ending, with their modality.
const IMAGES: [(&str, &str); 2] = [("ct", "CT"), ("mri", "MR")];
/// Folder of a case with one mask file per structure.
const STRUCTURES: &str = "segmentations";
/// Folder of label volumes in the reference layout.
const PREDICTIONS: &str = "nnUNet_predictions";
/// The only label in the reference layout.
const ORGAN: u8 = 1;

/// A line of `meta.csv`.
#[derive(Deserialize)]
struct Meta {
    image_id: String,
    split: String,
}

/// Finds the cases of a TotalSegmentator folder ([`super::look`]).
pub fn look(folder: &Path, wanted: &Wanted) -> Result<Found, Error> {
    if folder.join(PREDICTIONS).is_dir() {
        look_at_predictions(folder, wanted)
    } else {
        look_at_release(folder, wanted)
    }
}

fn look_at_release(folder: &Path, wanted: &Wanted) -> Result<Found, Error> {
    let splits = splits(&folder.join("meta.csv"))?;
    let cases = folders(folder, "s")?;
    let mut structures = BTreeSet::new();
    for (_, path) in &cases {
        if path.join(STRUCTURES).is_dir() {
            let files = entries(&path.join(STRUCTURES))?;
            structures.extend(files.iter().filter_map(|(name, _)| without_volume_ending(name).map(str::to_owned)));
        }
    }
    let meant = |names: &[String]| -> BTreeSet<String> {
        let found = names.iter().flat_map(|name| meant(name, structures.iter().map(String::as_str)));
        found.map(str::to_owned).collect()
    };
    let (organ, others) = (meant(&wanted.organ), meant(&wanted.others));
    let known = || structures.iter().map(String::as_str).collect::<Vec<_>>().join(", ");
    let asked_for = !wanted.organ.is_empty() || !wanted.every_slice;
    if organ.is_empty() && others.is_empty() && asked_for && !structures.is_empty() {
        let asked = [wanted.organ.as_slice(), &wanted.others].concat().join(", ");
        let reason = match asked.is_empty() {
            true => format!("no structures were requested; choose from {}", known()),
            false => format!("no structure is called {asked:?}; choose from {}", known()),
        };
        return Err(Error::folder(folder, reason));
    }
    let all: Vec<&String> = organ.iter().chain(others.difference(&organ)).collect();
    let values: Vec<(&str, u8)> = all.iter().map(|name| name.as_str()).zip(1..=u8::MAX).collect();
    let mut found = Found::new(Description::of_ct("TotalSegmentator", Labels::new(values.clone())));
    let mut first: Option<(String, &str)> = None;
    for (case, path) in cases {
        let files = entries(&path)?;
        let image_of = |(stem, modality): (&str, &'static str)| {
            let is_it = |name: &str| without_volume_ending(name).is_some_and(|found| found.eq_ignore_ascii_case(stem));
            files.iter().find(|(name, _)| is_it(name)).map(|(_, path)| (path.clone(), modality))
        };
        let Some((image, modality)) = IMAGES.into_iter().find_map(image_of) else {
            found.skip(&case, "ct.nii.gz is missing");
            continue;
        };
        let (known, of_first) = first.get_or_insert_with(|| (case.clone(), modality));
        if *of_first != modality {
            let reason = format!("{known} is {of_first} and {case} is {modality}; keep each in a folder of its own");
            return Err(Error::folder(folder, reason));
        }
        found.description.modality = modality.to_owned();
        let structure = |name: &str| path.join(STRUCTURES).join(format!("{name}.nii.gz"));
        if let Some(missing) = organ.iter().find(|name| !structure(name).exists()) {
            found.skip(&case, format!("{STRUCTURES}/{missing}.nii.gz is missing"));
            continue;
        }
        let labels = values.iter().map(|(name, value)| (structure(name), *value)).filter(|(path, _)| path.exists());
        let labels = labels.map(|(path, value)| LabelFile { path, classes: vec![(1, value)] }).collect();
        found.volumes.push(Volume { split: splits.get(&case).copied(), case, image, labels });
    }
    Ok(found)
}

/// The split of each case in the release, if it has one.
fn splits(table: &Path) -> Result<BTreeMap<String, Subset>, Error> {
    if !table.exists() {
        return Ok(BTreeMap::new());
    }
    let wrong = |reason: String| Error::folder(table, reason);
    let mut reader = spreadsheet::open(table)?;
    let columns = reader.headers().map_err(|reason| wrong(reason.to_string()))?;
    let columns: csv::StringRecord = columns.iter().map(str::to_ascii_lowercase).collect();
    reader.set_headers(columns.clone());
    if let Some(missing) = ["image_id", "split"].into_iter().find(|name| !columns.iter().any(|column| column == *name))
    {
        return Err(wrong(format!("it has no column {missing}; separate its columns by semicolons, commas or tabs")));
    }
    let mut splits = BTreeMap::new();
    for line in reader.deserialize::<Meta>() {
        let Meta { image_id, split } = line.map_err(|reason| wrong(reason.to_string()))?;
        let subset = Subset::named(&split).map_err(|reason| wrong(format!("{image_id}: {reason}")))?;
        splits.extend(subset.map(|subset| (image_id, subset)));
    }
    Ok(splits)
}

/// Finds volumes in `train` and `test`, at any depth, and label volumes with the same names, where 1 is the organ.
fn look_at_predictions(folder: &Path, wanted: &Wanted) -> Result<Found, Error> {
    let names = if wanted.organ.is_empty() { &["organ".to_owned()] } else { &wanted.organ[..] };
    let organ = names.iter().map(|name| (name.as_str(), ORGAN));
    let mut found = Found::new(Description::of_ct("TotalSegmentator", Labels::new(organ)));
    for (part, subset) in [("train", Subset::Train), ("test", Subset::Test)] {
        for image in volumes_below(&folder.join(part))? {
            let name = image.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let case = without_volume_ending(&name).unwrap_or(&name).to_owned();
            let path = folder.join(PREDICTIONS).join(&name);
            if !path.exists() {
                found.skip(&case, format!("{PREDICTIONS}/{name} is missing"));
                continue;
            }
            let labels = vec![LabelFile { path, classes: vec![(ORGAN, ORGAN)] }];
            found.volumes.push(Volume { case, image, labels, split: Some(subset) });
        }
    }
    Ok(found)
}

fn volumes_below(folder: &Path) -> Result<Vec<PathBuf>, Error> {
    let mut volumes = Vec::new();
    for (name, path) in entries(folder)? {
        if path.is_dir() {
            volumes.extend(volumes_below(&path)?);
        } else if without_volume_ending(&name).is_some() {
            volumes.push(path);
        }
    }
    Ok(volumes)
}
