//! LayerCAM (Jiang et al., 2021, doi 10.1109/TIP.2021.3089943) and Grad-CAM (Selvaraju et al., arXiv 1610.02391):
//! activations weighted by the gradient of the logit.

use burn::module::Module as _;
use burn::tensor::Tensor;
use burn::tensor::activation::relu;

use super::activation_map;
use crate::networks::{Classifier, Layer};

/// LayerCAM of one image at `layer`: the sum over channels of activation times positive gradient. Returns `[1, 1,
/// height, width]` in [0, 1].
pub fn layer_cam(classifier: &Classifier, image: Tensor<4>, layer: Layer) -> Tensor<4> {
    weighted(classifier, image, layer, relu)
}

/// Grad-CAM of one image at `layer`: the positive part of the sum over channels of activation times the channel's mean
/// gradient. Returns `[1, 1, height, width]` in [0, 1].
pub fn grad_cam(classifier: &Classifier, image: Tensor<4>, layer: Layer) -> Tensor<4> {
    weighted(classifier, image, layer, |gradient| gradient.mean_dim(3).mean_dim(2))
}

fn weighted(classifier: &Classifier, image: Tensor<4>, layer: Layer, weights: fn(Tensor<4>) -> Tensor<4>) -> Tensor<4> {
    let [_, _, height, width] = image.dims();
    let activations = classifier.activations(image, layer);
    let classifier = classifier.clone().fork(&activations.device().autodiff()).freeze();
    let traced = Tensor::from_inner(activations.clone()).require_grad();
    let gradients = classifier.logits(traced.clone(), layer).sum().backward();
    let gradient = traced.grad(&gradients).unwrap_or_else(|| activations.zeros_like());
    activation_map(activations, weights(gradient), [height, width])
}
