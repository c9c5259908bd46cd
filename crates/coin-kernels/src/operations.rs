//! The operations as a backend trait, with default bodies composed of Burn operations.

use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, ExtensionType, backend_extension};
#[cfg(feature = "tuned")]
use burn::tensor::Shape;

use crate::{Adam, Convolution, composed};

/// An optional tensor argument; backend extensions do not accept `Option`.
#[derive(Clone, Debug, ExtensionType)]
#[extension_type(fusion: cfg(feature = "tuned"))]
pub enum Optional<B: Backend> {
    /// Present.
    Given(FloatTensor<B>),
    /// Absent.
    Absent,
}

impl<B: Backend> Optional<B> {
    pub(crate) fn get(self) -> Option<FloatTensor<B>> {
        match self {
            Self::Given(tensor) => Some(tensor),
            Self::Absent => None,
        }
    }

    pub(crate) fn of(tensor: Option<FloatTensor<B>>) -> Self {
        tensor.map_or(Self::Absent, Self::Given)
    }
}

/// The shape of a map with height and width changed.
#[cfg(feature = "tuned")]
fn with_sides(map: &Shape, change: impl Fn(usize) -> usize) -> Shape {
    Shape::new([map[0], map[1], change(map[2]), change(map[3])])
}

/// Applies the prologue `relu(scale * x + shift)`, if any.
pub(crate) fn after_prologue<B: Operations>(
    x: FloatTensor<B>,
    scale: Option<FloatTensor<B>>,
    shift: Option<FloatTensor<B>>,
) -> FloatTensor<B> {
    match scale.zip(shift) {
        Some((scale, shift)) => B::affine_relu(x, scale, shift),
        None => x,
    }
}

/// The operations of a backend. The public functions of this crate define their meaning.
#[backend_extension(
    Flex: cfg(feature = "flex"),
    Cube: cfg(feature = "gpu"),
    Fusion: cfg(feature = "tuned"),
    Remote: cfg(feature = "remote"),
    Autodiff: cfg(feature = "autodiff"),
)]
#[allow(unused_variables, reason = "builds without a backend leave the bodies out")]
pub trait Operations: Backend {
    /// [`crate::convolve`].
    #[fusion(dtype = x, shape = convolution.output_shape(x, weight))]
    #[allow(clippy::too_many_arguments, reason = "a backend extension takes tensors one by one")]
    fn convolve(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        #[extension_type] scale: Optional<Self>,
        #[extension_type] shift: Optional<Self>,
        #[extension_type] bias: Optional<Self>,
        #[extension_type] residual: Optional<Self>,
        relu: bool,
        convolution: Convolution,
    ) -> FloatTensor<Self> {
        let [scale, shift, bias, residual] = [scale, shift, bias, residual].map(Optional::get);
        let x = after_prologue::<Self>(x, scale, shift);
        composed::convolve::<Self>(x, weight, bias, residual, relu, convolution)
    }

    /// [`crate::parities`].
    #[fusion(dtype = weight, shape = crate::convolution::parities_shape(weight))]
    fn parities(weight: FloatTensor<Self>) -> FloatTensor<Self> {
        composed::parities::<Self>(weight)
    }

    /// The gradient of a convolution with respect to its input of `sides` (height, width).
    #[fusion(dtype = gradient, shape = convolution.input_shape(weight, gradient, *sides))]
    fn convolve_input_gradient(
        weight: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        sides: [usize; 2],
        convolution: Convolution,
    ) -> FloatTensor<Self> {
        composed::convolve_input_gradient::<Self>(weight, gradient, sides, convolution)
    }

    /// The gradient of a convolution with respect to its weight.
    #[fusion(dtype = gradient, shape = convolution.weight_shape(x, gradient))]
    fn convolve_weight_gradient(
        x: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        convolution: Convolution,
    ) -> FloatTensor<Self> {
        composed::convolve_weight_gradient::<Self>(x, gradient, convolution)
    }

    /// `relu(scale * x + shift)`, both `[channels]`.
    #[fusion(dtype = x, shape = x)]
    fn affine_relu(x: FloatTensor<Self>, scale: FloatTensor<Self>, shift: FloatTensor<Self>) -> FloatTensor<Self> {
        composed::affine_relu::<Self>(x, scale, shift)
    }

    /// [`crate::batch_norm`]: the output, the mean and the biased variance.
    #[fusion(meta = |x, gamma, beta, _, _| (x.clone(), gamma.clone(), beta.clone()))]
    fn batch_norm_statistics(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        epsilon: f64,
        relu: bool,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        composed::batch_norm::<Self>(x, gamma, beta, epsilon, relu)
    }

    /// Gradients of [`Self::batch_norm_statistics`] with respect to `x`, `gamma` and `beta`.
    #[fusion(meta = |x, _, gamma, beta, _, _, _, _| (x.clone(), gamma.clone(), beta.clone()))]
    #[allow(clippy::too_many_arguments, reason = "a backend extension takes tensors one by one")]
    fn batch_norm_gradient(
        x: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        mean: FloatTensor<Self>,
        variance: FloatTensor<Self>,
        epsilon: f64,
        relu: bool,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        composed::batch_norm_gradient::<Self>(x, gradient, gamma, beta, mean, variance, epsilon, relu)
    }

    /// `factor` times the 2x2 sum pooling of `x`, or of `relu(scale * x + shift)` if scale and shift are given.
    #[fusion(dtype = x, shape = with_sides(x, |side| side / 2))]
    fn sum_pool(
        x: FloatTensor<Self>,
        #[extension_type] scale: Optional<Self>,
        #[extension_type] shift: Optional<Self>,
        factor: f32,
    ) -> FloatTensor<Self> {
        composed::sum_pool::<Self>(after_prologue::<Self>(x, scale.get(), shift.get()), factor)
    }

    /// [`crate::add_relu`].
    #[fusion(dtype = x, shape = x)]
    fn add_relu(x: FloatTensor<Self>, y: FloatTensor<Self>) -> FloatTensor<Self> {
        composed::add_relu::<Self>(x, y)
    }

    /// `gradient` where the ReLU's `output` is positive, 0 elsewhere.
    #[fusion(dtype = gradient, shape = gradient)]
    fn relu_gradient(output: FloatTensor<Self>, gradient: FloatTensor<Self>) -> FloatTensor<Self> {
        composed::relu_gradient::<Self>(output, gradient)
    }

    /// [`crate::adam`]: the parameter and its two moments.
    #[fusion(meta = |parameter, _, first, second, _| (parameter.clone(), first.clone(), second.clone()))]
    fn adam(
        parameter: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        first: FloatTensor<Self>,
        second: FloatTensor<Self>,
        adam: Adam,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        composed::adam::<Self>(parameter, gradient, first, second, adam)
    }

    /// [`crate::max_pool`].
    #[fusion(dtype = x, shape = with_sides(x, |side| side.div_ceil(2)))]
    fn max_pool(x: FloatTensor<Self>) -> FloatTensor<Self> {
        composed::max_pool::<Self>(x)
    }

    /// The gradient of [`Self::max_pool`].
    #[fusion(dtype = x, shape = x)]
    fn max_pool_gradient(x: FloatTensor<Self>, gradient: FloatTensor<Self>) -> FloatTensor<Self> {
        composed::max_pool_gradient::<Self>(x, gradient)
    }

    /// [`crate::product`].
    #[fusion(dtype = x, shape = Shape::new([x[0], y[1]]))]
    fn product(x: FloatTensor<Self>, y: FloatTensor<Self>) -> FloatTensor<Self> {
        composed::product::<Self>(x, y)
    }

    /// `factor` times the 2x nearest-neighbour upsampled `x`; `sides` may exceed twice those of `x` by one, with zeros
    /// there.
    #[fusion(dtype = x, shape = Shape::new([x[0], x[1], sides[0], sides[1]]))]
    fn double(x: FloatTensor<Self>, sides: [usize; 2], factor: f32) -> FloatTensor<Self> {
        composed::double::<Self>(x, sides, factor)
    }
}

#[cfg(feature = "remote")]
impl Operations for burn::backend::Remote {}
