//! The classifier f: `[batch, 1, height, width]` to one logit, positive for abnormal.
//!
//! The networks are torchvision's with one input channel, one logit and a configurable width. They omit dropout and
//! stochastic depth, so that a resumed training equals an uninterrupted one.

pub mod convnext;
pub mod efficientnet;
pub mod resnet;

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor};
use coin_kernels::product;
use serde::{Deserialize, Serialize};

use super::{BatchNorm, Convolution, ConvolutionConfig, Initial, drawn};
pub use convnext::ConvNeXt;
pub use efficientnet::EfficientNet;
pub use resnet::ResNet;

/// Largest width in a recipe or model file.
const MAX_WIDTH: usize = 1024;

/// Network family and depth.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Family {
    /// ResNet-18; torchvision's has width 64.
    #[default]
    #[serde(rename = "resnet-18")]
    ResNet18,
    /// ResNet-34; torchvision's has width 64.
    #[serde(rename = "resnet-34")]
    ResNet34,
    /// ResNet-50; torchvision's has width 64.
    #[serde(rename = "resnet-50")]
    ResNet50,
    /// EfficientNetV2-S; torchvision's has width 24.
    #[serde(rename = "efficientnet-v2-s")]
    EfficientNetV2S,
    /// ConvNeXt-Tiny; torchvision's has width 96.
    #[serde(rename = "convnext-tiny")]
    ConvNeXtTiny,
}

/// Architecture of the classifier.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClassifierArchitecture {
    /// Family and depth.
    #[serde(default)]
    pub family: Family,
    /// Channels of the first stage; all other widths scale with it.
    pub width: usize,
}

impl ClassifierArchitecture {
    /// ResNet-18 with the given width.
    pub fn resnet_18(width: usize) -> Self {
        Self { family: Family::ResNet18, width }
    }

    /// Returns what is invalid, if anything, as `key: reason`.
    pub fn problem(&self) -> Option<String> {
        (self.width == 0 || self.width > MAX_WIDTH)
            .then(|| format!("width: {} is not between 1 and {MAX_WIDTH}", self.width))
    }

    /// Creates the network on `device` with torchvision's random initialisation.
    pub fn init(&self, device: &Device) -> Classifier {
        drawn(self.undrawn(device))
    }

    /// Creates the network without drawing its weights, which are about to be loaded.
    pub(crate) fn undrawn(&self, device: &Device) -> Classifier {
        match self.family {
            Family::ResNet18 | Family::ResNet34 | Family::ResNet50 => Classifier::ResNet(ResNet::init(self, device)),
            Family::EfficientNetV2S => Classifier::EfficientNet(EfficientNet::init(self.width, device)),
            Family::ConvNeXtTiny => Classifier::ConvNeXt(ConvNeXt::init(self.width, device)),
        }
    }
}

/// A classifier of any family.
// One value per model, so its size does not matter.
#[allow(clippy::large_enum_variant)]
#[derive(Module, Debug)]
pub enum Classifier {
    /// ResNet-18, 34 or 50.
    ResNet(ResNet),
    /// EfficientNetV2-S.
    EfficientNet(EfficientNet),
    /// ConvNeXt-Tiny.
    ConvNeXt(ConvNeXt),
}

/// A layer whose activations the attribution methods use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layer(usize);

/// A network as a sequence of steps from the image to feature maps, and a head from the last feature map to the logit.
trait Steps {
    /// Number of steps.
    fn depth(&self) -> usize;

    /// Applies step `index`, which must be below [`Self::depth`].
    fn step(&self, index: usize, x: Tensor<4>) -> Tensor<4>;

    /// Maps the last feature map to logits `[batch, 1]`.
    fn head(&self, x: Tensor<4>) -> Tensor<2>;

    /// Torchvision's layer names, each with the index of its last step, in order.
    fn layer_names(&self) -> Vec<(String, usize)>;
}

impl Classifier {
    /// Maps images `[batch, 1, height, width]` in [-1, 1] to logits `[batch, 1]`.
    pub fn forward(&self, x: Tensor<4>) -> Tensor<2> {
        self.head(self.last_activations(x))
    }

    /// Maps the last activations to logits `[batch, 1]`.
    pub fn head(&self, last_activations: Tensor<4>) -> Tensor<2> {
        self.steps().head(last_activations)
    }

    /// Maps images to the last activations `[batch, channels, height, width]`.
    pub fn last_activations(&self, x: Tensor<4>) -> Tensor<4> {
        let steps = self.steps();
        (0..steps.depth()).fold(x, |x, i| steps.step(i, x))
    }

    /// Maps images to the activations `[batch, channels, height, width]` of `layer`.
    pub fn activations(&self, x: Tensor<4>, layer: Layer) -> Tensor<4> {
        (0..=layer.0).fold(x, |x, i| self.steps().step(i, x))
    }

    /// Maps activations of `layer` to logits `[batch, 1]`.
    pub fn logits(&self, activations: Tensor<4>, layer: Layer) -> Tensor<2> {
        let steps = self.steps();
        steps.head((layer.0 + 1..steps.depth()).fold(activations, |x, i| steps.step(i, x)))
    }

    /// Maps images to the globally average-pooled last activations, `[batch, features]`.
    pub fn features(&self, x: Tensor<4>) -> Tensor<2> {
        pooled(self.last_activations(x))
    }

    /// Returns the gradient of the logit with respect to the last activations, times their number of pixels, as `[1,
    /// channels, 1, 1]`.
    ///
    /// For a head of global average pooling and a linear layer it is constant. `None` for other heads.
    pub fn head_gradient(&self) -> Option<Tensor<4>> {
        let weight = match self {
            Self::ResNet(network) => network.head_weight(),
            Self::EfficientNet(network) => network.head_weight(),
            Self::ConvNeXt(_) => return None,
        };
        Some(weight.unsqueeze_dims(&[2, 3]))
    }

    /// Returns all layers with torchvision's names, in order. The paper's saliency methods use the last one.
    pub fn layers(&self) -> Vec<(String, Layer)> {
        self.steps().layer_names().into_iter().map(|(name, step)| (name, Layer(step))).collect()
    }

    /// Folds batch normalisations into the convolutions before them, for inference or as a frozen network. ConvNeXt has
    /// none.
    pub fn fused(self) -> Self {
        match self {
            Self::ResNet(network) => Self::ResNet(network.fused()),
            Self::EfficientNet(network) => Self::EfficientNet(network.fused()),
            Self::ConvNeXt(network) => Self::ConvNeXt(network),
        }
    }

    fn steps(&self) -> &dyn Steps {
        match self {
            Self::ResNet(network) => network,
            Self::EfficientNet(network) => network,
            Self::ConvNeXt(network) => network,
        }
    }
}

/// Global average pooling to `[batch, channels]`.
fn pooled(x: Tensor<4>) -> Tensor<2> {
    let [batch, channels, _, _] = x.dims();
    x.mean_dim(3).mean_dim(2).reshape([batch, channels])
}

/// Linear layer to one logit: weight `[1, features]` uniform in +-1 / sqrt(features), bias `[1]` zero.
fn dense(features: usize, device: &Device) -> (Param<Tensor<2>>, Param<Tensor<1>>) {
    let uniform = Initial::KaimingUniform(1.0 / 3f64.sqrt());
    (uniform.init_with([1, features], [features, 1], device), Initial::ZEROS.init([1], device))
}

fn logits(pooled: Tensor<2>, weight: &Param<Tensor<2>>, bias: &Param<Tensor<1>>) -> Tensor<2> {
    product(pooled, weight.val().transpose()) + bias.val().unsqueeze()
}

/// Folds a batch normalisation with running statistics into the convolution; returns both unchanged in training.
fn fuse(conv: Convolution, norm: Option<BatchNorm>) -> (Convolution, Option<BatchNorm>) {
    match norm.as_ref().and_then(BatchNorm::affine) {
        Some(affine) => (conv.fused_with(affine), None),
        None => (conv, norm),
    }
}

/// A convolution with torchvision's initialisation (Kaiming normal, fan-out).
fn kaiming(inputs: usize, outputs: usize, kernel: usize) -> ConvolutionConfig {
    ConvolutionConfig::new(inputs, outputs, kernel).initializer(Initial::KaimingNormal(std::f64::consts::SQRT_2))
}
