//! Metrics of the saliency methods, which explain the same classifier, over abnormal samples.

use anyhow::Context as _;
use burn::tensor::Device;
use coin_core::attribution::{self, Progress, Rise, RiseConfig, SaliencyMethod};
use coin_core::networks::{Classifier, Layer};
use indicatif::ProgressBar;

use super::overlaps::Overlaps;
use super::{BATCH, MaskRule, MethodReport};
use crate::Error;
use crate::data::Samples;
use crate::pictures;

/// A classifier and the settings of its saliency methods.
pub struct Saliency {
    classifier: Classifier,
    layer: Layer,
    rise: Rise,
    size: usize,
    device: Device,
}

/// Results of a method.
pub struct SaliencyFound {
    /// Its metrics.
    pub report: MethodReport,
    /// Maps of the requested samples, in their order; `None` for normal ones.
    pub maps: Vec<Option<Vec<f32>>>,
}

impl Saliency {
    /// Uses the layer of that name, or the last one, and RISE with `masks` masks.
    pub fn of(
        classifier: Classifier,
        layer: Option<&str>,
        masks: usize,
        size: usize,
        device: &Device,
    ) -> anyhow::Result<Self> {
        let layers = classifier.layers();
        let found = match layer {
            Some(layer) => layers.iter().find(|(name, _)| name == layer),
            None => layers.last(),
        };
        let Some((_, found)) = found else {
            let known: Vec<&str> = layers.iter().map(|(name, _)| name.as_str()).collect();
            let layer = layer.unwrap_or_default();
            return Err(Error::Usage(format!("--layer {layer}: the classifier has {}", known.join(", "))).into());
        };
        let rise = Rise::draw(&RiseConfig::with_masks(masks)?, [size, size]);
        Ok(Self { layer: *found, rise, classifier, size, device: device.clone() })
    }

    /// The map of an input of `size * size` values in [-1, 1], in [0, 1].
    pub fn map(&self, method: SaliencyMethod, input: &[f32], progress: Progress<'_>) -> anyhow::Result<Vec<f32>> {
        let image = pictures::tensor(input.to_vec(), self.size, &self.device);
        let Self { classifier, layer, rise, .. } = self;
        let map = match method {
            SaliencyMethod::Rise => rise.map(classifier, image, progress),
            SaliencyMethod::ScoreCam => attribution::score_cam(classifier, image, *layer, progress),
            SaliencyMethod::LayerCam => Some(attribution::layer_cam(classifier, image, *layer)),
            SaliencyMethod::GradCam => Some(attribution::grad_cam(classifier, image, *layer)),
        };
        pictures::values(map.context("the map was stopped")?, "the map")
    }

    /// Evaluates a method and keeps the maps of the samples `kept`; `bar` advances with each sample.
    pub fn evaluate(
        &self,
        method: SaliencyMethod,
        samples: &Samples<'_>,
        mask_rule: MaskRule,
        kept: &[usize],
        bar: &ProgressBar,
    ) -> anyhow::Result<SaliencyFound> {
        let mut overlaps = Overlaps::new(mask_rule, self.size);
        let mut maps = vec![None; kept.len()];
        for batch in samples.batches(BATCH) {
            for (i, sample) in batch? {
                bar.inc(1);
                let Some(truth) = &sample.truth else { continue };
                let map = self.map(method, &sample.input, &mut |done, all| {
                    bar.set_message(format!("{done} of {all}"));
                    true
                })?;
                overlaps.add(i, &sample.patient, &map, truth);
                if let Some(place) = kept.iter().position(|&wanted| wanted == i) {
                    maps[place] = Some(map);
                }
            }
        }
        Ok(SaliencyFound { report: overlaps.report(), maps })
    }
}
