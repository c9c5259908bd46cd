//! ONNX operators of the classifiers.

use coin_core::networks::classifier::convnext::{self, ChannelNorm, ConvNeXt, PointwiseLinear};
use coin_core::networks::classifier::efficientnet::{self, EfficientNet, Layered};
use coin_core::networks::classifier::resnet::{self, ResNet};
use coin_core::networks::{BatchNorm, Classifier, Convolution};

use super::graph::{Builder, Value, float, int, ints, text};
use crate::Error;

/// Adds a classifier; returns the predicted probability of "abnormal", `[batch, 1]`.
pub fn probability(b: &mut Builder, classifier: &Classifier, x: &str) -> Result<Value, Error> {
    let (features, dense, bias) = match classifier {
        Classifier::ResNet(network) => (resnet(b, network, x)?, &network.dense, &network.dense_bias),
        Classifier::EfficientNet(network) => (efficientnet(b, network, x)?, &network.dense, &network.dense_bias),
        Classifier::ConvNeXt(network) => (convnext(b, network, x)?, &network.dense, &network.dense_bias),
    };
    let flat = b.op("Flatten", &[&features], vec![int("axis", 1)]);
    let (weight, bias) = (b.parameter(dense)?, b.parameter(bias)?);
    let logit = b.op("Gemm", &[&flat, &weight, &bias], vec![int("transB", 1)]);
    Ok(b.op("Sigmoid", &[&logit], Vec::new()))
}

/// A convolution followed by batch normalisation, if there is one.
fn normalised(b: &mut Builder, x: &str, conv: &Convolution, norm: &Option<BatchNorm>) -> Result<Value, Error> {
    let y = b.convolution(x, conv)?;
    match norm {
        Some(norm) => b.batch_norm(&y, norm),
        None => Ok(y),
    }
}

fn resnet(b: &mut Builder, network: &ResNet, x: &str) -> Result<Value, Error> {
    let x = normalised(b, x, &network.stem, &network.stem_norm)?;
    let x = b.relu(&x);
    let pooling = vec![ints("kernel_shape", &[3, 3]), ints("strides", &[2, 2]), ints("pads", &[1; 4])];
    let mut x = b.op("MaxPool", &[&x], pooling);
    for block in network.stages.iter().flatten() {
        x = resnet_block(b, block, &x)?;
    }
    Ok(b.op("GlobalAveragePool", &[&x], Vec::new()))
}

fn resnet_block(b: &mut Builder, block: &resnet::Block, x: &str) -> Result<Value, Error> {
    let y = normalised(b, x, &block.conv_1, &block.norm_1)?;
    let y = b.relu(&y);
    let mut y = normalised(b, &y, &block.conv_2, &block.norm_2)?;
    if let Some(conv) = &block.conv_3 {
        y = b.relu(&y);
        y = normalised(b, &y, conv, &block.norm_3)?;
    }
    let identity = match &block.shortcut {
        Some(shortcut) => normalised(b, x, shortcut, &block.shortcut_norm)?,
        None => x.to_owned(),
    };
    y = b.sum(&y, &identity);
    Ok(b.relu(&y))
}

fn efficientnet(b: &mut Builder, network: &EfficientNet, x: &str) -> Result<Value, Error> {
    let mut x = layered(b, x, &network.stem)?;
    x = silu(b, &x);
    for block in network.stages.iter().flatten() {
        x = efficientnet_block(b, block, &x)?;
    }
    let x = layered(b, &x, &network.top)?;
    let x = silu(b, &x);
    Ok(b.op("GlobalAveragePool", &[&x], Vec::new()))
}

fn efficientnet_block(b: &mut Builder, block: &efficientnet::Block, x: &str) -> Result<Value, Error> {
    let y = layered(b, x, &block.expand)?;
    let mut y = silu(b, &y);
    if let Some(depthwise) = &block.depthwise {
        y = layered(b, &y, depthwise)?;
        y = silu(b, &y);
    }
    if let Some(excitation) = &block.excitation {
        let mean = b.op("GlobalAveragePool", &[&y], Vec::new());
        let squeezed = b.convolution(&mean, &excitation.squeeze)?;
        let squeezed = silu(b, &squeezed);
        let excited = b.convolution(&squeezed, &excitation.excite)?;
        let gate = b.op("Sigmoid", &[&excited], Vec::new());
        y = b.product(&y, &gate);
    }
    if let Some(project) = &block.project {
        y = layered(b, &y, project)?;
    }
    Ok(if block.residual { b.sum(&y, x) } else { y })
}

fn layered(b: &mut Builder, x: &str, layered: &Layered) -> Result<Value, Error> {
    normalised(b, x, &layered.conv, &layered.norm)
}

fn silu(b: &mut Builder, x: &str) -> Value {
    let gate = b.op("Sigmoid", &[x], Vec::new());
    b.product(x, &gate)
}

fn convnext(b: &mut Builder, network: &ConvNeXt, x: &str) -> Result<Value, Error> {
    let x = b.convolution(x, &network.stem)?;
    let mut x = channel_norm(b, &x, &network.stem_norm)?;
    for (stage, blocks) in network.stages.iter().enumerate() {
        if let Some(downsample) = stage.checked_sub(1).and_then(|before| network.halvings.get(before)) {
            x = channel_norm(b, &x, &downsample.norm)?;
            x = b.convolution(&x, &downsample.conv)?;
        }
        for block in blocks {
            x = convnext_block(b, block, &x)?;
        }
    }
    let x = b.op("GlobalAveragePool", &[&x], Vec::new());
    channel_norm(b, &x, &network.head_norm)
}

fn convnext_block(b: &mut Builder, block: &convnext::Block, x: &str) -> Result<Value, Error> {
    let y = b.convolution(x, &block.depthwise)?;
    let y = channel_norm(b, &y, &block.norm)?;
    let y = pointwise_linear(b, &y, &block.expand)?;
    let y = gelu(b, &y);
    let y = pointwise_linear(b, &y, &block.project)?;
    let scale = b.parameter(&block.scale)?;
    let y = b.product(&y, &scale);
    Ok(b.sum(x, &y))
}

/// Layer normalisation over channels; transposes, because ONNX normalises the last axes only.
fn channel_norm(b: &mut Builder, x: &str, norm: &ChannelNorm) -> Result<Value, Error> {
    let (scale, shift) = (b.parameter(&norm.gamma)?, b.parameter(&norm.beta)?);
    let last = b.op("Transpose", &[x], vec![ints("perm", &[0, 2, 3, 1])]);
    let attributes = vec![int("axis", -1), float("epsilon", ChannelNorm::EPSILON as f32)];
    let normalised = b.op("LayerNormalization", &[&last, &scale, &shift], attributes);
    Ok(b.op("Transpose", &[&normalised], vec![ints("perm", &[0, 3, 1, 2])]))
}

/// A pointwise linear layer as a 1x1 convolution.
fn pointwise_linear(b: &mut Builder, x: &str, linear: &PointwiseLinear) -> Result<Value, Error> {
    let (name, weight) = b.weight(&linear.weight)?;
    let (name, shape) = (format!("{}.kernel", name.trim_end_matches(".weight")), [&weight.shape[..], &[1, 1]].concat());
    let values = weight.values.clone();
    let kernel = b.floats(&name, &shape, &values);
    let bias = b.parameter(&linear.bias)?;
    Ok(b.op("Conv", &[x, &kernel, &bias], vec![ints("kernel_shape", &[1, 1]), text("auto_pad", "VALID")]))
}

fn gelu(b: &mut Builder, x: &str) -> Value {
    let (root, one, half) = (b.number(std::f32::consts::FRAC_1_SQRT_2), b.number(1.0), b.number(0.5));
    let scaled = b.product(x, &root);
    let error = b.op("Erf", &[&scaled], Vec::new());
    let factor = b.sum(&error, &one);
    let product = b.product(x, &factor);
    b.product(&product, &half)
}
