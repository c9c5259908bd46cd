//! Doubling of both sides, with a gradient on every backend.

use burn::tensor::module::{conv2d, interpolate};
use burn::tensor::ops::{ConvOptions, InterpolateMode, InterpolateOptions};
use burn::tensor::{Device, Tensor};
use serde::{Deserialize, Serialize};

use super::Convolution;

/// How the generator doubles the sides of its feature maps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Upsampling {
    /// Every pixel becomes 2x2 equal ones (the paper's synthetic recipe).
    #[default]
    Nearest,
    /// Bilinear with aligned corners (the paper's tumour recipe).
    Bilinear,
}

impl Upsampling {
    /// `[batch, channels, height, width]` to `[batch, channels, 2 * height, 2 * width]`.
    pub fn forward(self, x: Tensor<4>) -> Tensor<4> {
        match self {
            Self::Nearest => {
                let options = InterpolateOptions::new(InterpolateMode::Nearest).with_scale_factor([2.0, 2.0]);
                interpolate(x, options)
            }
            Self::Bilinear => double(double(x, 2), 3),
        }
    }

    /// `convolution`, 3x3 without bias, of the doubled `x`.
    pub fn convolve(self, x: Tensor<4>, convolution: &Convolution) -> Tensor<4> {
        match self {
            Self::Nearest => convolve_equal_pixels(x, convolution.effective_weight()),
            Self::Bilinear => convolution.forward(self.forward(x)),
        }
    }
}

/// A 3x3 convolution of the nearest-doubled `x`, computed at the size of `x`.
///
/// Of three neighbours in a doubled row two are the same pixel, so an even and an odd output see two pixels each, under
/// weights (w0, w1 + w2) and (w0 + w1, w2). That makes four 2x2 kernels for the four outputs of a pixel: 16
/// multiplications where the doubled map needs 36.
fn convolve_equal_pixels(x: Tensor<4>, weight: Tensor<4>) -> Tensor<4> {
    let [batch, channels, height, width] = x.dims();
    let outputs = weight.dims()[0];
    let kernels: Tensor<5> = pair_taps(weight, 2);
    let kernels: Tensor<6> = pair_taps(kernels, 4);
    // [outputs, channels, row parity, 2, column parity, 2] to one kernel for each parity.
    let kernels = kernels.permute([0, 2, 4, 1, 3, 5]).reshape([4 * outputs, channels, 2, 2]);
    let found = conv2d(x, kernels, None, ConvOptions::new([1, 1], [1, 1], [1, 1], 1));
    let found: Tensor<6> = found.reshape([batch, outputs, 2, 2, height + 1, width + 1]);
    // An odd output's kernel starts one pixel further than an even one's.
    let row = |parity: usize| {
        let column = |column: usize| -> Tensor<4> {
            let parities = found.clone().narrow(2, parity, 1).narrow(3, column, 1);
            parities.narrow(4, parity, height).narrow(5, column, width).reshape([batch, outputs, height, width])
        };
        Tensor::stack::<5>(vec![column(0), column(1)], 4).reshape([batch, outputs, height, 2 * width])
    };
    Tensor::stack::<5>(vec![row(0), row(1)], 3).reshape([batch, outputs, 2 * height, 2 * width])
}

/// Of an axis of three taps, the two an even output has and the two an odd one has: `[.., 3, ..]` to `[.., 2, 2, ..]`.
fn pair_taps<const D: usize, const E: usize>(kernels: Tensor<D>, axis: usize) -> Tensor<E> {
    let [first, second, third] = [0, 1, 2].map(|i| kernels.clone().narrow(axis, i, 1));
    let even = Tensor::cat(vec![first.clone(), second.clone() + third.clone()], axis);
    let odd = Tensor::cat(vec![first + second, third], axis);
    Tensor::stack(vec![even, odd], axis)
}

/// Doubles one axis linearly with aligned corners.
///
/// Only one CPU backend has a gradient for the bilinear operator, so it is written with slices and weights. With n input
/// samples, output 2k lies k/(2n-1) below sample k, and output 2k+1 lies (n-1-k)/(2n-1) above it.
fn double(x: Tensor<4>, axis: usize) -> Tensor<4> {
    let mut shape = x.dims();
    let n = shape[axis];
    if n == 1 {
        return x.repeat_dim(axis, 2);
    }
    let device = x.device();
    let span = (2 * n - 1) as f32;
    let below: Vec<f32> = (0..n).map(|k| k as f32 / span).collect();
    let above: Vec<f32> = (0..n).map(|k| (n - 1 - k) as f32 / span).collect();
    let previous = Tensor::cat(vec![x.clone().narrow(axis, 0, 1), x.clone().narrow(axis, 0, n - 1)], axis);
    let next = Tensor::cat(vec![x.clone().narrow(axis, 1, n - 1), x.clone().narrow(axis, n - 1, 1)], axis);
    let even = x.clone() + (previous - x.clone()) * along(&below, axis, &device);
    let odd = x.clone() + (next - x) * along(&above, axis, &device);
    let pairs: Tensor<5> = Tensor::stack(vec![even, odd], axis + 1);
    shape[axis] = 2 * n;
    pairs.reshape(shape)
}

fn along(weights: &[f32], axis: usize, device: &Device) -> Tensor<4> {
    let mut shape = [1; 4];
    shape[axis] = weights.len();
    Tensor::<1>::from_floats(weights, device).reshape(shape)
}
