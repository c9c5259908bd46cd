//! The public elementwise, pooling and normalisation functions.

use burn::backend::Dispatch;
use burn::tensor::Tensor;

use crate::functions::check_affine;
use crate::operations::{Operations, Optional};

/// Output and statistics of [`batch_norm`].
#[derive(Clone, Debug)]
pub struct BatchNormed {
    /// Normalised map, of the input's shape.
    pub output: Tensor<4>,
    /// Batch mean `[channels]`, without gradient.
    pub mean: Tensor<1>,
    /// Biased batch variance `[channels]`, without gradient.
    pub variance: Tensor<1>,
}

/// Batch normalisation of `x` `[batch, channels, height, width]` with batch statistics, scale `gamma` and shift `beta`,
/// both `[channels]`, followed by ReLU if `relu` is set.
///
/// The backward pass differentiates through the statistics (Ioffe and Szegedy, arXiv 1502.03167).
pub fn batch_norm(x: Tensor<4>, gamma: Tensor<1>, beta: Tensor<1>, epsilon: f64, relu: bool) -> BatchNormed {
    let [x, gamma, beta] = [x.into_dispatch(), gamma.into_dispatch(), beta.into_dispatch()];
    let (output, mean, variance) = <Dispatch as Operations>::batch_norm_statistics(x, gamma, beta, epsilon, relu);
    let [mean, variance] = [mean, variance].map(Tensor::from_dispatch);
    BatchNormed { output: Tensor::from_dispatch(output), mean, variance }
}

/// `relu(scale * x + shift)` for `x` `[batch, channels, height, width]`, with scale and shift `[channels]`.
///
/// # Panics
/// If scale or shift have another number of channels.
pub fn affine_relu(x: Tensor<4>, scale: Tensor<1>, shift: Tensor<1>) -> Tensor<4> {
    let affine = (scale, shift);
    check_affine(x.dims()[1], Some(&affine));
    let (scale, shift) = affine;
    let [x, scale, shift] = [x.into_dispatch(), scale.into_dispatch(), shift.into_dispatch()];
    Tensor::from_dispatch(<Dispatch as Operations>::affine_relu(x, scale, shift))
}

/// `relu(x + y)` for maps of equal shape.
///
/// # Panics
/// If the shapes differ.
pub fn add_relu(x: Tensor<4>, y: Tensor<4>) -> Tensor<4> {
    assert_eq!(x.dims(), y.dims(), "both maps must have the same shape");
    Tensor::from_dispatch(<Dispatch as Operations>::add_relu(x.into_dispatch(), y.into_dispatch()))
}

/// 2x2 average pooling, of `relu(scale * x + shift)` with a prologue `(scale, shift)`, both `[channels]`.
///
/// # Panics
/// If scale or shift have another number of channels.
pub fn average_pool(x: Tensor<4>, prologue: Option<(Tensor<1>, Tensor<1>)>) -> Tensor<4> {
    check_affine(x.dims()[1], prologue.as_ref());
    let (scale, shift) = prologue.unzip();
    let [scale, shift] = [scale, shift].map(|vector| Optional::of(vector.map(Tensor::into_dispatch)));
    Tensor::from_dispatch(<Dispatch as Operations>::sum_pool(x.into_dispatch(), scale, shift, 0.25))
}

/// 3x3 max pooling with stride 2 and padding 1. Among equal pixels, the first one receives the gradient.
pub fn max_pool(x: Tensor<4>) -> Tensor<4> {
    Tensor::from_dispatch(<Dispatch as Operations>::max_pool(x.into_dispatch()))
}

/// 2x nearest-neighbour upsampling.
pub fn double(x: Tensor<4>) -> Tensor<4> {
    let [_, _, height, width] = x.dims();
    Tensor::from_dispatch(<Dispatch as Operations>::double(x.into_dispatch(), [2 * height, 2 * width], 1.0))
}

/// Matrix product of `[rows, inner]` and `[inner, columns]`.
///
/// # Panics
/// If the inner dimensions differ.
pub fn product(x: Tensor<2>, y: Tensor<2>) -> Tensor<2> {
    assert_eq!(x.dims()[1], y.dims()[0], "the inner dimensions of a product must match");
    Tensor::from_dispatch(<Dispatch as Operations>::product(x.into_dispatch(), y.into_dispatch()))
}
