//! Reference implementations composed of Burn operations, for backends and types without a kernel here.

use burn::backend::ops::{ConvOptions, ConvTransposeOptions, InterpolateMode, InterpolateOptions};
use burn::backend::tensor::FloatTensor;
use burn::backend::{Backend, Scalar, TensorMetadata as _};
use burn::tensor::{IntDType, Shape, Slice};

use crate::{Adam, Convolution};

fn options(convolution: &Convolution) -> ConvOptions<2> {
    let Convolution { stride, padding, groups, .. } = *convolution;
    ConvOptions::new([stride; 2], [padding; 2], [1; 2], groups)
}

fn shape_of<B: Backend>(x: &FloatTensor<B>) -> [usize; 4] {
    let shape = x.shape();
    [shape[0], shape[1], shape[2], shape[3]]
}

/// Reshapes `[channels]` to broadcast over a feature map.
fn along_channels<B: Backend>(vector: FloatTensor<B>) -> FloatTensor<B> {
    let channels = vector.shape()[0];
    B::float_reshape(vector, Shape::new([1, channels, 1, 1]))
}

pub fn affine_relu<B: Backend>(x: FloatTensor<B>, scale: FloatTensor<B>, shift: FloatTensor<B>) -> FloatTensor<B> {
    let scaled = B::float_mul(x, along_channels::<B>(scale));
    B::relu(B::float_add(scaled, along_channels::<B>(shift)))
}

/// Adds the residual and applies ReLU.
fn after_epilogue<B: Backend>(y: FloatTensor<B>, residual: Option<FloatTensor<B>>, relu: bool) -> FloatTensor<B> {
    let y = match residual {
        Some(residual) if residual.shape() == y.shape() => B::float_add(y, residual),
        Some(residual) => {
            let [_, _, height, width] = shape_of::<B>(&y);
            B::float_add(y, double::<B>(residual, [height, width], 1.0))
        }
        None => y,
    };
    if relu { B::relu(y) } else { y }
}

pub fn convolve<B: Backend>(
    x: FloatTensor<B>,
    weight: FloatTensor<B>,
    bias: Option<FloatTensor<B>>,
    residual: Option<FloatTensor<B>>,
    relu: bool,
    convolution: Convolution,
) -> FloatTensor<B> {
    let y = if convolution.transposed {
        let Convolution { stride, padding, groups, .. } = convolution;
        let options = ConvTransposeOptions::new([stride; 2], [padding; 2], [0; 2], [1; 2], groups);
        B::conv_transpose2d(x, B::float_swap_dims(weight, 0, 1), bias, options)
    } else {
        B::conv2d(kernel_input::<B>(x, &convolution), weight, bias, options(&convolution))
    };
    after_epilogue::<B>(y, residual, relu)
}

/// The input as the kernel sees it: upsampled if the convolution asks for it.
fn kernel_input<B: Backend>(x: FloatTensor<B>, convolution: &Convolution) -> FloatTensor<B> {
    let [_, _, height, width] = shape_of::<B>(&x);
    if convolution.doubled { double::<B>(x, [2 * height, 2 * width], 1.0) } else { x }
}

pub fn parities<B: Backend>(weight: FloatTensor<B>) -> FloatTensor<B> {
    let along = |weight: FloatTensor<B>, axis: usize| {
        let part = |index: usize| {
            let slices: Vec<Slice> =
                (0..4).map(|other| if other == axis { Slice::index(index as isize) } else { Slice::full() }).collect();
            B::float_slice(weight.clone(), &slices)
        };
        let [first, second, third] = [0, 1, 2].map(part);
        let (late, early) = (B::float_add(second.clone(), third.clone()), B::float_add(first.clone(), second));
        B::float_cat(vec![third, late, early, first], axis)
    };
    along(along(weight, 2), 3)
}

pub fn convolve_input_gradient<B: Backend>(
    weight: FloatTensor<B>,
    gradient: FloatTensor<B>,
    [height, width]: [usize; 2],
    convolution: Convolution,
) -> FloatTensor<B> {
    if convolution.transposed {
        return B::conv2d(gradient, B::float_swap_dims(weight, 0, 1), None, options(&convolution));
    }
    let channels = weight.shape()[1] * convolution.groups;
    let factor = if convolution.doubled { 2 } else { 1 };
    let shape = Shape::new([gradient.shape()[0], channels, factor * height, factor * width]);
    // Burn reads only the shape.
    let x = B::float_zeros(shape, &gradient.device(), gradient.dtype().into());
    let found = B::conv2d_x_backward(x, weight, gradient, options(&convolution));
    if convolution.doubled { sum_pool::<B>(found, 1.0) } else { found }
}

pub fn convolve_weight_gradient<B: Backend>(
    x: FloatTensor<B>,
    gradient: FloatTensor<B>,
    convolution: Convolution,
) -> FloatTensor<B> {
    if convolution.transposed {
        let plain = Convolution { transposed: false, ..convolution };
        return B::float_swap_dims(convolve_weight_gradient::<B>(gradient, x, plain), 0, 1);
    }
    let (channels, outputs) = (x.shape()[1], gradient.shape()[1]);
    let shape = Shape::new([outputs, channels / convolution.groups, convolution.kernel, convolution.kernel]);
    // Burn reads only the shape.
    let weight = B::float_zeros(shape, &gradient.device(), gradient.dtype().into());
    B::conv2d_weight_backward(kernel_input::<B>(x, &convolution), weight, gradient, options(&convolution))
}

pub fn batch_norm<B: Backend>(
    x: FloatTensor<B>,
    gamma: FloatTensor<B>,
    beta: FloatTensor<B>,
    epsilon: f64,
    relu: bool,
) -> (FloatTensor<B>, FloatTensor<B>, FloatTensor<B>) {
    let found = B::batch_norm_train(x, gamma, beta, epsilon);
    let output = if relu { B::relu(found.output) } else { found.output };
    (output, found.mean, found.variance)
}

#[allow(clippy::too_many_arguments, reason = "as the operation has them")]
pub fn batch_norm_gradient<B: Backend>(
    x: FloatTensor<B>,
    gradient: FloatTensor<B>,
    gamma: FloatTensor<B>,
    beta: FloatTensor<B>,
    mean: FloatTensor<B>,
    variance: FloatTensor<B>,
    epsilon: f64,
    relu: bool,
) -> (FloatTensor<B>, FloatTensor<B>, FloatTensor<B>) {
    let gradient = if relu {
        let output = B::batch_norm(x.clone(), gamma.clone(), beta, mean.clone(), variance.clone(), epsilon);
        B::relu_backward(B::relu(output), gradient)
    } else {
        gradient
    };
    let found = B::batch_norm_train_backward(x, gamma, mean, variance, epsilon, gradient);
    (found.x_grad, found.gamma_grad, found.beta_grad)
}

pub fn sum_pool<B: Backend>(x: FloatTensor<B>, factor: f32) -> FloatTensor<B> {
    let mean = B::avg_pool2d(x, [2; 2], [2; 2], [0; 2], true, false);
    if factor == 0.25 { mean } else { B::float_mul_scalar(mean, Scalar::Float(4.0 * f64::from(factor))) }
}

pub fn add_relu<B: Backend>(x: FloatTensor<B>, y: FloatTensor<B>) -> FloatTensor<B> {
    B::relu(B::float_add(x, y))
}

pub fn relu_gradient<B: Backend>(output: FloatTensor<B>, gradient: FloatTensor<B>) -> FloatTensor<B> {
    B::relu_backward(output, gradient)
}

pub fn adam<B: Backend>(
    parameter: FloatTensor<B>,
    gradient: FloatTensor<B>,
    first: FloatTensor<B>,
    second: FloatTensor<B>,
    adam: Adam,
) -> (FloatTensor<B>, FloatTensor<B>, FloatTensor<B>) {
    let times = |tensor, factor: f32| B::float_mul_scalar(tensor, Scalar::Float(factor.into()));
    let ([factor, root], [beta_1, beta_2]) = (adam.corrections(), adam.betas);
    let square = B::float_mul(gradient.clone(), gradient.clone());
    let first = B::float_add(times(first, beta_1), times(gradient, 1.0 - beta_1));
    let second = B::float_add(times(second, beta_2), times(square, 1.0 - beta_2));
    let deviation = B::float_add_scalar(B::float_sqrt(second.clone()), Scalar::Float((adam.epsilon * root).into()));
    let direction = B::float_div(times(first.clone(), factor), deviation);
    let change = B::float_mul_scalar(direction, Scalar::Float(adam.learning_rate));
    (B::float_sub(parameter, change), first, second)
}

pub fn max_pool<B: Backend>(x: FloatTensor<B>) -> FloatTensor<B> {
    B::max_pool2d(x, [3; 2], [2; 2], [1; 2], [1; 2], false)
}

pub fn max_pool_gradient<B: Backend>(x: FloatTensor<B>, gradient: FloatTensor<B>) -> FloatTensor<B> {
    let indices = B::max_pool2d_with_indices(x.clone(), [3; 2], [2; 2], [1; 2], [1; 2], false, IntDType::I32).indices;
    let found = B::max_pool2d_with_indices_backward(x, [3; 2], [2; 2], [1; 2], [1; 2], false, gradient, indices);
    found.x_grad
}

pub fn product<B: Backend>(x: FloatTensor<B>, y: FloatTensor<B>) -> FloatTensor<B> {
    B::float_matmul(x, y)
}

pub fn double<B: Backend>(x: FloatTensor<B>, [height, width]: [usize; 2], factor: f32) -> FloatTensor<B> {
    let [batch, channels, rows, columns] = shape_of::<B>(&x);
    let y = B::interpolate(x, [2 * rows, 2 * columns], InterpolateOptions::new(InterpolateMode::Nearest));
    let y = if factor == 1.0 { y } else { B::float_mul_scalar(y, Scalar::Float(factor.into())) };
    if [height, width] == [2 * rows, 2 * columns] {
        return y;
    }
    let zeros = |shape: [usize; 4]| B::float_zeros(Shape::new(shape), &y.device(), y.dtype().into());
    let right = zeros([batch, channels, 2 * rows, width - 2 * columns]);
    let below = zeros([batch, channels, height - 2 * rows, width]);
    B::float_cat(vec![B::float_cat(vec![y, right], 3), below], 2)
}
