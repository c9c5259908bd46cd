//! The KiTS challenges of 2019, 2021 and 2023.

use std::collections::BTreeMap;
use std::path::Path;

use super::{Found, LabelFile, Volume, folders};
use crate::Error;
use crate::data::description::Labels;
use crate::data::{Description, Subset, spreadsheet};
use crate::files;

/// Labels of the segmentation masks.
const LABELS: [(&str, u8); 3] = [("kidney", 1), ("tumour", 2), ("cyst", 3)];

/// Folders with the cases: that of the archives, and those of checkouts of the repositories of 2019, 2023 and 2021.
const PLACES: [&str; 4] = ["", "data", "dataset", "kits21/data"];

/// Finds the cases of a KiTS folder ([`super::look`]).
pub fn look(folder: &Path) -> Result<Found, Error> {
    let mut cases = Vec::new();
    for place in PLACES.map(|place| folder.join(place)).into_iter().filter(|place| place.is_dir()) {
        cases = folders(&place, "case_")?;
        if !cases.is_empty() {
            break;
        }
    }
    let splits = splits(folder)?;
    if !splits.is_empty() && !cases.iter().any(|(case, _)| splits.contains_key(case)) {
        let listed = splits.keys().next().cloned().unwrap_or_default();
        let reason = format!("they list {listed}, but no case of this folder; each line must be the name of a case");
        return Err(Error::folder(folder.join("splits"), reason));
    }
    let mut found = Found::new(Description::of_ct("KiTS", Labels::new(LABELS)));
    for (case, path) in cases {
        let image = path.join("imaging.nii.gz");
        // KiTS21 has labels of several annotators; use their majority vote.
        let labels = ["segmentation.nii.gz", "aggregated_MAJ_seg.nii.gz"].map(|name| path.join(name));
        let label = labels.into_iter().find(|path| path.exists());
        match label {
            _ if !image.exists() => found.skip(&case, "imaging.nii.gz is missing"),
            None => found.skip(&case, "segmentation.nii.gz is missing"),
            Some(path) => {
                let classes = LABELS.map(|(_, value)| (value, value)).to_vec();
                let labels = vec![LabelFile { path, classes }];
                found.volumes.push(Volume { split: splits.get(&case).copied(), case, image, labels });
            }
        }
    }
    Ok(found)
}

/// Reads the case lists `splits/{train,val,test}_scans.csv`, which COIN's reference implementation uses.
fn splits(folder: &Path) -> Result<BTreeMap<String, Subset>, Error> {
    let mut splits = BTreeMap::new();
    for (name, subset) in [("train", Subset::Train), ("val", Subset::Validation), ("test", Subset::Test)] {
        let list = folder.join("splits").join(format!("{name}_scans.csv"));
        if !list.exists() {
            continue;
        }
        let text = spreadsheet::text(&files::read(&list)?);
        // Spreadsheets add quotes and separators.
        let added = |c: char| c.is_whitespace() || matches!(c, '"' | ',' | ';');
        for case in text.lines().map(|line| line.trim_matches(added)).filter(|case| !case.is_empty()) {
            if splits.insert(case.to_owned(), subset).is_some_and(|other| other != subset) {
                return Err(Error::folder(&list, format!("{case} is also in another list; keep it in one list")));
            }
        }
    }
    Ok(splits)
}
