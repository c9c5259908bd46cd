//! nnU-Net raw data, versions 1 and 2, and tasks of the Medical Segmentation Decathlon.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::{Found, LabelFile, Volume, entries};
use crate::Error;
use crate::data::split::Fold;
use crate::data::{Description, Subset, description};
use crate::files::{self, without_picture_ending, without_volume_ending};

/// File name suffix of the first channel.
const FIRST_CHANNEL: &str = "_0000";

/// Finds the cases of an nnU-Net folder ([`super::look`]).
pub fn look(folder: &Path) -> Result<Found, Error> {
    let description = Description::open(folder)?
        .ok_or_else(|| Error::folder(folder, format!("{} is missing; it must name the labels", description::FILE)))?;
    let classes: Vec<(u8, u8)> = description.labels.values().into_iter().map(|value| (value, value)).collect();
    let splits = splits(&folder.join("splits_final.json"))?;
    let has_test_set = ["imagesTs", "labelsTs"].iter().all(|part| folder.join(part).is_dir());
    let mut found = Found::new(description);
    for (part, subset) in [("Tr", None), ("Ts", Some(Subset::Test))] {
        let (images, labels) = (folder.join(format!("images{part}")), folder.join(format!("labels{part}")));
        if subset.is_some() && !has_test_set {
            continue;
        }
        // The labels may have another file format.
        let mut labelled: BTreeMap<String, Vec<PathBuf>> = BTreeMap::new();
        for (name, path) in if labels.is_dir() { entries(&labels)? } else { Vec::new() } {
            if let Some(stem) = without_image_ending(&name) {
                labelled.entry(stem.to_owned()).or_default().push(path);
            }
        }
        for (name, image) in entries(&images)? {
            let Some(stem) = without_image_ending(&name) else { continue };
            let case = match stem.strip_suffix(FIRST_CHANNEL) {
                // Single-channel images of the Decathlon have no channel suffix, but their names can end like one.
                _ if labelled.contains_key(stem) => stem,
                Some(case) => case,
                None if is_further_channel(stem) => continue,
                None => stem,
            };
            let ending = name.get(stem.len()..).unwrap_or_default();
            let usual = labels.join(format!("{case}{ending}"));
            let path = match labelled.get(case).map(Vec::as_slice) {
                Some([path]) => path.clone(),
                Some(several) if several.contains(&usual) => usual,
                Some(_) => {
                    found.skip(case, format!("labels{part} has several files of this name; keep one"));
                    continue;
                }
                None => {
                    found.skip(case, format!("labels{part}/{case}{ending} is missing"));
                    continue;
                }
            };
            // The held-out list is the validation set if there are separate test cases, otherwise the test set.
            let held_out = if has_test_set { Subset::Validation } else { Subset::Test };
            let listed = splits.get(case).map(|train| if *train { Subset::Train } else { held_out });
            let labels = vec![LabelFile { path, classes: classes.clone() }];
            let split = subset.or(listed).or(has_test_set.then_some(Subset::Train));
            found.volumes.push(Volume { case: case.to_owned(), image, labels, split });
        }
    }
    Ok(found)
}

/// The file name without the extension of a volume, or of a picture in data of single slices.
fn without_image_ending(name: &str) -> Option<&str> {
    without_volume_ending(name).or_else(|| without_picture_ending(name))
}

/// Whether a name ends with a channel number.
fn is_further_channel(stem: &str) -> bool {
    let number = stem.rsplit_once('_').map_or("", |(_, number)| number);
    number.len() == FIRST_CHANNEL.len() - 1 && number.bytes().all(|byte| byte.is_ascii_digit())
}

/// Whether each case in the first fold is a training case.
fn splits(file: &Path) -> Result<BTreeMap<String, bool>, Error> {
    if !file.exists() {
        return Ok(BTreeMap::new());
    }
    let folds: Vec<Fold> = serde_json::from_slice(&files::read(file)?).map_err(|reason| Error::folder(file, reason))?;
    let Some(Fold { train, val }) = folds.into_iter().next() else { return Ok(BTreeMap::new()) };
    if let Some(both) = train.iter().find(|case| val.contains(case)) {
        return Err(Error::folder(file, format!("{both} is in train and val of the first fold; keep it in one list")));
    }
    let listed = |cases: Vec<String>, train: bool| cases.into_iter().map(move |case| (case, train));
    Ok(listed(train, true).chain(listed(val, false)).collect())
}
