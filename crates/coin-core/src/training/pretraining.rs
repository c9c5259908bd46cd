//! Pretraining from synthetic lesions, where findings are few: the classifier learns where something was inserted, the
//! generator to take it away. Of the inserted both are known, without a mask that somebody drew.

use burn::module::Module;
use burn::nn::PaddingConfig2d;
use burn::nn::conv::{Conv2d, Conv2dConfig};
use burn::tensor::module::adaptive_avg_pool2d;
use burn::tensor::{Device, Tensor};
use serde::{Deserialize, Serialize};

use super::adam::Adam;
use super::hyperparameter::positive;
use super::loss;
use super::supervised::Supervised;
use crate::Error;
use crate::condition::Condition;
use crate::networks::{self, Classifier, Inpainter};

/// A cell of the classifier's last layer that is inserted to this share counts as full.
const FULL_SHARE: f64 = 0.25;

/// Hyperparameters of the localisation.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LocalisationConfig {
    /// Adam's learning rate.
    pub learning_rate: f64,
}

impl LocalisationConfig {
    /// What is wrong with these numbers, if anything: the key, a colon, and why.
    pub fn problem(&self) -> Option<String> {
        positive("learning_rate", self.learning_rate)
    }
}

/// Hyperparameters of the restoration.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InpaintingConfig {
    /// Adam's learning rate.
    pub learning_rate: f64,
    /// How many times as much as another pixel one weighs where something was inserted. With a weight of w, what is in doubt is
    /// taken away where the odds that it was inserted are above 1 to w.
    pub anomaly_weight: f64,
}

impl InpaintingConfig {
    /// What is wrong with these numbers, if anything: the key, a colon, and why.
    pub fn problem(&self) -> Option<String> {
        positive("learning_rate", self.learning_rate).or_else(|| positive("anomaly_weight", self.anomaly_weight))
    }
}

/// A classifier that is also asked where.
#[derive(Module, Debug)]
pub struct Localiser {
    /// The classifier.
    pub classifier: Classifier,
    /// From its last activations to a logit for each of their cells; of no use after the pretraining.
    cells: Conv2d,
}

impl Localiser {
    /// The classifier, which must live on the autodiff `device`, and random weights for the cells.
    pub fn init(classifier: Classifier, device: &Device) -> Self {
        // Only its shape is wanted.
        let image = Tensor::zeros([1, 1, 64, 64], &device.clone().inner());
        let channels = classifier.valid().last_activations(image).dims()[1];
        let cells = Conv2dConfig::new([channels, 1], [1, 1]).with_padding(PaddingConfig2d::Valid);
        Self { classifier, cells: networks::drawn(cells.init(device)) }
    }

    /// A logit for each cell of the last activations, `[batch, 1, rows, columns]`.
    pub fn cells(&self, x: Tensor<4>) -> Tensor<4> {
        self.cells.forward(self.classifier.last_activations(x))
    }

    /// Of images, and of masks of what was inserted in them, both `[batch, 1, height, width]`: the cross-entropy of the verdict
    /// and that of the cells.
    fn loss(&self, x: Tensor<4>, inserted: Tensor<4>) -> Tensor<1> {
        let activations = self.classifier.last_activations(x);
        let cells = self.cells.forward(activations.clone());
        let [batch, _, rows, columns] = cells.dims();
        let cells = cells.reshape([batch * rows * columns, 1]);
        let shares = adaptive_avg_pool2d(inserted.clone(), [rows, columns]).div_scalar(FULL_SHARE).clamp(0.0, 1.0);
        let [_, _, height, width] = inserted.dims();
        let abnormal = inserted.reshape([batch, height * width]).max_dim(1);
        let verdict = loss::binary_cross_entropy(self.classifier.head(activations), abnormal);
        // The sum over an image's cells: hardly any is inserted, and the verdict must not drown them.
        let places = loss::binary_cross_entropy(cells, shares.reshape([batch * rows * columns, 1]));
        verdict + places * (rows * columns) as f64
    }
}

/// A localiser and its optimizer.
pub type LocalisationTrainer = Supervised<Localiser, LocalisationConfig>;

impl LocalisationTrainer {
    /// Starts with `localiser`, which must live on an autodiff device.
    pub fn new(localiser: Localiser, config: LocalisationConfig) -> Self {
        Self::start("localiser", localiser, Adam::default(), config)
    }

    /// One step on images in [-1, 1] and masks of 0 and 1 of what was inserted, both `[batch, 1, height, width]`, at `rate`
    /// times the learning rate; returns the loss before it.
    ///
    /// # Errors
    /// When a device gives no loss back, usually for want of memory, or the devices cannot share the batch evenly.
    pub fn step(&mut self, x: Tensor<4>, inserted: Tensor<4>, rate: f64) -> Result<f32, Error> {
        self.step_on(x, inserted, Localiser::loss, self.config.learning_rate * rate)
    }
}

/// An inpainter and its optimizer.
pub type InpaintingTrainer = Supervised<Inpainter, InpaintingConfig>;

impl InpaintingTrainer {
    /// Starts with `inpainter`, which must live on an autodiff device.
    pub fn new(inpainter: Inpainter, config: InpaintingConfig) -> Self {
        Self::start("inpainter", inpainter, Adam::default(), config)
    }

    /// One step on images with something inserted, the same without it, both in [-1, 1], and masks of 0 and 1 of what was
    /// inserted, all `[batch, 1, height, width]`, at `rate` times the learning rate; returns the loss before it: the weighted
    /// mean absolute difference to the healthy. The condition is "normal".
    ///
    /// # Errors
    /// When a device gives no loss back, usually for want of memory, or the devices cannot share the batch evenly.
    pub fn step(&mut self, x: Tensor<4>, healthy: Tensor<4>, inserted: Tensor<4>, rate: f64) -> Result<f32, Error> {
        let weights = inserted * (self.config.anomaly_weight - 1.0) + 1.0;
        let target = Tensor::cat(vec![healthy, weights], 1);
        self.step_on(x, target, inpainting, self.config.learning_rate * rate)
    }
}

fn inpainting(network: &Inpainter, x: Tensor<4>, target: Tensor<4>) -> Tensor<1> {
    let (healthy, weights) = (target.clone().narrow(1, 0, 1), target.narrow(1, 1, 1));
    let off = (network.forward(x, &Condition::All(0)) - healthy).abs();
    (off * weights.clone()).sum() / weights.sum()
}
