//! The segmenter of a model file.

use serde::{Deserialize, Serialize};

use crate::networks::UNetConfig;

/// A U-Net that was trained on COIN's masks (distillation). Its mask can be used instead of the thresholded difference map.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Segmenter {
    /// Its size.
    pub network: UNetConfig,
    /// Threshold of the mask on its probabilities.
    pub threshold: f32,
}

impl Segmenter {
    /// What is invalid, if anything.
    pub(super) fn problem(&self) -> Option<String> {
        let threshold = self.threshold;
        let beyond = !(0.0..1.0).contains(&threshold);
        self.network
            .problem()
            .map(|problem| format!("network.{problem}"))
            .or_else(|| beyond.then(|| format!("threshold: {threshold} is not in 0..1")))
    }
}
