//! The classifiers as operators.

use coin_core::networks::{ClassifierArchitecture, Family};

use super::OnnxError;
use super::graph::{Builder, Value, float, int, ints, text};

/// The probability of "abnormal" of each image, `[batch, 1]`.
pub fn probability(b: &mut Builder<'_>, architecture: &ClassifierArchitecture, x: &str) -> Result<Value, OnnxError> {
    let features = match architecture.family {
        Family::ResNet18 | Family::ResNet34 | Family::ResNet50 => resnet(b, x)?,
        Family::EfficientNetV2S => efficientnet(b, x)?,
        Family::ConvNeXtTiny => convnext(b, x)?,
    };
    let flat = b.op("Flatten", &[&features], vec![int("axis", 1)]);
    let (weight, bias) = (b.held("classifier.dense")?, b.held("classifier.dense_bias")?);
    let logit = b.op("Gemm", &[&flat, &weight, &bias], vec![int("transB", 1)]);
    Ok(b.op("Sigmoid", &[&logit], Vec::new()))
}

/// Paths of the blocks of each stage.
fn stages(b: &Builder<'_>, part: &str) -> Vec<Vec<String>> {
    let path = |stage: usize, block: usize| format!("classifier.stages.{stage}.{block}");
    let there = |path: &String| b.weight(&format!("{path}.{part}")).is_ok();
    let blocks = |stage: usize| (0..).map(|block| path(stage, block)).take_while(there).collect::<Vec<_>>();
    (0..).map(blocks).take_while(|blocks| !blocks.is_empty()).collect()
}

fn resnet(b: &mut Builder<'_>, x: &str) -> Result<Value, OnnxError> {
    const EPSILON: f32 = 1e-5;
    let x = b.convolution(x, "classifier.stem", 2)?;
    let x = b.batch_norm(&x, "classifier.stem_norm", EPSILON)?;
    let x = b.relu(&x);
    let pooling = vec![ints("kernel_shape", &[3, 3]), ints("strides", &[2, 2]), ints("pads", &[1; 4])];
    let mut x = b.op("MaxPool", &[&x], pooling);
    for (stage, blocks) in stages(b, "conv_1.weight").into_iter().enumerate() {
        for (block, path) in blocks.into_iter().enumerate() {
            let stride = if stage > 0 && block == 0 { 2 } else { 1 };
            let of = |part: &str| format!("{path}.{part}");
            let bottleneck = b.weight(&of("conv_3.weight")).is_ok();
            let strides = if bottleneck { [1, stride] } else { [stride, 1] };
            let y = b.convolution(&x, &of("conv_1"), strides[0])?;
            let y = b.batch_norm(&y, &of("norm_1"), EPSILON)?;
            let y = b.relu(&y);
            let y = b.convolution(&y, &of("conv_2"), strides[1])?;
            let mut y = b.batch_norm(&y, &of("norm_2"), EPSILON)?;
            if bottleneck {
                y = b.relu(&y);
                y = b.convolution(&y, &of("conv_3"), 1)?;
                y = b.batch_norm(&y, &of("norm_3"), EPSILON)?;
            }
            if b.weight(&of("shortcut.weight")).is_ok() {
                x = b.convolution(&x, &of("shortcut"), stride)?;
                x = b.batch_norm(&x, &of("shortcut_norm"), EPSILON)?;
            }
            y = b.sum(&y, &x);
            x = b.relu(&y);
        }
    }
    Ok(b.op("GlobalAveragePool", &[&x], Vec::new()))
}

fn efficientnet(b: &mut Builder<'_>, x: &str) -> Result<Value, OnnxError> {
    let mut x = layered(b, x, "classifier.stem", 2, 1)?;
    x = silu(b, &x);
    // The stages that halve the sides, in their first block.
    let strides = [1, 2, 2, 2, 1, 2];
    for (blocks, stride) in stages(b, "expand.conv.weight").into_iter().zip(strides) {
        for (block, path) in blocks.into_iter().enumerate() {
            let stride = if block == 0 { stride } else { 1 };
            let of = |part: &str| format!("{path}.{part}");
            let fused = b.weight(&of("depthwise.conv.weight")).is_err();
            let shape = &b.weight(&of("expand.conv.weight"))?.shape;
            let (widened, inputs) = (shape.first().copied().unwrap_or(1), shape.get(1).copied());
            let y = layered(b, &x, &of("expand"), if fused { stride } else { 1 }, 1)?;
            let mut y = silu(b, &y);
            if !fused {
                y = layered(b, &y, &of("depthwise"), stride, widened)?;
                y = silu(b, &y);
                let mean = b.op("GlobalAveragePool", &[&y], Vec::new());
                let squeezed = b.convolution(&mean, &of("excitation.squeeze"), 1)?;
                let squeezed = silu(b, &squeezed);
                let excited = b.convolution(&squeezed, &of("excitation.excite"), 1)?;
                let share = b.op("Sigmoid", &[&excited], Vec::new());
                y = b.product(&y, &share);
            }
            let mut outputs = Some(widened);
            if let Ok(project) = b.weight(&of("project.conv.weight")) {
                outputs = project.shape.first().copied();
                y = layered(b, &y, &of("project"), 1, 1)?;
            }
            x = if stride == 1 && inputs == outputs { b.sum(&y, &x) } else { y };
        }
    }
    let x = layered(b, &x, "classifier.top", 1, 1)?;
    let x = silu(b, &x);
    Ok(b.op("GlobalAveragePool", &[&x], Vec::new()))
}

/// A convolution and its normalisation.
fn layered(b: &mut Builder<'_>, x: &str, path: &str, stride: usize, groups: usize) -> Result<Value, OnnxError> {
    let x = b.grouped_convolution(x, &format!("{path}.conv"), stride, groups)?;
    b.batch_norm(&x, &format!("{path}.norm"), 1e-3)
}

fn silu(b: &mut Builder<'_>, x: &str) -> Value {
    let share = b.op("Sigmoid", &[x], Vec::new());
    b.product(x, &share)
}

fn convnext(b: &mut Builder<'_>, x: &str) -> Result<Value, OnnxError> {
    let x = b.convolution(x, "classifier.stem", 4)?;
    let mut x = channel_norm(b, &x, "classifier.stem_norm")?;
    for (stage, blocks) in stages(b, "depthwise.weight").into_iter().enumerate() {
        if let Some(halving) = stage.checked_sub(1) {
            x = channel_norm(b, &x, &format!("classifier.halvings.{halving}.norm"))?;
            x = b.convolution(&x, &format!("classifier.halvings.{halving}.conv"), 2)?;
        }
        for path in blocks {
            let of = |part: &str| format!("{path}.{part}");
            let channels = b.weight(&of("depthwise.weight"))?.shape.first().copied().unwrap_or(1);
            let y = b.grouped_convolution(&x, &of("depthwise"), 1, channels)?;
            let y = channel_norm(b, &y, &of("norm"))?;
            let y = across(b, &y, &of("expand"))?;
            let y = gelu(b, &y);
            let y = across(b, &y, &of("project"))?;
            let scale = b.held(&of("scale"))?;
            let y = b.product(&y, &scale);
            x = b.sum(&x, &y);
        }
    }
    let x = b.op("GlobalAveragePool", &[&x], Vec::new());
    channel_norm(b, &x, "classifier.head_norm")
}

/// Layer normalisation over channels, which ONNX knows for the last axis alone.
fn channel_norm(b: &mut Builder<'_>, x: &str, path: &str) -> Result<Value, OnnxError> {
    let (scale, shift) = (b.held(&format!("{path}.gamma"))?, b.held(&format!("{path}.beta"))?);
    let last = b.op("Transpose", &[x], vec![ints("perm", &[0, 2, 3, 1])]);
    let normalised =
        b.op("LayerNormalization", &[&last, &scale, &shift], vec![int("axis", -1), float("epsilon", 1e-6)]);
    Ok(b.op("Transpose", &[&normalised], vec![ints("perm", &[0, 3, 1, 2])]))
}

/// A dense layer over channels: a convolution of one pixel.
fn across(b: &mut Builder<'_>, x: &str, path: &str) -> Result<Value, OnnxError> {
    let weight = b.weight(&format!("{path}.weight"))?;
    let shape = [&weight.shape[..], &[1, 1]].concat();
    let kernel = b.floats(&format!("{path}.kernel"), &shape, &weight.values);
    let bias = b.held(&format!("{path}.bias"))?;
    Ok(b.op("Conv", &[x, &kernel, &bias], vec![ints("kernel_shape", &[1, 1]), text("auto_pad", "VALID")]))
}

fn gelu(b: &mut Builder<'_>, x: &str) -> Value {
    let (root, one, half) = (b.number(std::f32::consts::FRAC_1_SQRT_2), b.number(1.0), b.number(0.5));
    let scaled = b.product(x, &root);
    let error = b.op("Erf", &[&scaled], Vec::new());
    let share = b.sum(&error, &one);
    let doubled = b.product(x, &share);
    b.product(&doubled, &half)
}
