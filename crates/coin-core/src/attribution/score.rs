//! ScoreCAM: each activation map counts as much as the classifier likes the image seen through it.

use burn::tensor::Tensor;
use burn::tensor::activation::relu;

use super::{BATCH, Progress, min_max, resized, weighted_sum};
use crate::networks::{Classifier, Layer};

/// ScoreCAM of one image at a layer, `None` when `progress` stopped it.
///
/// The weight of an activation map is the probability of the image multiplied by the map, resized and scaled to [0, 1];
/// the weighted sum is of the maps as they are.
pub fn score_cam(classifier: &Classifier, image: Tensor<4>, layer: Layer, progress: Progress<'_>) -> Option<Tensor<4>> {
    let [_, _, height, width] = image.dims();
    let maps = resized(classifier.activations(image.clone(), layer), [height, width]);
    let channels = maps.dims()[1];
    // `[channels, 1, height, width]`: one image a map.
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
