//! Elementwise operations, in@position.

use super::planes::vectorised;
use super::tasks::{self, Output};
use super::tile::relu;
use crate::Adam;

/// Values per task.
const CHUNK: usize = 1 << 14;

/// Calls `change` for each chunk of `values`, with the index of its first value.
fn each_chunk<const N: usize>(values: [&mut [f32]; N], change: impl Fn(usize, [&mut [f32]; N]) + Sync + Send) {
    let length = values.iter().map(|values| values.len()).min().unwrap_or(0);
    let outputs = values.map(Output::new);
    tasks::run(length.div_ceil(CHUNK), 4 * length, |task| {
        let start = task * CHUNK;
        // SAFETY: tasks change disjoint ranges.
        let chunks = outputs.each_ref().map(|output| unsafe { output.slice(start, CHUNK.min(length - start)) });
        change(start, chunks);
    });
}

/// `values = relu(values + others)`.
pub fn add_relu(values: &mut [f32], others: &[f32]) {
    vectorised! {
        fn pass(values: &mut [f32], others: &[f32]) {
            for (value, other) in values.iter_mut().zip(others) {
                *value = relu(*value + other);
            }
        }
    }
    each_chunk([values], |start, [values]| pass(values, &others[start..]));
}

/// Sets `gradient` to 0 where `output` is 0.
pub fn relu_gradient(gradient: &mut [f32], output: &[f32]) {
    vectorised! {
        fn pass(gradient: &mut [f32], output: &[f32]) {
            for (gradient, y) in gradient.iter_mut().zip(output) {
                *gradient = if *y > 0.0 { *gradient } else { 0.0 };
            }
        }
    }
    each_chunk([gradient], |start, [gradient]| pass(gradient, &output[start..]));
}

/// One [`crate::adam`] step in@position.
pub fn adam(parameter: &mut [f32], gradient: &[f32], [first, second]: [&mut [f32]; 2], adam: &Adam) {
    vectorised! {
        fn pass(parameter: &mut [f32], gradient: &[f32], first: &mut [f32], second: &mut [f32], adam: &Adam) {
            let [factor, root] = adam.corrections();
            let ([beta_1, beta_2], epsilon) = (adam.betas, adam.epsilon * root);
            let (rest_1, rest_2, rate) = (1.0 - beta_1, 1.0 - beta_2, adam.learning_rate as f32);
            let moments = first.iter_mut().zip(second);
            for ((parameter, (first, second)), gradient) in parameter.iter_mut().zip(moments).zip(gradient) {
                *first = *first * beta_1 + gradient * rest_1;
                *second = *second * beta_2 + gradient * gradient * rest_2;
                *parameter -= *first * factor / (second.sqrt() + epsilon) * rate;
            }
        }
    }
    each_chunk([parameter, first, second], |start, [parameter, first, second]| {
        pass(parameter, &gradient[start..], first, second, adam);
    });
}
