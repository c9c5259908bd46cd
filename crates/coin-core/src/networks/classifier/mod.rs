//! The classifier f: image to one logit, positive for abnormal. Torchvision's networks with one input channel, one logit and
//! a width of choice.
//!
//! Dropout and stochastic depth are left out: a training that is resumed must see what an uninterrupted one would.

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

/// Widest network that a recipe or a model file may ask for.
const WIDEST: usize = 1024;

/// The family that a classifier belongs to, and its depth.
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
    /// Channels of the first stage, which those of all others follow.
    pub width: usize,
}

impl ClassifierArchitecture {
    /// A ResNet-18.
    pub fn resnet_18(width: usize) -> Self {
        Self { family: Family::ResNet18, width }
    }

    /// What is wrong with these numbers, if anything: the key, a colon, and why.
    pub fn problem(&self) -> Option<String> {
        (self.width == 0 || self.width > WIDEST).then(|| format!("width: {} is not between 1 and {WIDEST}", self.width))
    }

    /// Random weights on `device`, drawn as torchvision does.
    pub fn init(&self, device: &Device) -> Classifier {
        drawn(self.undrawn(device))
    }

    /// For weights from elsewhere.
    pub(crate) fn undrawn(&self, device: &Device) -> Classifier {
        match self.family {
            Family::ResNet18 | Family::ResNet34 | Family::ResNet50 => Classifier::ResNet(ResNet::init(self, device)),
            Family::EfficientNetV2S => Classifier::EfficientNet(EfficientNet::init(self.width, device)),
            Family::ConvNeXtTiny => Classifier::ConvNeXt(ConvNeXt::init(self.width, device)),
        }
    }
}

/// A classifier of any family.
// One exists per model, so its size does not matter.
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

/// A place in the classifier whose activations attribution looks at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layer(usize);

/// A network as a sequence of steps from image to feature maps, and a head from the last of them to the logit.
trait Steps {
    /// Number of steps.
    fn depth(&self) -> usize;

    /// Takes step `index`, below [`Self::depth`].
    fn step(&self, index: usize, x: Tensor<4>) -> Tensor<4>;

    /// The last feature maps to logits `[batch, 1]`.
    fn head(&self, x: Tensor<4>) -> Tensor<2>;

    /// Torchvision's names of places, each with the last step before it, in their order.
    fn places(&self) -> Vec<(String, usize)>;
}

impl Classifier {
    /// Images `[batch, 1, height, width]` in [-1, 1] to logits `[batch, 1]`.
    pub fn forward(&self, x: Tensor<4>) -> Tensor<2> {
        self.head(self.last_activations(x))
    }

    /// The last activations to logits `[batch, 1]`.
    pub fn head(&self, last_activations: Tensor<4>) -> Tensor<2> {
        self.steps().head(last_activations)
    }

    /// Images to the last activations `[batch, channels, height, width]`.
    pub fn last_activations(&self, x: Tensor<4>) -> Tensor<4> {
        let steps = self.steps();
        (0..steps.depth()).fold(x, |x, i| steps.step(i, x))
    }

    /// Images to the activations `[batch, channels, height, width]` of a layer.
    pub fn activations(&self, x: Tensor<4>, layer: Layer) -> Tensor<4> {
        (0..=layer.0).fold(x, |x, i| self.steps().step(i, x))
    }

    /// Activations of a layer to logits `[batch, 1]`.
    pub fn logits(&self, activations: Tensor<4>, layer: Layer) -> Tensor<2> {
        let steps = self.steps();
        steps.head((layer.0 + 1..steps.depth()).fold(activations, |x, i| steps.step(i, x)))
    }

    /// Images to what the last layer sees on average, `[batch, features]`.
    pub fn features(&self, x: Tensor<4>) -> Tensor<2> {
        pooled(self.last_activations(x))
    }

    /// The gradient of the logit by the last activations, times the number of their places, `[1, channels, 1, 1]`: where the
    /// head is a mean and a dense layer it is the same for all images and places. `None` for other heads.
    pub fn head_gradient(&self) -> Option<Tensor<4>> {
        let weight = match self {
            Self::ResNet(network) => network.head_weight(),
            Self::EfficientNet(network) => network.head_weight(),
            Self::ConvNeXt(_) => return None,
        };
        Some(weight.unsqueeze_dims(&[2, 3]))
    }

    /// All layers by torchvision's names, in their order. The last one is what the paper's saliency methods look at.
    pub fn layers(&self) -> Vec<(String, Layer)> {
        self.steps().places().into_iter().map(|(name, step)| (name, Layer(step))).collect()
    }

    /// The same function with batch normalisations taken up by the convolutions before them, for inference or as a frozen
    /// network. ConvNeXt has none.
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

/// The mean over height and width, `[batch, channels]`.
fn pooled(x: Tensor<4>) -> Tensor<2> {
    let [batch, channels, _, _] = x.dims();
    x.mean_dim(3).mean_dim(2).reshape([batch, channels])
}

/// Weight `[1, features]` and bias `[1]` of a dense layer to one logit, uniform in +-1 / sqrt(features) and zero.
fn dense(features: usize, device: &Device) -> (Param<Tensor<2>>, Param<Tensor<1>>) {
    let uniform = Initial::KaimingUniform(1.0 / 3f64.sqrt());
    (uniform.init_with([1, features], [features, 1], device), Initial::ZEROS.init([1], device))
}

fn logits(pooled: Tensor<2>, weight: &Param<Tensor<2>>, bias: &Param<Tensor<1>>) -> Tensor<2> {
    product(pooled, weight.val().transpose()) + bias.val().unsqueeze()
}

/// The convolution that has taken up its normalisation; both as they are in training.
fn fuse(conv: Convolution, norm: Option<BatchNorm>) -> (Convolution, Option<BatchNorm>) {
    match norm.as_ref().and_then(BatchNorm::affine) {
        Some(affine) => (conv.fused_with(affine), None),
        None => (conv, norm),
    }
}

/// A convolution drawn as torchvision does before ReLU.
fn kaiming(inputs: usize, outputs: usize, kernel: usize) -> ConvolutionConfig {
    ConvolutionConfig::new(inputs, outputs, kernel).initializer(Initial::KaimingNormal(std::f64::consts::SQRT_2))
}
