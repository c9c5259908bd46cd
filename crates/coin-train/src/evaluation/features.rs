//! How far counterfactuals are from images in the eyes of the classifier: the Frechet distance of its features. It is no FID,
//! whose features are Inception's.

use burn::tensor::{Device, Tensor, TensorData};
use coin_core::metrics::Features;
use coin_core::networks::Classifier;

/// Features of images and of their counterfactuals.
pub struct FeatureDistance<'a> {
    classifier: &'a Classifier,
    device: &'a Device,
    size: usize,
    sets: Option<[Features; 2]>,
}

impl<'a> FeatureDistance<'a> {
    /// Of images of `size` x `size`.
    pub fn new(classifier: &'a Classifier, device: &'a Device, size: usize) -> Self {
        Self { classifier, device, size, sets: None }
    }

    /// Adds a batch of images and one of counterfactuals, each `size * size` values in [-1, 1] an image.
    pub fn add(&mut self, images: Vec<f32>, counterfactuals: Vec<f32>) -> anyhow::Result<()> {
        for (set, pictures) in [images, counterfactuals].into_iter().enumerate() {
            let batch = pictures.len() / (self.size * self.size).max(1);
            let data = TensorData::new(pictures, [batch, 1, self.size, self.size]);
            let features = self.classifier.features(Tensor::<4>::from_data(data, self.device));
            let dimensions = features.dims()[1];
            let sets = self.sets.get_or_insert_with(|| [Features::new(dimensions), Features::new(dimensions)]);
            let values = features.try_into_vec_as::<f32>();
            let values =
                values.map_err(|reason| anyhow::anyhow!("the device did not give features back: {reason:?}"))?;
            values.chunks_exact(dimensions.max(1)).for_each(|vector| sets[set].add(vector));
        }
        Ok(())
    }

    /// The distance; `None` with fewer than two images.
    pub fn distance(&self) -> Option<f64> {
        let [images, counterfactuals] = self.sets.as_ref()?;
        images.distance(counterfactuals)
    }
}
