//! Fréchet distance between images and counterfactuals in the features of a network: FID for Inception, another metric for the
//! classifier.

use burn::tensor::{Device, Tensor};
use coin_core::metrics::Features;
use coin_core::networks::{Classifier, Inception};

use crate::pictures;

/// The network that computes the features.
#[derive(Clone, Copy)]
pub enum FeatureExtractor<'a> {
    /// The classifier, on this device.
    Classifier(&'a Classifier, &'a Device),
    /// Inception.
    Inception(&'a Inception),
}

/// Features of images and of their counterfactuals.
pub struct FeatureDistance<'a> {
    extractor: FeatureExtractor<'a>,
    size: usize,
    sets: Option<[Features; 2]>,
}

impl<'a> FeatureDistance<'a> {
    /// Starts without images of `size` x `size` pixels.
    pub fn new(extractor: FeatureExtractor<'a>, size: usize) -> Self {
        Self { extractor, size, sets: None }
    }

    /// Adds a batch of images and their counterfactuals, `size * size` values in [-1, 1] each.
    pub fn add(&mut self, images: &[f32], counterfactuals: &[f32]) -> anyhow::Result<()> {
        for (set, seen) in [images, counterfactuals].into_iter().enumerate() {
            let features = self.features(seen);
            let dimensions = features.dims()[1];
            let sets = self.sets.get_or_insert_with(|| [Features::new(dimensions), Features::new(dimensions)]);
            let values = pictures::values(features, "features")?;
            values.chunks_exact(dimensions.max(1)).for_each(|vector| sets[set].add(vector));
        }
        Ok(())
    }

    fn features(&self, seen: &[f32]) -> Tensor<2> {
        match self.extractor {
            FeatureExtractor::Classifier(classifier, device) => {
                classifier.features(pictures::tensor(seen.to_vec(), self.size, device))
            }
            FeatureExtractor::Inception(inception) => {
                let unit: Vec<f32> = seen.iter().map(|value| ((value + 1.0) / 2.0).clamp(0.0, 1.0)).collect();
                inception.features(&unit, self.size)
            }
        }
    }

    /// The distance; `None` with fewer than two images.
    pub fn distance(&self) -> Option<f64> {
        let [images, counterfactuals] = self.sets.as_ref()?;
        images.distance(counterfactuals)
    }
}
