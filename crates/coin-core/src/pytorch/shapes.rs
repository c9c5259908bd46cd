//! Infers the architecture of a checkpoint from its tensor names and shapes.

use crate::networks::{ClassifierArchitecture, Family, Fuse, InpainterConfig, Upsampling};

/// Infers the architecture of encoder and generator in a checkpoint of the reference; `shape` returns the shape of a
/// tensor.
///
/// A checkpoint contains neither the upsampling method nor which [`Fuse`] without weights it was trained with; this
/// assumes nearest and `skip_add_tanh`. `None` if a required tensor is missing.
pub fn inpainter(shape: impl Fn(&str) -> Option<Vec<usize>>) -> Option<InpainterConfig> {
    let side = |name: &str, axis: usize| shape(name)?.get(axis).copied();
    let stem = side("enc.first_block.0.weight", 0)?;
    let width = |block: usize| side(&format!("enc.blocks.{block}.right_branch.6.weight"), 0);
    let widths: Vec<usize> = (0..).map_while(width).collect();
    let conditions = side("gen.blocks.0.cbn_relu_first.embed.weight", 0)?;
    let block = |block: usize| format!("gen.blocks.{block}.left_branch.1.weight");
    // A block with a skip connection has more input channels than the previous block has outputs.
    let skipped = |&i: &usize| Some(side(&block(i), 1)? > side(&block(i - 1), 0)?);
    let skips = (1..widths.len()).filter(|i| skipped(i) == Some(true)).collect();
    let fuse = match side("gen.fuse_conv.weight", 2) {
        Some(3) => Fuse::SkipStack3x3ConvTanh,
        Some(_) => Fuse::SkipStack1x1ConvTanh,
        None => Fuse::SkipAddTanh,
    };
    (!widths.is_empty()).then(|| InpainterConfig {
        stem,
        widths,
        conditions,
        skips,
        upsampling: Upsampling::Nearest,
        fuse,
        spectral_norm: shape("enc.blocks.0.left_branch.1.u").is_some(),
        zero_head: false,
    })
}

/// Infers the architecture of a torchvision classifier; `None` if it belongs to no supported family.
pub fn classifier(shape: impl Fn(&str) -> Option<Vec<usize>>) -> Option<ClassifierArchitecture> {
    let has = |name: &str| shape(name).is_some();
    let outputs = |name: &str| shape(name)?.first().copied();
    // Deeper variants have these names too, and more.
    if has("layer3.6.conv1.weight") || has("features.5.9.layer_scale") || has("features.6.15.block.0.0.weight") {
        return None;
    }
    let family = match () {
        () if has("layer1.0.conv3.weight") => Family::ResNet50,
        () if has("layer3.5.conv1.weight") => Family::ResNet34,
        () if has("layer1.0.conv1.weight") => Family::ResNet18,
        () if has("features.1.0.layer_scale") => Family::ConvNeXtTiny,
        () if has("features.4.0.block.2.fc1.weight") => Family::EfficientNetV2S,
        () => return None,
    };
    let width = match family {
        Family::ResNet18 | Family::ResNet34 | Family::ResNet50 => outputs("conv1.weight")?,
        Family::EfficientNetV2S | Family::ConvNeXtTiny => outputs("features.0.0.weight")?,
    };
    Some(ClassifierArchitecture { family, width })
}
