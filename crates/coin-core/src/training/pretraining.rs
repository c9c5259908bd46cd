//! Pretraining on synthetic lesions, for data with few findings: the classifier learns to localise them and the
//! inpainter to remove them. Mask and lesion-free image are known without annotation.

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

/// A cell of the classifier's last layer counts as full if at least this fraction of it is lesion.
const FULL_FRACTION: f64 = 0.25;

/// Hyperparameters of localisation pretraining.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LocalisationConfig {
    /// Learning rate of Adam.
    pub learning_rate: f64,
}

impl LocalisationConfig {
    /// Returns what is invalid, if anything, as `key: reason`.
    pub fn problem(&self) -> Option<String> {
        positive("learning_rate", self.learning_rate)
    }
}

/// Hyperparameters of inpainting pretraining.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct InpaintingConfig {
    /// Learning rate of Adam.
    pub learning_rate: f64,
    /// Loss weight of lesion pixels relative to others. With weight w, the network removes a doubtful pixel if its odds
    /// of being lesion exceed 1 to w.
    pub anomaly_weight: f64,
}

impl InpaintingConfig {
    /// Returns what is invalid, if anything, as `key: reason`.
    pub fn problem(&self) -> Option<String> {
        positive("learning_rate", self.learning_rate).or_else(|| positive("anomaly_weight", self.anomaly_weight))
    }
}

/// A classifier with an additional localisation head.
#[derive(Module, Debug)]
pub struct Localiser {
    /// The classifier.
    pub classifier: Classifier,
    /// Localisation head: 1x1 convolution of the last activations to one logit per cell. Discarded after pretraining.
    cells: Conv2d,
}

impl Localiser {
    /// Adds a random localisation head to `classifier`, which must be on the autodiff `device`.
    pub fn init(classifier: Classifier, device: &Device) -> Self {
        // Only the shape matters.
        let image = Tensor::zeros([1, 1, 64, 64], &device.clone().inner());
        let channels = classifier.valid().last_activations(image).dims()[1];
        let cells = Conv2dConfig::new([channels, 1], [1, 1]).with_padding(PaddingConfig2d::Valid);
        Self { classifier, cells: networks::drawn(cells.init(device)) }
    }

    /// Returns one logit per cell of the last activations, `[batch, 1, rows, columns]`.
    pub fn cells(&self, x: Tensor<4>) -> Tensor<4> {
        self.cells.forward(self.classifier.last_activations(x))
    }

    /// Cross-entropy of the image-level logit plus that of the cells, for images and synthetic lesion masks, both
    /// `[batch, 1, height, width]`.
    fn loss(&self, x: Tensor<4>, inserted: Tensor<4>) -> Tensor<1> {
        let activations = self.classifier.last_activations(x);
        let cells = self.cells.forward(activations.clone());
        let [batch, _, rows, columns] = cells.dims();
        let cells = cells.reshape([batch * rows * columns, 1]);
        let fractions =
            adaptive_avg_pool2d(inserted.clone(), [rows, columns]).div_scalar(FULL_FRACTION).clamp(0.0, 1.0);
        let [_, _, height, width] = inserted.dims();
        let abnormal = inserted.reshape([batch, height * width]).max_dim(1);
        let verdict = loss::binary_cross_entropy(self.classifier.head(activations), abnormal);
        // Sum over the cells of an image, because few of them are lesion and the image-level term must not dominate.
        let localisation = loss::binary_cross_entropy(cells, fractions.reshape([batch * rows * columns, 1]));
        verdict + localisation * (rows * columns) as f64
    }
}

/// A localiser with its optimizer.
pub type LocalisationTrainer = Supervised<Localiser, LocalisationConfig>;

impl LocalisationTrainer {
    /// Starts from `localiser`, which must be on an autodiff device.
    pub fn new(localiser: Localiser, config: LocalisationConfig) -> Self {
        Self::start("localiser", localiser, Adam::default(), config)
    }

    /// Takes one step on images in [-1, 1] and synthetic lesion masks of 0 and 1, both `[batch, 1, height, width]`, at
    /// `rate` times the learning rate. Returns the loss before the step.
    ///
    /// # Errors
    /// If a device fails, usually for lack of memory, or the batch cannot be split evenly between the devices.
    pub fn step(&mut self, x: Tensor<4>, inserted: Tensor<4>, rate: f64) -> Result<f32, Error> {
        self.step_on(x, inserted, Localiser::loss, self.config.learning_rate * rate)
    }
}

/// An inpainter with its optimizer.
pub type InpaintingTrainer = Supervised<Inpainter, InpaintingConfig>;

impl InpaintingTrainer {
    /// Starts from `inpainter`, which must be on an autodiff device.
    pub fn new(inpainter: Inpainter, config: InpaintingConfig) -> Self {
        Self::start("inpainter", inpainter, Adam::default(), config)
    }

    /// Takes one step on images with synthetic lesions, the same images without, both in [-1, 1], and lesion masks of 0
    /// and 1, all `[batch, 1, height, width]`, at `rate` times the learning rate.
    ///
    /// Returns the loss before the step: the weighted mean absolute difference to the lesion-free images. The condition
    /// is "normal".
    ///
    /// # Errors
    /// If a device fails, usually for lack of memory, or the batch cannot be split evenly between the devices.
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
