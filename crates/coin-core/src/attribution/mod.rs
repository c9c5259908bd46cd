//! The saliency methods that the paper compares with COIN (arXiv 2404.12832, section 4). They need only the classifier.
//!
//! All take one image `[1, 1, height, width]` in [-1, 1] and return a saliency map of the same shape in [0, 1], high
//! where pixels are evidence for "abnormal".

#[cfg(feature = "train")]
mod gradient;
mod last_layer;
mod method;
mod rise;
mod score;

use burn::tensor::Tensor;
use burn::tensor::activation::{relu, sigmoid};
use burn::tensor::module::interpolate;
use burn::tensor::ops::{InterpolateMode, InterpolateOptions};
use coin_kernels::product;

use crate::networks::Classifier;

#[cfg(feature = "train")]
pub use gradient::{grad_cam, layer_cam};
pub use last_layer::{last_grad_cam, last_layer_cam};
pub use method::SaliencyMethod;
pub use rise::{GridMask, Rise, RiseConfig};
pub use score::score_cam;

/// The paper's threshold on saliency maps: the mask is `map > 0.975`.
pub const SALIENCY_THRESHOLD: f32 = 0.975;

/// Images per forward pass.
const BATCH: usize = 16;

/// Called with the number of images done and in total; returning `false` cancels the method.
pub type Progress<'a> = &'a mut dyn FnMut(usize, usize) -> bool;

/// Scales each channel of `[batch, channels, height, width]` to [0, 1]; a constant channel becomes 0.
fn min_max(maps: Tensor<4>) -> Tensor<4> {
    let [batch, channels, height, width] = maps.dims();
    let flat = maps.reshape([batch, channels, height * width]);
    let least = flat.clone().min_dim(2);
    let range = flat.clone().max_dim(2) - least.clone();
    let constant = range.clone().equal_elem(0.0);
    ((flat - least) / range.mask_fill(constant, 1.0)).reshape([batch, channels, height, width])
}

/// Sums the maps `[n, 1, height, width]`, each weighted by the classifier's probability for the image times the mask.
fn weighted_sum(classifier: &Classifier, image: &Tensor<4>, masks: Tensor<4>, maps: Tensor<4>) -> Tensor<4> {
    let [count, _, height, width] = masks.dims();
    let scores = sigmoid(classifier.forward(masks * image.clone()));
    product(scores.transpose(), maps.reshape([count, height * width])).reshape([1, 1, height, width])
}

/// Scales the positive part of the weighted sum of activations `[1, channels, rows, columns]` to [0, 1] and to `size`.
fn activation_map(activations: Tensor<4>, weights: Tensor<4>, size: [usize; 2]) -> Tensor<4> {
    min_max(resized(relu((activations * weights).sum_dim(1)), size))
}

/// Resizes bilinearly with half-pixel centres (`align_corners = false`).
fn resized(maps: Tensor<4>, size: [usize; 2]) -> Tensor<4> {
    interpolate(
        maps,
        InterpolateOptions::new(InterpolateMode::Bilinear).with_align_corners(false).with_output_size(size),
    )
}
