//! The model file: one safetensors file with the inference weights of inpainter and classifier in f16, and a JSON
//! document `coin` in its metadata that says what the model is.
//!
//! A reader checks every field, and every tensor's name and shape when it makes the networks, and refuses with the name.

use std::borrow::Cow;
use std::collections::HashMap;

use burn::module::Module;
use burn::tensor::Device;
use half::f16;
use safetensors::tensor::{Dtype, TensorView};
use safetensors::{SafeTensors, View};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};
use thiserror::Error;

use crate::explanation::{Explainer, Explanation, ExplanationError, Pending, largest_difference};
use crate::method::Method;
use crate::networks::{Classifier, ClassifierArchitecture, Inpainter, InpainterConfig};
use crate::ood::OodDetector;
use crate::weights::{self, Weight, Weights, WeightsError};

/// The version of the format that this code writes, and the newest that it reads.
pub const FORMAT: u32 = 4;
/// The metadata key of the model's document.
const KEY: &str = "coin";
/// What the names of the inpainter's and of the classifier's tensors begin with.
pub const INPAINTER: &str = "inpainter";
/// See [`INPAINTER`].
pub const CLASSIFIER: &str = "classifier";
/// Largest side of an input that a file may ask for.
const LARGEST_SIZE: usize = 2048;
/// Weights that are hashed at once.
const HASHED_AT_ONCE: usize = 4096;
/// Pixels of the counterfactual that the self-test compares.
const SELF_TEST_PIXELS: usize = 64;

/// What a model is and how to use it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Card {
    /// Version of this document.
    pub format: u32,
    /// Name in file names: lower case letters, digits and hyphens.
    pub name: String,
    /// Name for people.
    pub title: String,
    /// Architecture of encoder and generator.
    pub inpainter: InpainterConfig,
    /// Architecture of the classifier.
    pub classifier: ClassifierArchitecture,
    /// What its counterfactuals are to be.
    #[serde(default, skip_serializing_if = "Method::is_coin")]
    pub method: Method,
    /// Side of the square input in pixels.
    pub size: usize,
    /// Whether the input is cropped to a square around the body.
    #[serde(default, skip_serializing_if = "is_false")]
    pub crop_to_body: bool,
    /// Which intensities become -1 and 1. Up to format 3, `window` was a pair of HU.
    #[serde(alias = "window")]
    pub normalisation: Normalisation,
    /// What the model was trained to find, in the words of its data; empty in older files.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub finding: String,
    /// Modality of the images, such as CT or MR; empty in older files, which are all CT.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub modality: String,
    /// Unit of the intensities: HU, or arbitrary; empty in older files, which are all in HU.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub unit: String,
    /// The mask is where the difference map exceeds this.
    pub threshold: f32,
    /// Only those components of the mask are kept in which the difference map exceeds this somewhere; 0 keeps all. `peak` in
    /// older files.
    #[serde(default, alias = "peak", skip_serializing_if = "is_zero")]
    pub seed_threshold: f32,
    /// Whether the mask is opened, closed and reduced to its largest component by default.
    pub postprocess: bool,
    /// The training recipe, whole.
    pub recipe: Value,
    /// What it was trained on, in words.
    pub data: String,
    /// Measured results.
    pub results: Value,
    /// What it cannot do, in words.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub limits: String,
    /// Tells images that are unlike the training data, where it was fitted. `familiarity` in older files.
    #[serde(default, alias = "familiarity", skip_serializing_if = "Option::is_none")]
    pub ood: Option<OodDetector>,
    /// Licence of the weights.
    pub licence: String,
    /// SHA-256 of all tensors, in the order of their names.
    pub weights_sha256: String,
    /// A small computation and its result, to be repeated before a device is trusted.
    pub self_test: SelfTest,
}

/// Which intensities become -1 and 1.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(from = "WrittenNormalisation", into = "WrittenNormalisation")]
pub enum Normalisation {
    /// The same of every image: HU in CT.
    Window([f32; 2]),
    /// Percentiles of the image's own intensities, from 0 to 100.
    Percentiles {
        /// Of what becomes -1, and of what becomes 1.
        percentiles: [f32; 2],
        /// Which images they are taken over.
        over: Over,
    },
}

/// The images whose intensities are ranked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Over {
    /// Each slice by itself.
    Slice,
    /// All slices of a patient, or of a volume.
    Case,
    /// All training slices.
    Dataset,
}

/// As files have it.
#[derive(Serialize, Deserialize)]
#[serde(untagged, deny_unknown_fields)]
enum WrittenNormalisation {
    Bare([f32; 2]),
    Window { window: [f32; 2] },
    Percentiles { percentiles: [f32; 2], over: Over },
}

impl From<WrittenNormalisation> for Normalisation {
    fn from(written: WrittenNormalisation) -> Self {
        match written {
            WrittenNormalisation::Bare(window) | WrittenNormalisation::Window { window } => Self::Window(window),
            WrittenNormalisation::Percentiles { percentiles, over } => Self::Percentiles { percentiles, over },
        }
    }
}

impl From<Normalisation> for WrittenNormalisation {
    fn from(normalisation: Normalisation) -> Self {
        match normalisation {
            Normalisation::Window(window) => Self::Window { window },
            Normalisation::Percentiles { percentiles, over } => Self::Percentiles { percentiles, over },
        }
    }
}

impl Card {
    /// Whether the model sees HU.
    pub fn is_in_hu(&self) -> bool {
        matches!(self.unit.as_str(), "" | "HU") && matches!(self.normalisation, Normalisation::Window(_))
    }
}

impl Normalisation {
    /// What is wrong with it, if anything.
    pub fn problem(&self) -> Option<String> {
        let rises = |[low, high]: [f32; 2]| low.is_finite() && high.is_finite() && low < high;
        match *self {
            Self::Window(window) => {
                let [low, high] = window;
                (!rises(window)).then(|| format!("window [{low}, {high}] is not a pair low < high"))
            }
            Self::Percentiles { percentiles, .. } => {
                let [low, high] = percentiles;
                let fits = rises(percentiles) && low >= 0.0 && high <= 100.0;
                (!fits).then(|| format!("percentiles [{low}, {high}] do not rise from 0 or more to 100 or less"))
            }
        }
    }
}

fn is_zero(value: &f32) -> bool {
    *value == 0.0
}

fn is_false(flag: &bool) -> bool {
    !flag
}

/// A made input and what the model gives for it on the CPU.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SelfTest {
    /// Side of the input.
    pub size: usize,
    /// SHA-256 of the input's little-endian f32 values.
    pub input_sha256: String,
    /// Probability before.
    pub before: f32,
    /// Probability after.
    pub after: f32,
    /// The counterfactual at evenly spread pixels.
    pub counterfactual: Vec<f32>,
}

/// Largest difference to the expected values with which a device passes the self-test.
pub const SELF_TEST_TOLERANCE: f32 = 2e-3;

/// Why a model file is refused, or could not be made.
#[derive(Debug, Error)]
pub enum BundleError {
    /// Not a safetensors file, or a damaged one.
    #[error("it is not a whole safetensors file ({0}); download or export the model again")]
    Container(String),
    /// Safetensors, but no COIN model.
    #[error("metadata field coin is missing; this is not a COIN model file")]
    NoCard,
    /// The document cannot be read.
    #[error("metadata field coin: {0}")]
    Card(String),
    /// Made by newer code.
    #[error("field format is {0}, newer than {FORMAT}, the newest this program reads; update the program")]
    Newer(u32),
    /// A field has an impossible value.
    #[error("field {field}: {reason}")]
    Field {
        /// The field.
        field: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// A tensor is missing, unknown or of a wrong shape.
    #[error(transparent)]
    Weights(#[from] WeightsError),
    /// The self-test could not run.
    #[error("the self-test failed: {0}")]
    SelfTest(ExplanationError),
    /// The device computes something else than the CPU did.
    #[error("the self-test is off by {error}, more than {SELF_TEST_TOLERANCE}; this device is not to be trusted")]
    Untrusted {
        /// Largest difference.
        error: f32,
    },
}

/// A model: its document and its weights.
#[derive(Clone, Debug)]
pub struct Bundle {
    /// What the model is.
    pub card: Card,
    weights: Weights,
}

impl Bundle {
    /// Packs trained networks: folds spectral norms, rounds weights to f16, fills in the hash and the self-test of
    /// `card`. `device` must be a CPU.
    ///
    /// # Errors
    /// When [`Self::read`] would refuse the card, or a device does not give the weights or the self-test's result back.
    pub fn pack(
        mut card: Card,
        inpainter: Inpainter,
        classifier: Classifier,
        device: &Device,
    ) -> Result<Self, BundleError> {
        let rounded = |weights: Weights| weights.into_iter().map(|(name, weight)| (name, round_to_half(weight)));
        card.inpainter.spectral_norm = false;
        check_model(&card)?;
        let mut weights = weights::prefixed(weights::collect(&inpainter.folded())?, INPAINTER);
        weights.extend(weights::prefixed(weights::collect(&classifier)?, CLASSIFIER));
        let weights: Weights = rounded(weights).collect();
        card.weights_sha256 = fingerprint(&weights);
        let mut bundle = Self { card, weights };
        bundle.card.self_test = bundle.expected(device)?;
        Ok(bundle)
    }

    /// Reads a model file.
    ///
    /// # Errors
    /// When it is no whole safetensors file, or a field or the hash of the weights is not as it should be. Names and shapes of
    /// tensors are compared by [`Self::networks`].
    pub fn read(bytes: &[u8]) -> Result<Self, BundleError> {
        let container = |reason: safetensors::SafeTensorError| BundleError::Container(reason.to_string());
        let (_, metadata) = SafeTensors::read_metadata(bytes).map_err(container)?;
        let document =
            metadata.metadata().as_ref().and_then(|metadata| metadata.get(KEY)).ok_or(BundleError::NoCard)?;
        let card = read_card(document)?;
        let tensors = SafeTensors::deserialize(bytes).map_err(container)?;
        let weights = tensors
            .iter()
            .map(|(name, view)| Ok((name.to_owned(), read_weight(name, &view)?)))
            .collect::<Result<Weights, BundleError>>()?;
        let same = fingerprint(&weights) == card.weights_sha256;
        let reason = || "the weights do not have this hash; download the model again".into();
        refuse("weights_sha256", (!same).then(reason))?;
        Ok(Self { card, weights })
    }

    /// All tensors by name.
    pub fn weights(&self) -> &Weights {
        &self.weights
    }

    /// The file.
    pub fn write(&self) -> Result<Vec<u8>, BundleError> {
        let card = serde_json::to_string(&self.card).map_err(|reason| BundleError::Card(reason.to_string()))?;
        let metadata = HashMap::from([(KEY.to_owned(), card)]);
        let tensors = self.weights.iter().map(|(name, weight)| (name.as_str(), Half(weight)));
        safetensors::serialize(tensors, Some(metadata)).map_err(|reason| BundleError::Container(reason.to_string()))
    }

    /// The networks on `device`. However large those that the card describes are, memory is taken for weights of the file alone.
    ///
    /// # Errors
    /// When a tensor is missing, unknown or of a wrong shape.
    pub fn networks(&self, device: &Device) -> Result<(Inpainter, Classifier), BundleError> {
        let mut weights = self.weights.clone();
        let inpainter = weights::split_off(&mut weights, INPAINTER);
        let classifier = weights::split_off(&mut weights, CLASSIFIER);
        if let Some(name) = weights.into_keys().next() {
            return Err(WeightsError::Unknown(name).into());
        }
        let inpainter = weights::apply(self.card.inpainter.undrawn(device), inpainter)?.no_grad();
        Ok((inpainter, weights::apply(self.card.classifier.undrawn(device), classifier)?.no_grad()))
    }

    /// The networks on `device`, ready to explain.
    ///
    /// # Errors
    /// As [`Self::networks`].
    pub fn explainer(&self, device: &Device) -> Result<Explainer, BundleError> {
        let (inpainter, classifier) = self.networks(device)?;
        Ok(Explainer {
            inpainter: inpainter.fused(),
            classifier: classifier.fused(),
            method: self.card.method,
            ood: self.card.ood.clone(),
        })
    }

    /// The input of the self-test, `size * size` values in [-1, 1].
    pub fn self_test_input(&self) -> Vec<f32> {
        self_test_input(self.card.self_test.size)
    }

    /// How far the answer to [`Self::self_test_input`] is from the expected one; more than
    /// [`SELF_TEST_TOLERANCE`] is an error.
    pub fn check(&self, answer: &Explanation) -> Result<f32, BundleError> {
        let expected = &self.card.self_test;
        let found = spread(&answer.counterfactual);
        let pairs = found.iter().zip(&expected.counterfactual);
        let pairs = pairs.chain([(&answer.before, &expected.before), (&answer.after, &expected.after)]);
        let error = largest_difference(pairs);
        let finite = error.is_finite() && answer.counterfactual.iter().all(|value| value.is_finite());
        if finite && error <= SELF_TEST_TOLERANCE { Ok(error) } else { Err(BundleError::Untrusted { error }) }
    }

    fn expected(&self, device: &Device) -> Result<SelfTest, BundleError> {
        let size = self.card.inpainter.side_multiple().max(64);
        let input = self_test_input(size);
        let input_sha256 = hash(&input);
        let pending = self.explainer(device)?.explain(input, size, device);
        let answers = pending.and_then(Pending::read).map_err(BundleError::SelfTest)?;
        let nothing = BundleError::SelfTest(ExplanationError::Input { found: 0, size });
        let answer = answers.into_iter().next().ok_or(nothing)?;
        Ok(SelfTest {
            size,
            input_sha256,
            before: answer.before,
            after: answer.after,
            counterfactual: spread(&answer.counterfactual),
        })
    }
}

impl SelfTest {
    /// A placeholder for [`Bundle::pack`] to fill in.
    pub fn unknown() -> Self {
        Self { size: 0, input_sha256: String::new(), before: 0.0, after: 0.0, counterfactual: Vec::new() }
    }
}

fn read_card(document: &str) -> Result<Card, BundleError> {
    let unreadable = |reason: serde_json::Error| BundleError::Card(reason.to_string());
    let value: Value = serde_json::from_str(document).map_err(unreadable)?;
    // The version comes first: a newer document may have fields that are unknown here.
    let format = value.get("format").and_then(Value::as_u64).and_then(|format| u32::try_from(format).ok());
    match format {
        Some(format) if format > FORMAT => return Err(BundleError::Newer(format)),
        _ => {}
    }
    let card: Card = serde_json::from_value(value).map_err(unreadable)?;
    check_model(&card)?;
    check_self_test(&card)?;
    Ok(card)
}

fn refuse(field: &'static str, problem: Option<String>) -> Result<(), BundleError> {
    match problem {
        Some(reason) => Err(BundleError::Field { field, reason }),
        None => Ok(()),
    }
}

fn check_model(card: &Card) -> Result<(), BundleError> {
    refuse("name", name_problem(&card.name))?;
    refuse("inpainter", card.inpainter.problem())?;
    let told = card.method.is_coin() || card.inpainter.conditions > 1;
    refuse("method", (!told).then(|| "it tells the generator a condition, and inpainter.conditions is 1".into()))?;
    refuse("classifier", card.classifier.problem())?;
    refuse("size", side_problem(card, card.size))?;
    refuse("normalisation", card.normalisation.problem())?;
    let unknown = matches!(card.normalisation, Normalisation::Percentiles { over: Over::Dataset, .. });
    let reason = || "percentiles of the training data are a window by now; give that".to_owned();
    refuse("normalisation", unknown.then(reason))?;
    let threshold = (0.0..1.0).contains(&card.threshold);
    refuse("threshold", (!threshold).then(|| format!("{} is not in 0..1", card.threshold)))?;
    let seed_threshold = (0.0..1.0).contains(&card.seed_threshold);
    refuse("seed_threshold", (!seed_threshold).then(|| format!("{} is not in 0..1", card.seed_threshold)))?;
    refuse("ood", card.ood.as_ref().and_then(OodDetector::problem))
}

/// Why a name cannot stand in file names.
pub fn name_problem(name: &str) -> Option<String> {
    let plain = |byte: u8| matches!(byte, b'a'..=b'z' | b'0'..=b'9' | b'-');
    let named = !name.is_empty() && name.bytes().all(plain);
    (!named).then(|| format!("{name:?} is not made of lower case letters, digits and hyphens"))
}

fn check_self_test(card: &Card) -> Result<(), BundleError> {
    let SelfTest { size, input_sha256, counterfactual, .. } = &card.self_test;
    refuse("self_test.size", side_problem(card, *size))?;
    let known = hash(&self_test_input(*size)) == *input_sha256;
    refuse("self_test.input_sha256", (!known).then(|| "it is not the hash of the input made here".into()))?;
    let (found, expected) = (counterfactual.len(), SELF_TEST_PIXELS.min(size * size));
    let reason = || format!("it has {found} values instead of {expected}; download or export the model again");
    refuse("self_test.counterfactual", (found != expected).then(reason))
}

fn side_problem(card: &Card, side: usize) -> Option<String> {
    let multiple = card.inpainter.side_multiple();
    let fits = side > 0 && side <= LARGEST_SIZE && side.is_multiple_of(multiple);
    (!fits).then(|| format!("{side} is not a multiple of {multiple} up to {LARGEST_SIZE}"))
}

fn read_weight(name: &str, view: &TensorView<'_>) -> Result<Weight, BundleError> {
    if view.dtype() != Dtype::F16 {
        let reason = format!("tensor {name} is {:?}, and model files hold F16", view.dtype());
        return Err(BundleError::Field { field: "dtype", reason });
    }
    let values = view.data().chunks_exact(2).map(|b| f16::from_le_bytes([b[0], b[1]]).to_f32()).collect();
    Ok(Weight { shape: view.shape().to_vec(), values })
}

/// Largest finite f16, so that no weight becomes infinite.
fn round_to_half(weight: Weight) -> Weight {
    let half = |value: f32| f16::from_f32(value.clamp(-65504.0, 65504.0)).to_f32();
    Weight { values: weight.values.into_iter().map(half).collect(), ..weight }
}

fn fingerprint(weights: &Weights) -> String {
    let mut hash = Sha256::new();
    for (name, weight) in weights {
        hash.update(name);
        // In parts: browsers exchange code for faster code between calls.
        weight.values.chunks(HASHED_AT_ONCE).for_each(|values| hash.update(half_bytes(values)));
    }
    hex::encode(hash.finalize())
}

/// The SHA-256 of the values' bytes.
fn hash(values: &[f32]) -> String {
    let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    hex::encode(Sha256::digest(&bytes))
}

fn half_bytes(values: &[f32]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(2 * values.len());
    values.iter().for_each(|&value| bytes.extend_from_slice(&f16::from_f32(value).to_le_bytes()));
    bytes
}

/// Rings and a ramp from integers only, so that every machine makes the same bits.
fn self_test_input(size: usize) -> Vec<f32> {
    let level = |i: usize| {
        let (x, y) = (i % size, i / size);
        let (dx, dy) = (x.abs_diff(size / 2), y.abs_diff(size / 2));
        let level = (dx * dx + dy * dy) / 8 + x * 2 + y * 3;
        (level % 256) as f32 / 128.0 - 1.0
    };
    (0..size * size).map(level).collect()
}

/// [`SELF_TEST_PIXELS`] values, evenly spread; all where there are fewer.
fn spread(values: &[f32]) -> Vec<f32> {
    let step = (values.len() / SELF_TEST_PIXELS).max(1);
    // An odd offset in each row, so that the samples do not all lie in one column.
    (0..SELF_TEST_PIXELS).filter_map(|i| values.get(i * step + (i * 5) % step)).copied().collect()
}

/// A weight as safetensors stores it.
struct Half<'a>(&'a Weight);

impl View for Half<'_> {
    fn dtype(&self) -> Dtype {
        Dtype::F16
    }

    fn shape(&self) -> &[usize] {
        &self.0.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        half_bytes(&self.0.values).into()
    }

    fn data_len(&self) -> usize {
        self.0.values.len() * 2
    }
}
