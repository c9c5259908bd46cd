//! The description of a data set: `dataset.json`, a superset of nnU-Net's file.

use std::collections::BTreeMap;
use std::path::Path;

use coin_imaging::Window;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::spreadsheet;
use crate::Error;
use crate::files;

/// Name of the description file in slice folders and nnU-Net folders.
pub const FILE: &str = "dataset.json";

/// The modality of images in HU.
pub const CT: &str = "CT";

/// Labels of earlier slice folders, which have no `dataset.json`.
pub const OLDER_LABELS: [(&str, u8); 3] = [("kidney", 1), ("tumour", 2), ("cyst", 3)];

/// Modality, labels and intensities of a data set. Unknown fields in the file are ignored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(from = "Written")]
pub struct Description {
    /// Display name.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub name: String,
    /// Modality: CT, MR, XR or another; empty if unknown.
    pub modality: String,
    /// Labels and their mask values.
    pub labels: Labels,
    /// Unit and range of the images. Default: HU for CT, arbitrary otherwise.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub intensity: Option<Intensity>,
    /// Licence of the images.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub licence: String,
    /// Origin of the images, for instance a URL.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub source: String,
}

/// The file format. nnU-Net's files name the modality of each channel.
#[derive(Deserialize)]
struct Written {
    #[serde(default)]
    name: String,
    #[serde(default)]
    modality: Option<Modality>,
    #[serde(default)]
    channel_names: Option<Modality>,
    labels: Labels,
    #[serde(default)]
    intensity: Option<Intensity>,
    #[serde(default)]
    licence: String,
    #[serde(default)]
    source: String,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Modality {
    Word(String),
    Channels(BTreeMap<String, String>),
}

/// Name prefixes of MR sequences.
const MR_SEQUENCES: [&str; 8] = ["mr", "flair", "t1", "t2", "adc", "dwi", "pd", "swi"];

impl From<Written> for Description {
    fn from(written: Written) -> Self {
        let Written { name, modality, channel_names, labels, intensity, licence, source } = written;
        let first = |modality| match modality {
            Modality::Word(word) => word,
            Modality::Channels(channels) => channels.into_values().next().unwrap_or_default(),
        };
        let word = modality.or(channel_names).map(first).unwrap_or_default();
        let plain = word.to_ascii_lowercase();
        let modality = match () {
            () if plain == "ct" => CT.to_owned(),
            () if MR_SEQUENCES.iter().any(|sequence| plain.starts_with(sequence)) => "MR".to_owned(),
            () => word,
        };
        Self { name, modality, labels, intensity, licence, source }
    }
}

/// The unit of the intensities, and the intensities of black and white in picture files.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Intensity {
    /// Unit of all images of the data set.
    pub unit: Unit,
    /// Intensity of black.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub low: Option<f32>,
    /// Intensity of white.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub high: Option<f32>,
}

/// The unit of intensities.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Unit {
    /// Hounsfield units.
    #[serde(rename = "HU")]
    Hu,
    /// Each image has its own scale.
    #[serde(rename = "arbitrary")]
    Arbitrary,
}

impl Unit {
    /// Name in files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Hu => "HU",
            Self::Arbitrary => "arbitrary",
        }
    }
}

impl Description {
    /// The description of a CT data set with these labels.
    pub fn of_ct(name: impl Into<String>, labels: Labels) -> Self {
        let (name, modality) = (name.into(), CT.to_owned());
        Self { name, modality, labels, intensity: None, licence: String::new(), source: String::new() }
    }

    /// Reads `dataset.json` in `folder`; `None` if there is no such file.
    ///
    /// # Errors
    /// If it cannot be read or is invalid.
    pub fn open(folder: &Path) -> Result<Option<Self>, Error> {
        let file = folder.join(FILE);
        if !file.exists() {
            return Ok(None);
        }
        let text = spreadsheet::text(&files::read(&file)?);
        let found: Self = serde_json::from_str(&text).map_err(|reason| Error::folder(&file, reason))?;
        found.intensities().map_err(|reason| Error::folder(&file, format!("intensity: {reason}")))?;
        Ok(Some(found))
    }

    /// The unit of the images: the stated one, or HU for CT and unknown modalities.
    pub fn unit(&self) -> Unit {
        let of_modality = if self.modality == CT || self.modality.is_empty() { Unit::Hu } else { Unit::Arbitrary };
        self.intensity.map_or(of_modality, |intensity| intensity.unit)
    }

    /// The intensities of black and white in picture files.
    ///
    /// # Errors
    /// If they are not a valid range.
    pub fn intensities(&self) -> Result<Window, coin_imaging::Error> {
        let usual = match self.unit() {
            Unit::Hu => Window::ABDOMEN,
            Unit::Arbitrary => Window::EIGHT_BIT,
        };
        let bound = |of: fn(&Intensity) -> Option<f32>| self.intensity.as_ref().and_then(of);
        let (low, high) = (bound(|intensity| intensity.low), bound(|intensity| intensity.high));
        Window::new(low.unwrap_or(usual.low()), high.unwrap_or(usual.high()))
    }
}

/// Labels by name with their mask values; a region has several. The value 0 is background.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "BTreeMap<String, Value>", into = "BTreeMap<String, Value>")]
pub struct Labels(BTreeMap<String, Vec<u8>>);

impl Labels {
    /// Labels with one value each.
    pub fn new<'a>(labels: impl IntoIterator<Item = (&'a str, u8)>) -> Self {
        Self(labels.into_iter().map(|(name, value)| (name.to_owned(), vec![value])).collect())
    }

    /// Labels with several values each.
    pub fn regions(labels: impl IntoIterator<Item = (String, Vec<u8>)>) -> Self {
        Self(labels.into_iter().collect())
    }

    /// All names.
    pub fn names(&self) -> impl Iterator<Item = &str> + Clone {
        self.0.keys().map(String::as_str)
    }

    /// All mask values except 0, in ascending order.
    pub fn values(&self) -> Vec<u8> {
        let all: std::collections::BTreeSet<u8> = self.0.values().flatten().copied().collect();
        all.into_iter().collect()
    }

    /// The values of the label with exactly this name.
    pub fn exactly(&self, name: &str) -> &[u8] {
        self.0.get(name).map_or(&[], Vec::as_slice)
    }

    /// The values of all labels that match `name` (see [`meant`]); empty if none does.
    pub fn of(&self, name: &str) -> Vec<u8> {
        meant(name, self.names()).into_iter().filter_map(|label| self.0.get(label)).flatten().copied().collect()
    }

    /// The values of all labels that match any of `names`.
    pub fn of_all(&self, names: &[String]) -> Vec<u8> {
        names.iter().flat_map(|name| self.of(name)).collect()
    }
}

/// The labels that match a name: the label with this name; otherwise its `_left` and `_right` labels; otherwise all labels
/// whose last word it is, as `tumour` in `renal_tumor`. Ignores case, and treats `tumor` and `tumour` as equal.
pub fn meant<'a>(name: &str, labels: impl Iterator<Item = &'a str> + Clone) -> Vec<&'a str> {
    let plain = |text: &str| text.to_ascii_lowercase().replace("tumor", "tumour").replace([' ', '-'], "_");
    let wanted = plain(name);
    let of = |fits: &dyn Fn(&str) -> bool| labels.clone().filter(|label| fits(&plain(label))).collect::<Vec<_>>();
    let unsided = |label: &str| {
        let side = ["_left", "_right"].into_iter().find_map(|side| label.strip_suffix(side).map(str::to_owned));
        side.unwrap_or_else(|| label.to_owned())
    };
    let ways: [&dyn Fn(&str) -> bool; 3] = [&|label| label == wanted, &|label| unsided(label) == wanted, &|label| {
        unsided(label).rsplit('_').next() == Some(wanted.as_str())
    }];
    ways.into_iter().map(of).find(|found| !found.is_empty()).unwrap_or_default()
}

impl TryFrom<BTreeMap<String, Value>> for Labels {
    type Error = String;

    /// Accepts a map from names to a number or a list of numbers, or from numbers to names as in nnU-Net version 1.
    fn try_from(written: BTreeMap<String, Value>) -> Result<Self, String> {
        let mut labels: BTreeMap<String, Vec<u8>> = BTreeMap::new();
        for (key, value) in written {
            let (name, numbers) = match &value {
                Value::Number(number) => (key.clone(), vec![number.as_u64()]),
                Value::String(name) => (name.clone(), vec![key.parse().ok()]),
                Value::Array(numbers) => (key.clone(), numbers.iter().map(Value::as_u64).collect()),
                _ => (key.clone(), vec![None]),
            };
            let numbers = numbers.into_iter().map(|number| number.and_then(|number| u8::try_from(number).ok()));
            let numbers: Option<Vec<u8>> = numbers.collect();
            let numbers = numbers.ok_or_else(|| format!("labels: {key} must have numbers from 0 to 255"))?;
            let numbers: Vec<u8> = numbers.into_iter().filter(|number| *number != 0).collect();
            if !numbers.is_empty() {
                labels.entry(name).or_default().extend(numbers);
            }
        }
        Ok(Self(labels))
    }
}

impl From<Labels> for BTreeMap<String, Value> {
    fn from(labels: Labels) -> Self {
        let value = |numbers: Vec<u8>| match numbers[..] {
            [number] => Value::from(number),
            _ => Value::from(numbers),
        };
        let background = ("background".to_owned(), Value::from(0));
        let named = labels.0.into_iter().map(|(name, numbers)| (name, value(numbers)));
        std::iter::once(background).chain(named).collect()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn labels(text: &str) -> Result<Labels, String> {
        serde_json::from_str(text).map_err(|reason| reason.to_string())
    }

    #[test]
    fn a_name_matches_its_label_or_both_sides_or_the_last_word() {
        let structures =
            labels(r#"{"kidney_left": 1, "kidney_right": 2, "kidney_cyst_left": 3, "Renal_Tumor": [4, 5]}"#);
        let structures = structures.unwrap();
        assert_eq!((structures.of("kidney"), structures.of("kidney_left")), (vec![1, 2], vec![1]));
        assert_eq!((structures.of("cyst"), structures.of("tumour")), (vec![3], vec![4, 5]));
        assert_eq!((structures.of("liver"), structures.values()), (vec![], vec![1, 2, 3, 4, 5]));
        let exact = labels(r#"{"kidney": 1, "kidney_left": 2}"#).unwrap();
        assert_eq!(exact.of("Kidney"), [1]);
    }

    #[test]
    fn labels_of_both_versions_of_nnunet_are_read_and_kept() {
        let expected = Labels::new([("liver", 1), ("cancer", 2)]);
        for text in
            [r#"{"background": 0, "liver": 1, "cancer": 2}"#, r#"{"0": "background", "1": "liver", "2": "cancer"}"#]
        {
            assert_eq!(labels(text).unwrap(), expected);
        }
        let region = r#"{"background":0,"kidney":[1,2,3],"tumor":2}"#;
        assert_eq!(serde_json::to_string(&labels(region).unwrap()).unwrap(), region);
        let refused = labels(r#"{"liver": 256}"#).unwrap_err();
        assert!(refused.contains("liver must have numbers from 0 to 255"), "{refused}");
    }

    #[test]
    fn units_follow_the_modality_unless_they_are_stated() {
        let read = |text: &str| serde_json::from_str::<Description>(text).unwrap();
        let mr = read(r#"{"modality": {"0": "FLAIR"}, "labels": {"tumour": 1}}"#);
        assert_eq!(
            (mr.unit(), mr.intensities().unwrap(), mr.modality.as_str()),
            (Unit::Arbitrary, Window::EIGHT_BIT, "MR")
        );
        let ct = read(r#"{"modality": "ct", "channel_names": {"0": "CT"}, "labels": {"tumour": 1}}"#);
        assert_eq!((ct.unit(), ct.intensities().unwrap()), (Unit::Hu, Window::ABDOMEN));
        let stated = read(r#"{"modality": "CT", "labels": {}, "intensity": {"unit": "HU", "low": -40, "high": 160}}"#);
        assert_eq!(stated.intensities(), Window::new(-40.0, 160.0));
    }
}
