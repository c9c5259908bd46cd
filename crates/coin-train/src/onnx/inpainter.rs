//! Encoder and generator as operators.

use coin_core::networks::{Fuse, InpainterConfig, Upsampling};

use super::OnnxError;
use super::graph::{Builder, Value, int, ints, text};

const EPSILON: f32 = 1e-5;

/// The counterfactual of `x` in the condition of each image, `[batch]`; in condition 0 without one.
pub fn inpainter(
    b: &mut Builder<'_>,
    config: &InpainterConfig,
    x: &str,
    condition: Option<&str>,
) -> Result<Value, OnnxError> {
    let mut running = b.convolution(x, "inpainter.encoder.stem", 1)?;
    running = b.relu(&running);
    running = b.batch_norm(&running, "inpainter.encoder.stem_norm", EPSILON)?;
    let mut features = Vec::new();
    for block in 0..config.widths.len() {
        running = encoder_block(b, &format!("inpainter.encoder.blocks.{block}"), &running)?;
        features.push(running.clone());
    }
    let mut deepest_first = features.into_iter().rev();
    running = deepest_first.next().unwrap_or(running);
    for block in 0..config.widths.len() {
        if block > 0
            && let Some(same_size) = deepest_first.next()
            && config.skips.contains(&block)
        {
            running = b.op("Concat", &[&running, &same_size], vec![int("axis", 1)]);
        }
        let path = format!("inpainter.generator.blocks.{block}");
        running = generator_block(b, &path, config.upsampling, &running, condition)?;
    }
    running = b.batch_norm(&running, "inpainter.generator.head_norm", EPSILON)?;
    running = b.relu(&running);
    let out = b.convolution(&running, "inpainter.generator.head", 1)?;
    fused(b, config.fuse, &out, x)
}

fn encoder_block(b: &mut Builder<'_>, path: &str, x: &str) -> Result<Value, OnnxError> {
    let pooled = average_pool(b, x);
    let left = b.convolution(&pooled, &format!("{path}.shortcut"), 1)?;
    let right = b.batch_norm(x, &format!("{path}.norm_1"), EPSILON)?;
    let right = b.relu(&right);
    let right = average_pool(b, &right);
    let right = b.convolution(&right, &format!("{path}.conv_1"), 1)?;
    let right = b.batch_norm(&right, &format!("{path}.norm_2"), EPSILON)?;
    let right = b.relu(&right);
    let right = b.convolution(&right, &format!("{path}.conv_2"), 1)?;
    Ok(b.sum(&left, &right))
}

fn average_pool(b: &mut Builder<'_>, x: &str) -> Value {
    b.op("AveragePool", &[x], vec![ints("kernel_shape", &[2, 2]), ints("strides", &[2, 2])])
}

fn generator_block(
    b: &mut Builder<'_>,
    path: &str,
    upsampling: Upsampling,
    x: &str,
    condition: Option<&str>,
) -> Result<Value, OnnxError> {
    let left = b.convolution(x, &format!("{path}.shortcut"), 1)?;
    let left = doubled(b, upsampling, &left);
    let right = conditional_norm(b, &format!("{path}.norm_1"), x, condition)?;
    let right = b.relu(&right);
    let right = doubled(b, upsampling, &right);
    let right = b.convolution(&right, &format!("{path}.conv_1"), 1)?;
    let right = conditional_norm(b, &format!("{path}.norm_2"), &right, condition)?;
    let right = b.relu(&right);
    let right = b.convolution(&right, &format!("{path}.conv_2"), 1)?;
    Ok(b.sum(&left, &right))
}

fn doubled(b: &mut Builder<'_>, upsampling: Upsampling, x: &str) -> Value {
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

/// Scale and shift are rows of a table: row 0, or that of each image's condition.
fn conditional_norm(b: &mut Builder<'_>, path: &str, x: &str, condition: Option<&str>) -> Result<Value, OnnxError> {
    let table = format!("{path}.table");
    let row = &b.weight(&table)?.values;
    let channels = b.weight(&table)?.shape.get(1).copied().unwrap_or(0) / 2;
    let Some(condition) = condition else {
        let (scale, shift) = row.split_at(channels.min(row.len()));
        let scale = b.floats(&format!("{path}.scale"), &[channels], scale);
        let shift = shift.get(..channels).ok_or(OnnxError::Missing(table))?;
        let shift = b.floats(&format!("{path}.shift"), &[channels], shift);
        return b.normalised(x, path, &scale, &shift, EPSILON);
    };
    let one = b.floats(&format!("{channels} ones"), &[channels], &vec![1.0; channels]);
    let zero = b.floats(&format!("{channels} zeros"), &[channels], &vec![0.0; channels]);
    let normalised = b.normalised(x, path, &one, &zero, EPSILON)?;
    let table = b.held(&table)?;
    let rows = b.op("Gather", &[&table, condition], vec![int("axis", 0)]);
    let parts = b.ops("Split", &[&rows], vec![int("axis", 1), int("num_outputs", 2)], 2);
    let shape = b.integers("each channel", &[0, -1, 1, 1]);
    let each: Vec<Value> = parts.iter().map(|part| b.op("Reshape", &[part, &shape], Vec::new())).collect();
    let [scale, shift] = &each[..] else { return Err(OnnxError::Missing(path.to_owned())) };
    let scaled = b.product(&normalised, scale);
    Ok(b.sum(&scaled, shift))
}

fn fused(b: &mut Builder<'_>, fuse: Fuse, out: &str, x: &str) -> Result<Value, OnnxError> {
    let tanh = |b: &mut Builder<'_>, value: &str| b.op("Tanh", &[value], Vec::new());
    Ok(match fuse {
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
            let joined = b.convolution(&stacked, "inpainter.generator.joint", 1)?;
            tanh(b, &joined)
        }
        Fuse::SkipTanhAvg => {
            let (share, half) = (tanh(b, out), b.number(0.5));
            let sum = b.sum(&share, x);
            b.product(&sum, &half)
        }
        Fuse::SkipTanhClamp => {
            let share = tanh(b, out);
            let sum = b.sum(&share, x);
            b.clipped(&sum, -1.0, 1.0)
        }
        Fuse::SkipTanhMove => {
            let share = tanh(b, out);
            let size = b.op("Abs", &[&share], Vec::new());
            let taken = b.product(x, &size);
            let moved = b.sum(x, &share);
            b.op("Sub", &[&moved, &taken], Vec::new())
        }
    })
}
