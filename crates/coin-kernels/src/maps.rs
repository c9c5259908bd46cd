//! Operations on each pixel, on a few of them, and on what is left when maps are pooled.

use burn::backend::Dispatch;
use burn::tensor::Tensor;

use crate::convolution::check_affine;
use crate::operations::{Operations, Optional};

/// What batch normalisation gives.
#[derive(Clone, Debug)]
pub struct BatchNormed {
    /// Of the input's shape.
    pub output: Tensor<4>,
    /// `[channels]`, without gradient.
    pub mean: Tensor<1>,
    /// `[channels]`, biased, without gradient.
    pub variance: Tensor<1>,
}

/// Batch normalisation of `x` by its own statistics, with scale `gamma` and shift `beta`, both `[channels]`, and ReLU where
/// `relu` is set. Its gradients take into account that the statistics depend on `x`.
pub fn batch_norm(x: Tensor<4>, gamma: Tensor<1>, beta: Tensor<1>, epsilon: f64, relu: bool) -> BatchNormed {
    let [x, gamma, beta] = [x.into_dispatch(), gamma.into_dispatch(), beta.into_dispatch()];
    let (output, mean, variance) = <Dispatch as Operations>::batch_norm_statistics(x, gamma, beta, epsilon, relu);
    let [mean, variance] = [mean, variance].map(Tensor::from_dispatch);
    BatchNormed { output: Tensor::from_dispatch(output), mean, variance }
}

/// `relu(scale * x + shift)`, both `[channels]`.
///
/// # Panics
/// When they have another number of channels.
pub fn affine_relu(x: Tensor<4>, scale: Tensor<1>, shift: Tensor<1>) -> Tensor<4> {
    let affine = (scale, shift);
    check_affine(x.dims()[1], Some(&affine));
    let (scale, shift) = affine;
    let [x, scale, shift] = [x.into_dispatch(), scale.into_dispatch(), shift.into_dispatch()];
    Tensor::from_dispatch(<Dispatch as Operations>::affine_relu(x, scale, shift))
}

/// `relu(x + y)`, of one shape.
///
/// # Panics
/// When they are of two.
pub fn add_relu(x: Tensor<4>, y: Tensor<4>) -> Tensor<4> {
    assert_eq!(x.dims(), y.dims(), "what is added has one shape");
    Tensor::from_dispatch(<Dispatch as Operations>::add_relu(x.into_dispatch(), y.into_dispatch()))
}

/// The mean of each 2x2 pixels; of `relu(scale * x + shift)` with a prologue `(scale, shift)`, both `[channels]`.
///
/// # Panics
/// When scale or shift have another number of channels.
pub fn average_pool(x: Tensor<4>, prologue: Option<(Tensor<1>, Tensor<1>)>) -> Tensor<4> {
    check_affine(x.dims()[1], prologue.as_ref());
    let (scale, shift) = prologue.unzip();
    let [scale, shift] = [scale, shift].map(|vector| Optional::of(vector.map(Tensor::into_dispatch)));
    Tensor::from_dispatch(<Dispatch as Operations>::halve(x.into_dispatch(), scale, shift, 0.25))
}

/// The maximum of 3x3 pixels around every second pixel of every second row: kernel 3, stride 2, padding 1. Its gradient goes to
/// the first of equal pixels.
pub fn max_pool(x: Tensor<4>) -> Tensor<4> {
    Tensor::from_dispatch(<Dispatch as Operations>::max_pool(x.into_dispatch()))
}

/// Each pixel as 2x2 equal pixels.
pub fn double(x: Tensor<4>) -> Tensor<4> {
    let [_, _, height, width] = x.dims();
    Tensor::from_dispatch(<Dispatch as Operations>::double(x.into_dispatch(), [2 * height, 2 * width], 1.0))
}

/// The product of matrices `[rows, inner]` and `[inner, columns]`.
///
/// # Panics
/// When their inner sides differ.
pub fn product(x: Tensor<2>, y: Tensor<2>) -> Tensor<2> {
    assert_eq!(x.dims()[1], y.dims()[0], "the inner sides of a product are one");
    Tensor::from_dispatch(<Dispatch as Operations>::product(x.into_dispatch(), y.into_dispatch()))
}
