//! The condition of the generator and the discriminator: the bin of the classifier's probability.

use burn::tensor::{Int, Tensor};

/// Which row of a condition lookup applies.
// One exists per forward pass, so its size does not matter.
#[allow(clippy::large_enum_variant)]
#[derive(Clone, Debug)]
pub enum Condition {
    /// One row for the whole batch; COIN always asks for bin 0, "normal".
    All(usize),
    /// A row for each image, `[batch]`.
    Each(Tensor<1, Int>),
}

/// The bin `floor(p * bins)`, clipped, of each probability `[batch, 1]`; p = 0.5 falls into bin 1 of 2.
///
/// The reference multiplies in f64 and this in f32: the f32 just below k / bins may fall into bin k here.
pub fn bin(probability: Tensor<2>, bins: usize) -> Tensor<1, Int> {
    let batch = probability.dims()[0];
    let scaled = (probability * bins as f64).floor().clamp(0.0, bins.saturating_sub(1) as f64);
    scaled.reshape([batch]).int()
}
