//! PyTorch's tensor names: those of COIN's reference implementation and of torchvision's classifiers.

pub mod shapes;

use burn::module::Module;

use std::collections::BTreeMap;

use crate::Error;
use crate::networks::{Classifier, Family};
use crate::weights::{self, Weight, Weights};

/// A network in a PyTorch checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Network {
    /// Encoder E, with the reference's names.
    Encoder,
    /// Generator G, with the reference's names.
    Generator,
    /// Discriminator D, with the reference's names.
    Discriminator,
    /// Classifier f, with torchvision's names.
    Classifier(Family),
}

impl Network {
    /// Translates our tensor `path` into PyTorch's name.
    #[must_use]
    pub fn name(self, path: &str) -> String {
        let name = match self {
            Self::Encoder => renamed(path, &ENCODER),
            Self::Generator => renamed(path, &GENERATOR),
            Self::Discriminator if path == "dense" => "sn_dense.weight".into(),
            Self::Discriminator => renamed(path, &DISCRIMINATOR),
            Self::Classifier(Family::EfficientNetV2S) => efficientnet(path),
            Self::Classifier(Family::ConvNeXtTiny) => convnext(path),
            Self::Classifier(_) if path == "dense" => "fc.weight".into(),
            Self::Classifier(_) => renamed(path, &RESNET),
        };
        renamed(&name, &LEAVES)
    }

    /// Loads the tensors that `named` returns for PyTorch's names into `module`.
    ///
    /// # Errors
    /// If a tensor is missing (the error has PyTorch's name) or has another shape.
    pub fn load<M: Module>(self, module: M, mut named: impl FnMut(&str) -> Option<Weight>) -> Result<M, Error> {
        let found = weights::collect(&module)?.into_keys().map(|path| {
            let name = self.name(&path);
            let weight = named(&name).ok_or(Error::MissingTensor(name))?;
            Ok((path, weight))
        });
        let found = found.collect::<Result<Weights, Error>>()?;
        weights::apply(module, found)
    }
}

impl Network {
    /// Loads torchvision's weights into a classifier with one input channel and one logit. The first convolution's
    /// weights are summed over the colour channels, and the head keeps its own weights if its shape differs.
    ///
    /// # Errors
    /// As for [`Self::load`].
    /// As [`Self::load`].
    pub fn load_pretrained(
        self,
        classifier: Classifier,
        mut named: impl FnMut(&str) -> Option<Weight>,
    ) -> Result<Classifier, Error> {
        let own = weights::collect(&classifier)?;
        let own: BTreeMap<String, (String, Weight)> =
            own.into_iter().map(|(path, weight)| (self.name(&path), (path, weight))).collect();
        self.load(classifier, |name| {
            let found = named(name)?;
            let (path, own) = own.get(name)?;
            match (own.shape.as_slice(), found.shape.as_slice()) {
                (ours, theirs) if ours != theirs && path.starts_with("dense") => Some(own.clone()),
                ([_, 1, ..], [_, colours, ..]) if *colours > 1 => Some(sum_over_colours(&found, &own.shape)),
                _ => Some(found),
            }
        })
    }
}

/// Sums a convolution `[outputs, colours, kernel, kernel]` over the colours, which is exact for intensity images.
fn sum_over_colours(weight: &Weight, shape: &[usize]) -> Weight {
    let area: usize = shape.iter().skip(2).product();
    let colours = weight.shape.get(1).copied().unwrap_or(1);
    let kernels = weight.values.chunks(colours * area.max(1));
    let summed = kernels.flat_map(|kernel| (0..area).map(move |i| kernel.iter().skip(i).step_by(area).sum::<f32>()));
    Weight { shape: shape.to_vec(), values: summed.collect() }
}

/// Substrings of our names and their replacements, applied in order.
type Rules<const N: usize> = [(&'static str, &'static str); N];

const LEAVES: Rules<5> = [
    ("spectral_norm.u", "u"),
    ("statistics.", ""),
    ("running_variance", "running_var"),
    ("gamma", "weight"),
    ("beta", "bias"),
];

const ENCODER: Rules<7> = [
    ("stem_norm", "first_block.2"),
    ("stem", "first_block.0"),
    ("shortcut", "left_branch.1"),
    ("norm_1", "right_branch.0"),
    ("conv_1", "right_branch.3"),
    ("norm_2", "right_branch.4"),
    ("conv_2", "right_branch.6"),
];

const GENERATOR: Rules<10> = [
    ("head_norm", "last_block.0"),
    ("head", "last_block.2"),
    ("joint", "fuse_conv"),
    ("shortcut", "left_branch.1"),
    ("norm_1.statistics", "cbn_relu_first.bn"),
    ("norm_1.table", "cbn_relu_first.embed.weight"),
    ("norm_2.statistics", "cbn_relu_second.bn"),
    ("norm_2.table", "cbn_relu_second.embed.weight"),
    ("conv_1", "upsample_conv.1"),
    ("conv_2", "last_conv"),
];

const DISCRIMINATOR: Rules<7> = [
    ("dense_bias", "sn_dense.bias"),
    ("dense_norm", "sn_dense"),
    ("embedding", "embd.weight"),
    ("blocks.0.shortcut", "blocks.0.left_branch.1"),
    ("shortcut", "left_branch.0"),
    ("conv_1", "right_branch.1"),
    ("conv_2", "right_branch.3"),
];

const RESNET: Rules<11> = [
    ("stem_norm", "bn1"),
    ("stem", "conv1"),
    ("dense_bias", "fc.bias"),
    ("stages.0", "layer1"),
    ("stages.1", "layer2"),
    ("stages.2", "layer3"),
    ("stages.3", "layer4"),
    ("shortcut_norm", "downsample.1"),
    ("shortcut", "downsample.0"),
    ("norm_", "bn"),
    ("conv_", "conv"),
];

fn renamed<const N: usize>(path: &str, rules: &Rules<N>) -> String {
    rules.iter().fold(path.to_owned(), |name, (ours, theirs)| name.replace(ours, theirs))
}

/// Splits the path of a block into stage and block (from 0), the layer, and the rest.
fn of_block(path: &str) -> Option<(usize, usize, &str, &str)> {
    let mut parts = path.strip_prefix("stages.")?.splitn(4, '.');
    let (stage, block) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
    Some((stage, block, parts.next()?, parts.next().unwrap_or_default()))
}

fn efficientnet(path: &str) -> String {
    let layered = |rest: &str| renamed(rest, &[("conv", "0"), ("norm", "1")]);
    if let Some((stage, block, part, rest)) = of_block(path) {
        let fused = stage < 3;
        let inside = match part {
            "expand" => format!("0.{}", layered(rest)),
            "depthwise" => format!("1.{}", layered(rest)),
            "excitation" => format!("2.{}", renamed(rest, &[("squeeze", "fc1"), ("excite", "fc2")])),
            _ if fused => format!("1.{}", layered(rest)),
            _ => format!("3.{}", layered(rest)),
        };
        return format!("features.{}.{block}.block.{inside}", stage + 1);
    }
    match path.split_once('.') {
        Some(("stem", rest)) => format!("features.0.{}", layered(rest)),
        Some(("top", rest)) => format!("features.7.{}", layered(rest)),
        _ => renamed(path, &[("dense_bias", "classifier.1.bias"), ("dense", "classifier.1.weight")]),
    }
}

fn convnext(path: &str) -> String {
    if let Some((stage, block, part, rest)) = of_block(path) {
        let place = format!("features.{}.{block}", 2 * stage + 1);
        return match part {
            "scale" => format!("{place}.layer_scale"),
            "depthwise" => format!("{place}.block.0.{rest}"),
            "norm" => format!("{place}.block.2.{rest}"),
            "expand" => format!("{place}.block.3.{rest}"),
            _ => format!("{place}.block.5.{rest}"),
        };
    }
    if let Some((halving, rest)) = path.strip_prefix("halvings.").and_then(|path| path.split_once('.')) {
        let halving: usize = halving.parse().unwrap_or(0);
        return format!("features.{}.{}", 2 * halving + 2, renamed(rest, &[("norm", "0"), ("conv", "1")]));
    }
    let ends = [
        ("stem_norm", "features.0.1"),
        ("stem", "features.0.0"),
        ("head_norm", "classifier.0"),
        ("dense_bias", "classifier.2.bias"),
    ];
    if path == "dense" { "classifier.2.weight".into() } else { renamed(path, &ends) }
}
