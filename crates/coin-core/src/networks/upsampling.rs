//! Doubling of both sides, with a gradient on every backend.

use burn::tensor::module::interpolate;
use burn::tensor::ops::{InterpolateMode, InterpolateOptions};
use burn::tensor::{Device, Tensor};
use serde::{Deserialize, Serialize};

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
