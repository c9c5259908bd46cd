//! Fits the out-of-distribution (OOD) detector of a model to its training data.

use coin_core::ood::OodDetector;

use crate::Error;
use crate::data::{Dataset, Subset};
use crate::recipe::Protocol;

/// Maximum number of slices per subset.
const MAX_SLICES: usize = 1000;

/// Fits the detector to training slices and sets its warning threshold on validation slices, both with synthetic anomalies as
/// in an evaluation. Returns `None` if there are too few slices.
///
/// # Errors
/// If a slice cannot be read.
pub fn of(protocol: &Protocol, seed: u64, data: &Dataset) -> Result<Option<OodDetector>, Error> {
    let images = |subset: Subset| -> Result<Vec<Vec<f32>>, Error> {
        let samples = data.samples(&[subset], &protocol.anomaly, seed);
        let places: Vec<usize> = (0..samples.len().min(MAX_SLICES)).collect();
        Ok(samples.at(&places)?.into_iter().map(|sample| sample.input).collect())
    };
    Ok(OodDetector::fit(&images(Subset::Train)?, &images(Subset::Validation)?))
}
