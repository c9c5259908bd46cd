//! 2x upsampling, differentiable on every backend.

use burn::tensor::{Device, Tensor};
use coin_kernels::Epilogue;
use serde::{Deserialize, Serialize};

use super::Convolution;
use super::normalisation::Affine;

/// How the generator upsamples its feature maps.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Upsampling {
    /// Nearest neighbour (the paper's synthetic recipe).
    #[default]
    Nearest,
    /// Bilinear with `align_corners = true` (the paper's tumour recipe).
    Bilinear,
}

impl Upsampling {
    /// Maps `[batch, channels, height, width]` to `[batch, channels, 2 * height, 2 * width]`.
    pub fn forward(self, x: Tensor<4>) -> Tensor<4> {
        match self {
            Self::Nearest => coin_kernels::double(x),
            Self::Bilinear => double(double(x, 2), 3),
        }
    }

    /// Applies the prologue, upsamples `x`, and applies the 3x3 `convolution` without bias.
    pub(super) fn convolve(self, x: Tensor<4>, prologue: Option<Affine>, convolution: &Convolution) -> Tensor<4> {
        match self {
            Self::Nearest => convolution.apply(x, prologue, Epilogue::default(), true),
            Self::Bilinear => {
                let x = match prologue {
                    Some((scale, shift)) => coin_kernels::affine_relu(x, scale, shift),
                    None => x,
                };
                convolution.forward(self.forward(x))
            }
        }
    }
}

/// Upsamples one axis 2x linearly with `align_corners = true`.
///
/// Only one CPU backend differentiates the bilinear operator, so this uses slices and weights. With n input samples,
/// output 2k is k/(2n-1) of the way from sample k to the previous one, and output 2k+1 is (n-1-k)/(2n-1) of the way to
/// the next one.
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
