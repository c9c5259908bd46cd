//! Saliency methods that COIN is compared with (arXiv 2404.12832, section 4): which pixels speak for "abnormal", as a map
//! in [0, 1]. They need the classifier alone.
//!
//! An image is `[1, 1, height, width]` in [-1, 1], and so is its map in [0, 1].

#[cfg(feature = "train")]
mod gradient;
mod last_layer;
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
pub use rise::{GridMask, Rise, RiseConfig};
pub use score::score_cam;

/// The paper's threshold on a saliency map: the mask is where it is exceeded.
pub const SALIENCY_THRESHOLD: f32 = 0.975;

/// Images sent through the classifier at once.
const BATCH: usize = 16;

/// How far a method is: images done, and images in all. `false` stops it.
pub type Progress<'a> = &'a mut dyn FnMut(usize, usize) -> bool;

/// Each channel of `[batch, channels, height, width]` from its least to its largest value onto [0, 1]; a constant one
/// becomes 0.
fn min_max(maps: Tensor<4>) -> Tensor<4> {
    let [batch, channels, height, width] = maps.dims();
    let flat = maps.reshape([batch, channels, height * width]);
    let least = flat.clone().min_dim(2);
    let range = flat.clone().max_dim(2) - least.clone();
    let constant = range.clone().equal_elem(0.0);
    ((flat - least) / range.mask_fill(constant, 1.0)).reshape([batch, channels, height, width])
}

/// The maps `[n, 1, height, width]`, each times the probability of the image seen through its mask, summed.
fn weighted_sum(classifier: &Classifier, image: &Tensor<4>, masks: Tensor<4>, maps: Tensor<4>) -> Tensor<4> {
    let [count, _, height, width] = masks.dims();
    let scores = sigmoid(classifier.forward(masks * image.clone()));
    product(scores.transpose(), maps.reshape([count, height * width])).reshape([1, 1, height, width])
}

/// Activations `[1, channels, rows, columns]` summed with their weights, where positive, as a map of `size`.
fn activation_map(activations: Tensor<4>, weights: Tensor<4>, size: [usize; 2]) -> Tensor<4> {
    min_max(resized(relu((activations * weights).sum_dim(1)), size))
}

/// Bilinear, pixel centres onto pixel centres.
fn resized(maps: Tensor<4>, size: [usize; 2]) -> Tensor<4> {
    interpolate(
        maps,
        InterpolateOptions::new(InterpolateMode::Bilinear).with_align_corners(false).with_output_size(size),
    )
}
