//! The operations of a backend, with bodies made of Burn's own for backends that have no kernels here.

use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, ExtensionType, backend_extension};
#[cfg(feature = "tuned")]
use burn::tensor::Shape;

use crate::{Adam, Convolution, composed};

/// A tensor that an operation can do without: what `Option` is where a backend extension takes one.
#[derive(Clone, Debug, ExtensionType)]
#[extension_type(fusion: cfg(feature = "tuned"))]
pub enum Optional<B: Backend> {
    /// There is one.
    Given(FloatTensor<B>),
    /// There is none.
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

/// A map's shape with its sides changed.
#[cfg(feature = "tuned")]
fn with_sides(map: &Shape, change: impl Fn(usize) -> usize) -> Shape {
    Shape::new([map[0], map[1], change(map[2]), change(map[3])])
}

/// What backends do for COIN; the functions of this crate say what it means.
#[backend_extension(
    Flex: cfg(feature = "flex"),
    Cube: cfg(feature = "gpu"),
    Fusion: cfg(feature = "tuned"),
    Remote: cfg(feature = "remote"),
    Autodiff: cfg(feature = "autodiff"),
)]
#[allow(unused_variables, reason = "builds without a backend leave the bodies out")]
pub trait Operations: Backend {
    /// See [`crate::convolve`].
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
        composed::convolve::<Self>(x, weight, scale, shift, bias, residual, relu, convolution)
    }

    /// See [`crate::parities`].
    #[fusion(dtype = weight, shape = crate::convolution::parities_shape(weight))]
    fn parities(weight: FloatTensor<Self>) -> FloatTensor<Self> {
        composed::parities::<Self>(weight)
    }

    /// The gradient of a convolution by its input of `sides`.
    #[fusion(dtype = gradient, shape = convolution.input_shape(weight, gradient, *sides))]
    fn convolve_input_gradient(
        weight: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        sides: [usize; 2],
        convolution: Convolution,
    ) -> FloatTensor<Self> {
        composed::convolve_input_gradient::<Self>(weight, gradient, sides, convolution)
    }

    /// The gradient of a convolution by its weight.
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

    /// See [`crate::batch_norm`]: the output, the mean and the biased variance.
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

    /// Gradients of [`Self::batch_norm_statistics`] by `x`, `gamma` and `beta`.
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

    /// `factor` times the sum of each 2x2 pixels, of `relu(scale * x + shift)` where there are scale and shift.
    #[fusion(dtype = x, shape = with_sides(x, |side| side / 2))]
    fn halve(
        x: FloatTensor<Self>,
        #[extension_type] scale: Optional<Self>,
        #[extension_type] shift: Optional<Self>,
        factor: f32,
    ) -> FloatTensor<Self> {
        composed::halve::<Self>(x, scale.get(), shift.get(), factor)
    }

    /// See [`crate::add_relu`].
    #[fusion(dtype = x, shape = x)]
    fn add_relu(x: FloatTensor<Self>, y: FloatTensor<Self>) -> FloatTensor<Self> {
        composed::add_relu::<Self>(x, y)
    }

    /// `gradient` where `output`, which ReLU gave, is more than 0.
    #[fusion(dtype = gradient, shape = gradient)]
    fn relu_gradient(output: FloatTensor<Self>, gradient: FloatTensor<Self>) -> FloatTensor<Self> {
        composed::relu_gradient::<Self>(output, gradient)
    }

    /// See [`crate::adam`]: the parameter and its two moments.
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

    /// See [`crate::max_pool`].
    #[fusion(dtype = x, shape = with_sides(x, |side| side.div_ceil(2)))]
    fn max_pool(x: FloatTensor<Self>) -> FloatTensor<Self> {
        composed::max_pool::<Self>(x)
    }

    /// The gradient of [`Self::max_pool`].
    #[fusion(dtype = x, shape = x)]
    fn max_pool_gradient(x: FloatTensor<Self>, gradient: FloatTensor<Self>) -> FloatTensor<Self> {
        composed::max_pool_gradient::<Self>(x, gradient)
    }

    /// See [`crate::product`].
    #[fusion(dtype = x, shape = Shape::new([x[0], y[1]]))]
    fn product(x: FloatTensor<Self>, y: FloatTensor<Self>) -> FloatTensor<Self> {
        composed::product::<Self>(x, y)
    }

    /// `factor` times each pixel, as 2x2 pixels; `sides` may be larger by one than twice those of `x`, with zeros there.
    #[fusion(dtype = x, shape = Shape::new([x[0], x[1], sides[0], sides[1]]))]
    fn double(x: FloatTensor<Self>, sides: [usize; 2], factor: f32) -> FloatTensor<Self> {
        composed::double::<Self>(x, sides, factor)
    }
}

#[cfg(feature = "remote")]
impl Operations for burn::backend::Remote {}
