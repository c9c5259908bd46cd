//! LayerCAM and Grad-CAM at the last layer in closed form, for backends without autodiff. Before global average pooling
//! and a linear layer, the logit's gradient is the linear layer's weight at every pixel.

use burn::tensor::Tensor;
use burn::tensor::activation::relu;

use super::activation_map;
use crate::networks::Classifier;

/// LayerCAM of one image at the last layer, `[1, 1, height, width]` in [0, 1]; `None` for classifiers with another
/// head.
pub fn last_layer_cam(classifier: &Classifier, image: Tensor<4>) -> Option<Tensor<4>> {
    Some(weighted(classifier, image, relu(classifier.head_gradient()?)))
}

/// Grad-CAM of one image at the last layer, `[1, 1, height, width]` in [0, 1]; `None` for classifiers with another
/// head.
pub fn last_grad_cam(classifier: &Classifier, image: Tensor<4>) -> Option<Tensor<4>> {
    Some(weighted(classifier, image, classifier.head_gradient()?))
}

fn weighted(classifier: &Classifier, image: Tensor<4>, weights: Tensor<4>) -> Tensor<4> {
    let [_, _, height, width] = image.dims();
    activation_map(classifier.last_activations(image), weights, [height, width])
}
