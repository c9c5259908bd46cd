//! nnU-Net's raw data, version 1 and 2.

use std::collections::BTreeMap;
use std::path::Path;

use serde::Deserialize;
use serde_json::Value;

use super::{Found, LabelFile, Volume, entries, without_ending};
use crate::data::split::Fold;
use crate::data::table::{CYST, KIDNEY, TUMOUR};
use crate::data::{DataError, Purpose};
use crate::files;

/// What the first channel of a case's images ends with.
const FIRST_CHANNEL: &str = "_0000";

/// What is used of `dataset.json`.
#[derive(Deserialize)]
struct Dataset {
    labels: BTreeMap<String, Value>,
}

/// See [`super::look`].
pub fn look(folder: &Path) -> Result<Found, DataError> {
    let classes = classes(&folder.join("dataset.json"))?;
    let splits = splits(&folder.join("splits_final.json"))?;
    let tested = folder.join("labelsTs").is_dir();
    let mut found = Found::default();
    for (part, purpose) in [("Tr", None), ("Ts", Some(Purpose::Test))] {
        let (images, labels) = (folder.join(format!("images{part}")), folder.join(format!("labels{part}")));
        if purpose.is_some() && !(tested && images.is_dir()) {
            continue;
        }
        for (name, image) in entries(&images)? {
            let Some(case) = without_ending(&name).and_then(|name| name.strip_suffix(FIRST_CHANNEL)) else { continue };
            let label = format!("{case}{}", &name[case.len() + FIRST_CHANNEL.len()..]);
            let path = labels.join(&label);
            if !path.exists() {
                found.skip(case, format!("labels{part}/{label} is missing"));
                continue;
            }
            // With test cases of its own, the list to look at chooses the checkpoint; else it is the test.
            let held_out = if tested { Purpose::Validation } else { Purpose::Test };
            let listed = splits.get(case).map(|train| if *train { Purpose::Train } else { held_out });
            let labels = vec![LabelFile { path, classes: classes.clone() }];
            let split = purpose.or(listed).or(tested.then_some(Purpose::Train));
            found.volumes.push(Volume { case: case.to_owned(), image, labels, split });
        }
    }
    Ok(found)
}

/// What the values of the labels are: by name to number in version 2, by number to name in version 1.
fn classes(file: &Path) -> Result<Vec<(u8, u8)>, DataError> {
    let wrong = |reason: String| DataError::folder(file, format!("labels: {reason}"));
    let dataset: Dataset =
        serde_json::from_slice(&files::read(file)?).map_err(|reason| DataError::folder(file, reason))?;
    let mut regions = Vec::new();
    for (key, value) in &dataset.labels {
        let (name, numbers) = match value {
            Value::Number(number) => (key.as_str(), vec![number.as_u64()]),
            Value::String(name) => (name.as_str(), vec![key.parse().ok()]),
            Value::Array(numbers) => (key.as_str(), numbers.iter().map(Value::as_u64).collect()),
            _ => (key.as_str(), vec![None]),
        };
        let numbers = numbers.into_iter().map(|number| number.and_then(|number| u8::try_from(number).ok()));
        let numbers: Option<Vec<u8>> = numbers.collect();
        let numbers = numbers.ok_or_else(|| wrong(format!("{key} has no numbers from 0 to 255")))?;
        regions.push((numbers, class(name)));
    }
    // A value lies in several regions, of which the smallest that means something says what it is.
    regions.sort_by_key(|(numbers, _)| std::cmp::Reverse(numbers.len()));
    let mut classes = BTreeMap::new();
    for (numbers, class) in regions {
        for number in numbers {
            let found = classes.entry(number).or_insert(0);
            *found = if class == 0 { *found } else { class };
        }
    }
    if classes.values().all(|class| *class == 0) {
        return Err(wrong("none of them is a kidney, tumour or cyst".into()));
    }
    Ok(classes.into_iter().collect())
}

/// What a label of that name is here.
fn class(name: &str) -> u8 {
    let name = name.to_ascii_lowercase();
    match () {
        () if name.contains("tumo") || name.contains("cancer") || name.contains("lesion") => TUMOUR,
        () if name.contains("cyst") => CYST,
        () if name.contains("kidney") => KIDNEY,
        () => 0,
    }
}

/// Whether each listed case is for training, by the first fold.
fn splits(file: &Path) -> Result<BTreeMap<String, bool>, DataError> {
    if !file.exists() {
        return Ok(BTreeMap::new());
    }
    let folds: Vec<Fold> =
        serde_json::from_slice(&files::read(file)?).map_err(|reason| DataError::folder(file, reason))?;
    let Some(Fold { train, val }) = folds.into_iter().next() else { return Ok(BTreeMap::new()) };
    if let Some(both) = train.iter().find(|case| val.contains(case)) {
        return Err(DataError::folder(file, format!("{both} is in train and val of the first fold; leave it in one")));
    }
    let listed = |cases: Vec<String>, train: bool| cases.into_iter().map(move |case| (case, train));
    Ok(listed(train, true).chain(listed(val, false)).collect())
}
