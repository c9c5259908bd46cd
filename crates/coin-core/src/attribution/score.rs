//! Score-CAM (Wang et al., arXiv 1910.01279): activation maps weighted by the classifier's probability for the masked
//! image.

use burn::tensor::Tensor;
use burn::tensor::activation::relu;

use super::{BATCH, Progress, min_max, resized, weighted_sum};
use crate::networks::{Classifier, Layer};

/// Score-CAM of one image at `layer`, `[1, 1, height, width]` in [0, 1]; `None` if `progress` cancelled it.
///
/// The weight of an activation map is the probability of the image times the map, upsampled and scaled to [0, 1]. As in
/// the paper's reference, the weighted sum is over the unscaled maps.
pub fn score_cam(classifier: &Classifier, image: Tensor<4>, layer: Layer, progress: Progress<'_>) -> Option<Tensor<4>> {
    let [_, _, height, width] = image.dims();
    let maps = resized(classifier.activations(image.clone(), layer), [height, width]);
    let channels = maps.dims()[1];
    // `[channels, 1, height, width]`: the maps become a batch.
    let maps = maps.swap_dims(0, 1);
    let mut sum = image.zeros_like();
    for start in (0..channels).step_by(BATCH) {
        let end = channels.min(start + BATCH);
        let maps = maps.clone().narrow(0, start, end - start);
        sum = sum + weighted_sum(classifier, &image, min_max(maps.clone()), maps);
        if !progress(end, channels) {
            return None;
        }
    }
    Some(min_max(relu(sum)))
}
