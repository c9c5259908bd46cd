//! Elementwise and pooling operations, one unit per value.

use burn_cubecl::cubecl;
use burn_cubecl::cubecl::prelude::*;

/// `max(x, 0)` that propagates NaN, unlike `max`.
#[cube]
pub fn relu(x: f32) -> f32 {
    select(x < 0.0, 0.0, x)
}

/// `relu(scale * x + shift)` for `x` of shape `[batch, channels, pixels]`.
#[cube(launch_unchecked)]
pub fn affine_relu(input: &[f32], scale: &[f32], shift: &[f32], output: &mut [f32], channels: u32, pixels: u32) {
    if ABSOLUTE_POS < output.len() {
        let channel = (ABSOLUTE_POS / pixels as usize) % channels as usize;
        output[ABSOLUTE_POS] = relu(scale[channel] * input[ABSOLUTE_POS] + shift[channel]);
    }
}

/// `relu(x + y)`.
#[cube(launch_unchecked)]
pub fn add_relu(left: &[f32], right: &[f32], output: &mut [f32]) {
    if ABSOLUTE_POS < output.len() {
        output[ABSOLUTE_POS] = relu(left[ABSOLUTE_POS] + right[ABSOLUTE_POS]);
    }
}

/// `gradient` where `output` is positive, 0 elsewhere.
#[cube(launch_unchecked)]
pub fn relu_gradient(output: &[f32], gradient: &[f32], by_input: &mut [f32]) {
    if ABSOLUTE_POS < by_input.len() {
        by_input[ABSOLUTE_POS] = select(output[ABSOLUTE_POS] > 0.0, gradient[ABSOLUTE_POS], 0.0);
    }
}

/// One [`crate::Adam`] step.
#[cube(launch_unchecked)]
#[allow(clippy::too_many_arguments, reason = "kernels take buffers one by one")]
pub fn adam(
    parameter: &[f32],
    gradient: &[f32],
    first: &[f32],
    second: &[f32],
    new_parameter: &mut [f32],
    new_first: &mut [f32],
    new_second: &mut [f32],
    factors: AdamFactors,
) {
    if ABSOLUTE_POS < parameter.len() {
        let slope = gradient[ABSOLUTE_POS];
        let mean = factors.beta_1 * first[ABSOLUTE_POS] + factors.rest_1 * slope;
        let square = factors.beta_2 * second[ABSOLUTE_POS] + factors.rest_2 * slope * slope;
        new_first[ABSOLUTE_POS] = mean;
        new_second[ABSOLUTE_POS] = square;
        new_parameter[ABSOLUTE_POS] =
            parameter[ABSOLUTE_POS] - factors.length * mean / (square.sqrt() + factors.epsilon);
    }
}

/// Adam's coefficients: the decay rates, their complements, and the bias-corrected step size and epsilon.
#[derive(CubeLaunch, CubeType, Clone, Copy)]
pub struct AdamFactors {
    pub beta_1: f32,
    pub rest_1: f32,
    pub beta_2: f32,
    pub rest_2: f32,
    pub length: f32,
    pub epsilon: f32,
}

/// Sizes of the input (`height`, `width`) and output (`rows`, `columns`) planes.
#[derive(CubeLaunch, CubeType, Clone, Copy)]
pub struct Planes {
    pub channels: u32,
    pub height: u32,
    pub width: u32,
    pub rows: u32,
    pub columns: u32,
}

/// `factor` times the 2x2 sum pooling, after the prologue if any.
#[cube(launch_unchecked)]
pub fn sum_pool(
    input: &[f32],
    scale: &[f32],
    shift: &[f32],
    output: &mut [f32],
    planes: Planes,
    factor: f32,
    #[comptime] prologue: bool,
) {
    if ABSOLUTE_POS < output.len() {
        let (rows, columns, width) = (planes.rows as usize, planes.columns as usize, planes.width as usize);
        let plane = ABSOLUTE_POS / (rows * columns);
        let (row, column) = ((ABSOLUTE_POS / columns) % rows, ABSOLUTE_POS % columns);
        let at = (plane * planes.height as usize + 2 * row) * width + 2 * column;
        let channel = plane % planes.channels as usize;
        let mut sum = 0.0f32;
        #[unroll]
        for i in 0..4usize {
            let mut value = input[at + comptime!(i / 2) * width + comptime!(i % 2)];
            if prologue {
                value = relu(scale[channel] * value + shift[channel]);
            }
            sum += value;
        }
        output[ABSOLUTE_POS] = factor * sum;
    }
}

/// `factor` times the 2x nearest-neighbour upsampled map, zero-padded to the output size.
#[cube(launch_unchecked)]
pub fn double(input: &[f32], output: &mut [f32], planes: Planes, factor: f32) {
    if ABSOLUTE_POS < output.len() {
        let (rows, columns) = (planes.rows as usize, planes.columns as usize);
        let (height, width) = (planes.height as usize, planes.width as usize);
        let plane = ABSOLUTE_POS / (rows * columns);
        let (row, column) = ((ABSOLUTE_POS / columns) % rows / 2, ABSOLUTE_POS % columns / 2);
        let mut value = 0.0f32;
        if row < height && column < width {
            value = factor * input[(plane * height + row) * width + column];
        }
        output[ABSOLUTE_POS] = value;
    }
}

/// 3x3 max pooling with stride 2 and padding 1; propagates NaN.
#[cube(launch_unchecked)]
pub fn max_pool(input: &[f32], output: &mut [f32], planes: Planes) {
    if ABSOLUTE_POS < output.len() {
        let (rows, columns) = (planes.rows as usize, planes.columns as usize);
        let plane = ABSOLUTE_POS / (rows * columns);
        let (row, column) = ((ABSOLUTE_POS / columns) % rows, ABSOLUTE_POS % columns);
        let at = plane * (planes.height * planes.width) as usize;
        let (last_row, last_column) = (planes.height as i32 - 1, planes.width as i32 - 1);
        // Clamping to the edge only repeats pixels that are in the window anyway.
        let mut most = input[at + 2 * row * planes.width as usize + 2 * column];
        #[unroll]
        for y in 0..3 {
            #[unroll]
            for x in 0..3 {
                let row = clamp((2 * row + y) as i32 - 1, 0, last_row) as usize;
                let column = clamp((2 * column + x) as i32 - 1, 0, last_column) as usize;
                let seen = input[at + row * planes.width as usize + column];
                most = select(seen > most || seen.is_nan(), seen, most);
            }
        }
        output[ABSOLUTE_POS] = most;
    }
}

/// The gradient of [`max_pool`]: each input pixel gathers from the outputs whose first maximum it is.
#[cube(launch_unchecked)]
pub fn max_pool_gradient(input: &[f32], gradient: &[f32], by_input: &mut [f32], planes: Planes) {
    if ABSOLUTE_POS < by_input.len() {
        let (height, width) = (planes.height as usize, planes.width as usize);
        let (rows, columns) = (planes.rows as usize, planes.columns as usize);
        let plane = ABSOLUTE_POS / (height * width);
        let (row, column) = ((ABSOLUTE_POS / width) % height, ABSOLUTE_POS % width);
        let at = plane * height * width;
        let value = input[ABSOLUTE_POS];
        let mut sum = 0.0f32;
        for r in row / 2..min(row.div_ceil(2) + 1, rows) {
            for c in column / 2..min(column.div_ceil(2) + 1, columns) {
                // Earlier pixels must be smaller and later ones not larger; among NaN the last one counts.
                let mut first = true;
                for y in 0..3usize {
                    for x in 0..3usize {
                        let (y, x) = ((2 * r + y) as i32 - 1, (2 * c + x) as i32 - 1);
                        if y >= 0 && y < height as i32 && x >= 0 && x < width as i32 {
                            let other = at + y as usize * width + x as usize;
                            let seen = input[other];
                            let less = seen < value || (other >= ABSOLUTE_POS && seen == value);
                            let among_nan = other <= ABSOLUTE_POS || !seen.is_nan();
                            first = first && select(value.is_nan(), among_nan, less);
                        }
                    }
                }
                sum += select(first, gradient[(plane * rows + r) * columns + c], 0.0);
            }
        }
        by_input[ABSOLUTE_POS] = sum;
    }
}

/// Matrix product of `[rows, inner]` and `[inner, columns]`, with any strides.
#[cube(launch_unchecked)]
pub fn product(left: &Tensor<f32>, right: &Tensor<f32>, output: &mut [f32]) {
    if ABSOLUTE_POS < output.len() {
        let columns = right.shape(1);
        let (row, column) = (ABSOLUTE_POS / columns, ABSOLUTE_POS % columns);
        let mut sum = 0.0f32;
        for i in 0..left.shape(1) {
            sum +=
                left[row * left.stride(0) + i * left.stride(1)] * right[i * right.stride(0) + column * right.stride(1)];
        }
        output[ABSOLUTE_POS] = sum;
    }
}
