//! LayerCAM and Grad-CAM at the last layer in closed form, where there is no automatic differentiation: behind a mean and a
//! dense layer the logit's gradient is the dense layer's weight, the same everywhere.

use burn::tensor::Tensor;
use burn::tensor::activation::relu;

use super::activation_map;
use crate::networks::Classifier;

/// LayerCAM of one image at the last layer; `None` for classifiers that end in something else.
pub fn last_layer_cam(classifier: &Classifier, image: Tensor<4>) -> Option<Tensor<4>> {
    Some(weighted(classifier, image, relu(classifier.head_gradient()?)))
}

/// Grad-CAM of one image at the last layer; `None` for classifiers that end in something else.
pub fn last_grad_cam(classifier: &Classifier, image: Tensor<4>) -> Option<Tensor<4>> {
    Some(weighted(classifier, image, classifier.head_gradient()?))
}

fn weighted(classifier: &Classifier, image: Tensor<4>, weights: Tensor<4>) -> Tensor<4> {
    let [_, _, height, width] = image.dims();
    activation_map(classifier.last_activations(image), weights, [height, width])
}
