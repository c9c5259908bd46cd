//! The self-test: a small computation that a device must reproduce.

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::Error;
use crate::explanation::{Explanation, largest_difference};

/// Pixels of the counterfactual that are compared.
const PIXELS: usize = 64;

/// A generated input and the result of the model on the CPU.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SelfTest {
    /// Height and width of the input.
    pub size: usize,
    /// SHA-256 of the input's little-endian f32 values.
    pub input_sha256: String,
    /// Probability of "abnormal" of the input.
    pub before: f32,
    /// Probability of "abnormal" of the counterfactual.
    pub after: f32,
    /// The counterfactual at evenly spaced pixels.
    pub counterfactual: Vec<f32>,
    /// The segmentation at the same pixels; empty if the model has no segmenter.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub segmentation: Vec<f32>,
}

/// Maximum error with which a device passes the self-test.
pub const SELF_TEST_TOLERANCE: f32 = 2e-3;

impl SelfTest {
    /// A placeholder for [`super::Bundle::pack`] to fill in.
    pub fn unknown() -> Self {
        let (counterfactual, segmentation) = (Vec::new(), Vec::new());
        Self { size: 0, input_sha256: String::new(), before: 0.0, after: 0.0, counterfactual, segmentation }
    }

    /// Rejects a self-test of another input or with another number of values.
    pub(super) fn check(&self, segmented: bool) -> Result<(), Error> {
        let Self { size, input_sha256, counterfactual, segmentation, .. } = self;
        let known = hash(&input(*size)) == *input_sha256;
        Error::refuse("self_test.input_sha256", (!known).then(|| "it is not the hash of the input made here".into()))?;
        let refuse = |field, found: usize, expected: usize| {
            let reason = || format!("it has {found} values instead of {expected}; download or export the model again");
            Error::refuse(field, (found != expected).then(reason))
        };
        let expected = PIXELS.min(size * size);
        refuse("self_test.counterfactual", counterfactual.len(), expected)?;
        refuse("self_test.segmentation", segmentation.len(), if segmented { expected } else { 0 })
    }

    /// The self-test whose result is `answer`.
    pub(super) fn of(size: usize, answer: &Explanation) -> Self {
        Self {
            size,
            input_sha256: hash(&input(size)),
            before: answer.before,
            after: answer.after,
            counterfactual: spread(&answer.counterfactual),
            segmentation: answer.segmentation.as_deref().map(spread).unwrap_or_default(),
        }
    }

    /// Returns the maximum error of an answer, or an error above [`SELF_TEST_TOLERANCE`].
    pub(super) fn compare(&self, answer: &Explanation) -> Result<f32, Error> {
        let (found, segmentation) = (spread(&answer.counterfactual), answer.segmentation.as_deref());
        let segmented = segmentation.map(spread).unwrap_or_default();
        let pairs = found.iter().zip(&self.counterfactual).chain(segmented.iter().zip(&self.segmentation));
        let pairs = pairs.chain([(&answer.before, &self.before), (&answer.after, &self.after)]);
        let whole = segmented.len() == self.segmentation.len();
        let error = if whole { largest_difference(pairs) } else { f32::INFINITY };
        let mut values = answer.counterfactual.iter().chain(segmentation.into_iter().flatten());
        let finite = error.is_finite() && values.all(|value| value.is_finite());
        let tolerance = SELF_TEST_TOLERANCE;
        if finite && error <= tolerance { Ok(error) } else { Err(Error::Untrusted { error, tolerance }) }
    }
}

/// The SHA-256 of the values' bytes.
fn hash(values: &[f32]) -> String {
    let bytes: Vec<u8> = values.iter().flat_map(|value| value.to_le_bytes()).collect();
    hex::encode(Sha256::digest(&bytes))
}

/// Rings and a ramp, from integers only, so that every machine generates the same bits; `size * size` values in [-1, 1].
pub(super) fn input(size: usize) -> Vec<f32> {
    let level = |i: usize| {
        let (x, y) = (i % size, i / size);
        let (dx, dy) = (x.abs_diff(size / 2), y.abs_diff(size / 2));
        let level = (dx * dx + dy * dy) / 8 + x * 2 + y * 3;
        (level % 256) as f32 / 128.0 - 1.0
    };
    (0..size * size).map(level).collect()
}

/// Samples [`PIXELS`] evenly spaced values; all if there are fewer.
fn spread(values: &[f32]) -> Vec<f32> {
    let step = (values.len() / PIXELS).max(1);
    // Odd offsets keep the samples from all lying in one column.
    (0..PIXELS).filter_map(|i| values.get(i * step + (i * 5) % step)).copied().collect()
}
