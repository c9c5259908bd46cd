//! The document of a model file: what the model is and how to use it.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::normalisation::{Normalisation, Over};
use super::segmenter::Segmenter;
use super::self_test::SelfTest;
use crate::Error;
use crate::calibration::Temperature;
use crate::method::Method;
use crate::networks::{ClassifierArchitecture, InpainterConfig};
use crate::ood::OodDetector;
use crate::verification::Verification;

/// Format version that is written, and the newest that is read.
pub const FORMAT: u32 = 8;
/// Maximum side of the model input in pixels.
const LARGEST_SIZE: usize = 2048;

/// The description of a model, stored as JSON in the metadata field `coin`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Card {
    /// Format version.
    pub format: u32,
    /// Name in file names: lower-case letters, digits and hyphens.
    pub name: String,
    /// Title shown to users.
    pub title: String,
    /// Architecture of encoder and generator.
    pub inpainter: InpainterConfig,
    /// Architecture of the classifier.
    pub classifier: ClassifierArchitecture,
    /// The method that defines its counterfactuals.
    #[serde(default, skip_serializing_if = "Method::is_coin")]
    pub method: Method,
    /// Height and width of the input in pixels.
    pub size: usize,
    /// Whether the input is cropped to a square around the body.
    #[serde(default, skip_serializing_if = "is_false")]
    pub crop_to_body: bool,
    /// The intensities that map to -1 and 1. Up to format 3, `window` was a pair of HU.
    #[serde(alias = "window")]
    pub normalisation: Normalisation,
    /// The finding, as named in the data set; empty in older files.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub finding: String,
    /// Modality of the training images, such as CT or MR; empty in older files, which are CT.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub modality: String,
    /// Unit of the intensities, HU or arbitrary; empty in older files, which are in HU.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub unit: String,
    /// Threshold of the mask on the difference map.
    pub threshold: f32,
    /// Components of the mask that do not exceed this somewhere are removed; 0 keeps all. `peak` in older files.
    #[serde(default, alias = "peak", skip_serializing_if = "is_zero")]
    pub seed_threshold: f32,
    /// Whether the mask is opened, closed and reduced to its largest component.
    pub postprocess: bool,
    /// The complete training recipe.
    pub recipe: Value,
    /// Description of the training data.
    pub data: String,
    /// Evaluation results: an excerpt of `report.json`.
    pub results: Value,
    /// Limitations, shown to users.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub limits: String,
    /// The out-of-distribution detector, if one was fitted. `familiarity` in older files.
    #[serde(default, alias = "familiarity", skip_serializing_if = "Option::is_none")]
    pub ood: Option<OodDetector>,
    /// The rule that selects the differences to keep, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verification: Option<Verification>,
    /// The temperature of calibrated probabilities, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub temperature: Option<Temperature>,
    /// The segmenter, if there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub segmenter: Option<Segmenter>,
    /// Licence of the weights.
    pub licence: String,
    /// SHA-256 over all tensors, sorted by name.
    pub weights_sha256: String,
    /// A small computation with its expected result; a device must reproduce it.
    pub self_test: SelfTest,
}

impl Card {
    /// Height and width of images must be a multiple of this, for every network.
    pub fn side_multiple(&self) -> usize {
        let segmenter = self.segmenter.as_ref().map_or(1, |segmenter| segmenter.network.side_multiple());
        // Both are powers of two.
        self.inpainter.side_multiple().max(segmenter)
    }

    /// Whether the model input is in HU.
    pub fn is_in_hu(&self) -> bool {
        matches!(self.unit.as_str(), "" | "HU") && matches!(self.normalisation, Normalisation::Window(_))
    }
}

fn is_zero(value: &f32) -> bool {
    *value == 0.0
}

fn is_false(flag: &bool) -> bool {
    !flag
}

/// Reads and checks a document.
pub(super) fn read(document: &str) -> Result<Card, Error> {
    let unreadable = |reason: serde_json::Error| Error::Card(reason.to_string());
    let value: Value = serde_json::from_str(document).map_err(unreadable)?;
    // The version comes first: a newer document may have fields that are unknown here.
    let format = value.get("format").and_then(Value::as_u64).and_then(|format| u32::try_from(format).ok());
    match format {
        Some(format) if format > FORMAT => return Err(Error::Newer { format, newest: FORMAT }),
        _ => {}
    }
    let card: Card = serde_json::from_value(value).map_err(unreadable)?;
    check(&card)?;
    Error::refuse("self_test.size", side_problem(&card, card.self_test.size))?;
    card.self_test.check(card.segmenter.is_some())?;
    Ok(card)
}

/// Refuses a card with an impossible value.
pub(super) fn check(card: &Card) -> Result<(), Error> {
    Error::refuse("name", name_problem(&card.name))?;
    Error::refuse("inpainter", card.inpainter.problem())?;
    let conditioned = card.method.is_coin() || card.inpainter.conditions > 1;
    Error::refuse(
        "method",
        (!conditioned).then(|| "it tells the generator a condition, and inpainter.conditions is 1".into()),
    )?;
    Error::refuse("classifier", card.classifier.problem())?;
    Error::refuse("size", side_problem(card, card.size))?;
    Error::refuse("normalisation", card.normalisation.problem())?;
    let unknown = matches!(card.normalisation, Normalisation::Percentiles { over: Over::Dataset, .. });
    let reason = || "percentiles of the training data are a window by now; give that".to_owned();
    Error::refuse("normalisation", unknown.then(reason))?;
    let threshold = (0.0..1.0).contains(&card.threshold);
    Error::refuse("threshold", (!threshold).then(|| format!("{} is not in 0..1", card.threshold)))?;
    let seed_threshold = (0.0..1.0).contains(&card.seed_threshold);
    Error::refuse("seed_threshold", (!seed_threshold).then(|| format!("{} is not in 0..1", card.seed_threshold)))?;
    Error::refuse("verification", card.verification.as_ref().and_then(Verification::problem))?;
    Error::refuse("segmenter", card.segmenter.as_ref().and_then(Segmenter::problem))?;
    Error::refuse("temperature", card.temperature.as_ref().and_then(Temperature::problem))?;
    Error::refuse("ood", card.ood.as_ref().and_then(OodDetector::problem))
}

/// Returns why a name is not usable in file names, if it is not.
pub fn name_problem(name: &str) -> Option<String> {
    let plain = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-');
    let named = !name.is_empty() && name.bytes().all(plain);
    (!named).then(|| format!("{name:?} is not made of lower case letters, digits and hyphens"))
}

fn side_problem(card: &Card, side: usize) -> Option<String> {
    let multiple = card.side_multiple();
    let fits = side > 0 && side <= LARGEST_SIZE && side.is_multiple_of(multiple);
    (!fits).then(|| format!("{side} is not a multiple of {multiple} up to {LARGEST_SIZE}"))
}
