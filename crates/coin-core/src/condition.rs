//! The condition of generator and discriminator: the bin of the classifier's probability.

use burn::tensor::{Int, Tensor};

/// Row of a condition lookup table.
// One value per forward pass, so its size does not matter.
#[allow(clippy::large_enum_variant)]
#[derive(Clone, Debug)]
pub enum Condition {
    /// The same row for the whole batch; COIN always uses bin 0, "normal".
    All(usize),
    /// One row per image, `[batch]`.
    Each(Tensor<1, Int>),
}

/// Returns the bin `floor(p * bins)`, clipped to the last bin, of each probability `[batch, 1]`; p = 0.5 is in bin 1 of
/// 2.
///
/// The reference multiplies in f64. In f32, the value just below k / bins may round into bin k.
pub fn bin(probability: Tensor<2>, bins: usize) -> Tensor<1, Int> {
    let batch = probability.dims()[0];
    let scaled = (probability * bins as f64).floor().clamp(0.0, bins.saturating_sub(1) as f64);
    scaled.reshape([batch]).int()
}
