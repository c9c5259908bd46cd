//! What a model knows of its data: fitted to what it was trained on.

use coin_core::ood::OodDetector;

use crate::data::{DataError, Dataset, Subset};
use crate::recipe::Protocol;

/// Most slices of a subset that are looked at.
const MOST: usize = 1000;

/// From training slices, with a limit from those of validation, inserted as they are in an evaluation.
///
/// # Errors
/// When a slice cannot be read.
pub fn of(protocol: &Protocol, seed: u64, data: &Dataset) -> Result<Option<OodDetector>, DataError> {
    let images = |subset: Subset| -> Result<Vec<Vec<f32>>, DataError> {
        let samples = data.samples(&[subset], &protocol.anomaly, seed);
        let places: Vec<usize> = (0..samples.len().min(MOST)).collect();
        Ok(samples.at(&places)?.into_iter().map(|sample| sample.input).collect())
    };
    Ok(OodDetector::fit(&images(Subset::Train)?, &images(Subset::Validation)?))
}
