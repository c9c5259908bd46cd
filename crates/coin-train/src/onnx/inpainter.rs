//! ONNX operators of the inpainter (encoder and generator).

use coin_core::networks::encoder::EncoderBlock;
use coin_core::networks::generator::{Generator, GeneratorBlock};
use coin_core::networks::{ConditionalBatchNorm, Fuse, Inpainter, Upsampling};

use super::graph::{Builder, Value, int, ints, text};
use crate::Error;

/// Adds an inpainter; returns the counterfactual of `x`, `[batch, 1, height, width]`. `condition` has one index per image,
/// `[batch]`; without it, condition 0 is used.
pub fn inpainter(b: &mut Builder, inpainter: &Inpainter, x: &str, condition: Option<&str>) -> Result<Value, Error> {
    let out = output(b, inpainter, x, condition)?;
    fused(b, &inpainter.generator, &out, x)
}

/// Adds an inpainter up to its last convolution; returns that one's output, `[batch, 1, height, width]`.
pub fn output(b: &mut Builder, inpainter: &Inpainter, x: &str, condition: Option<&str>) -> Result<Value, Error> {
    let Inpainter { encoder, generator } = inpainter;
    let mut running = b.convolution(x, &encoder.stem)?;
    running = b.relu(&running);
    if let Some(norm) = &encoder.stem_norm {
        running = b.batch_norm(&running, norm)?;
    }
    let mut features = Vec::new();
    for block in &encoder.blocks {
        running = encoder_block(b, block, &running)?;
        features.push(running.clone());
    }
    let mut deepest_first = features.into_iter().rev();
    running = deepest_first.next().unwrap_or(running);
    for (i, block) in generator.blocks.iter().enumerate() {
        if i > 0
            && let Some(same_size) = deepest_first.next()
            && generator.skips.contains(&i)
        {
            running = b.op("Concat", &[&running, &same_size], vec![int("axis", 1)]);
        }
        running = generator_block(b, block, &running, condition)?;
    }
    running = b.batch_norm(&running, &generator.head_norm)?;
    running = b.relu(&running);
    b.convolution(&running, &generator.head)
}

fn encoder_block(b: &mut Builder, block: &EncoderBlock, x: &str) -> Result<Value, Error> {
    let pooled = average_pool(b, x);
    let left = b.convolution(&pooled, &block.shortcut)?;
    let right = b.batch_norm(x, &block.norm_1)?;
    let right = b.relu(&right);
    let right = average_pool(b, &right);
    let right = b.convolution(&right, &block.conv_1)?;
    let right = b.batch_norm(&right, &block.norm_2)?;
    let right = b.relu(&right);
    let right = b.convolution(&right, &block.conv_2)?;
    Ok(b.sum(&left, &right))
}

fn average_pool(b: &mut Builder, x: &str) -> Value {
    b.op("AveragePool", &[x], vec![ints("kernel_shape", &[2, 2]), ints("strides", &[2, 2])])
}

fn generator_block(b: &mut Builder, block: &GeneratorBlock, x: &str, condition: Option<&str>) -> Result<Value, Error> {
    let left = b.convolution(x, &block.shortcut)?;
    let left = upsampled(b, block.upsampling, &left);
    let right = conditional_norm(b, &block.norm_1, x, condition)?;
    let right = b.relu(&right);
    let right = upsampled(b, block.upsampling, &right);
    let right = b.convolution(&right, &block.conv_1)?;
    let right = conditional_norm(b, &block.norm_2, &right, condition)?;
    let right = b.relu(&right);
    let right = b.convolution(&right, &block.conv_2)?;
    Ok(b.sum(&left, &right))
}

fn upsampled(b: &mut Builder, upsampling: Upsampling, x: &str) -> Value {
    let scales = b.floats("twice", &[4], &[1.0, 1.0, 2.0, 2.0]);
    let how = match upsampling {
        Upsampling::Nearest => {
            vec![
                text("mode", "nearest"),
                text("coordinate_transformation_mode", "asymmetric"),
                text("nearest_mode", "floor"),
            ]
        }
        Upsampling::Bilinear => vec![text("mode", "linear"), text("coordinate_transformation_mode", "align_corners")],
    };
    b.op("Resize", &[x, "", &scales], how)
}

/// Conditional batch normalisation: scale and shift are the row of a table that the condition selects, or row 0.
fn conditional_norm(
    b: &mut Builder,
    norm: &ConditionalBatchNorm,
    x: &str,
    condition: Option<&str>,
) -> Result<Value, Error> {
    let (name, table) = b.weight(&norm.table)?;
    let channels = table.shape.get(1).copied().unwrap_or(0) / 2;
    let path = name.trim_end_matches(".table").to_owned();
    let Some(condition) = condition else {
        let missing = || coin_core::Error::MissingTensor(path.clone());
        let row = table.values.get(..2 * channels).ok_or_else(missing)?.to_vec();
        let (scale, shift) = row.split_at(channels);
        let scale = b.floats(&format!("{path}.scale"), &[channels], scale);
        let shift = b.floats(&format!("{path}.shift"), &[channels], shift);
        return b.normalised(x, &norm.statistics, &path, [&scale, &shift]);
    };
    let one = b.floats(&format!("{channels} ones"), &[channels], &vec![1.0; channels]);
    let zero = b.floats(&format!("{channels} zeros"), &[channels], &vec![0.0; channels]);
    let normalised = b.normalised(x, &norm.statistics, &path, [&one, &zero])?;
    let table = b.parameter(&norm.table)?;
    let rows = b.op("Gather", &[&table, condition], vec![int("axis", 0)]);
    let parts = b.ops("Split", &[&rows], vec![int("axis", 1), int("num_outputs", 2)], 2);
    let shape = b.integers("each channel", &[0, -1, 1, 1]);
    let each: Vec<Value> = parts.iter().map(|part| b.op("Reshape", &[part, &shape], Vec::new())).collect();
    let [scale, shift] = &each[..] else { return Err(coin_core::Error::MissingTensor(path).into()) };
    let scaled = b.product(&normalised, scale);
    Ok(b.sum(&scaled, shift))
}

fn fused(b: &mut Builder, generator: &Generator, out: &str, x: &str) -> Result<Value, Error> {
    let tanh = |b: &mut Builder, value: &str| b.op("Tanh", &[value], Vec::new());
    Ok(match generator.fuse {
        Fuse::None => tanh(b, out),
        Fuse::SkipAddTanh => {
            let sum = b.sum(out, x);
            tanh(b, &sum)
        }
        Fuse::SkipAddL2Tanh => {
            let axes = b.integers("height and width", &[2, 3]);
            let norm = b.op("ReduceL2", &[out, &axes], vec![int("keepdims", 1)]);
            let one = b.number(1.0);
            let norm = b.op("Max", &[&norm, &one], Vec::new());
            let out = b.op("Div", &[out, &norm], Vec::new());
            let sum = b.sum(&out, x);
            tanh(b, &sum)
        }
        Fuse::SkipStack3x3ConvTanh | Fuse::SkipStack1x1ConvTanh => {
            let stacked = b.op("Concat", &[out, x], vec![int("axis", 1)]);
            let joint = generator.joint.as_ref().ok_or_else(|| coin_core::Error::MissingTensor("joint".into()))?;
            let joined = b.convolution(&stacked, joint)?;
            tanh(b, &joined)
        }
        Fuse::SkipTanhAvg => {
            let (change, half) = (tanh(b, out), b.number(0.5));
            let sum = b.sum(&change, x);
            b.product(&sum, &half)
        }
        Fuse::SkipTanhClamp => {
            let change = tanh(b, out);
            let sum = b.sum(&change, x);
            b.clipped(&sum, -1.0, 1.0)
        }
        Fuse::SkipTanhMove => {
            let change = tanh(b, out);
            let magnitude = b.op("Abs", &[&change], Vec::new());
            let removed = b.product(x, &magnitude);
            let added = b.sum(x, &change);
            b.op("Sub", &[&added, &removed], Vec::new())
        }
    })
}
