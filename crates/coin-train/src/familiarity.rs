//! What a model knows of its data: fitted to what it was trained on.

use coin_core::familiarity::Familiarity;

use crate::data::{DataError, Dataset, Purpose};
use crate::recipe::Protocol;

/// Most slices of a purpose that are looked at.
const MOST: usize = 1000;

/// From training slices, with a limit from those of validation, planted as they are in an evaluation.
///
/// # Errors
/// When a slice cannot be read.
pub fn of(protocol: &Protocol, seed: u64, data: &Dataset) -> Result<Option<Familiarity>, DataError> {
    let images = |purpose: Purpose| -> Result<Vec<Vec<f32>>, DataError> {
        let samples = data.samples(&[purpose], &protocol.anomaly, seed);
        let places: Vec<usize> = (0..samples.len().min(MOST)).collect();
        Ok(samples.at(&places)?.into_iter().map(|sample| sample.input).collect())
    };
    Ok(Familiarity::fit(&images(Purpose::Train)?, &images(Purpose::Validation)?))
}
