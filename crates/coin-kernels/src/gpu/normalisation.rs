//! Batch normalisation. Each cube computes the statistics of a channel in one pass.

use burn_cubecl::cubecl;
use burn_cubecl::cubecl::prelude::*;

use super::maps::relu;

/// Units per channel.
pub const UNITS: usize = 128;

/// Steps of the tree reduction.
const REDUCTION_STEPS: usize = UNITS.ilog2() as usize;

/// Sizes that locate the values of a channel.
#[derive(CubeLaunch, CubeType, Clone, Copy)]
pub struct Channels {
    pub batch: u32,
    pub channels: u32,
    /// Pixels in a plane.
    pub pixels: u32,
}

/// Index in memory of the `number`-th value of a channel.
#[cube]
fn index_of(number: usize, channel: usize, of: &Channels) -> usize {
    let pixels = of.pixels as usize;
    ((number / pixels) * of.channels as usize + channel) * pixels + number % pixels
}

/// Mean and biased variance of each channel, one cube per channel. Each unit keeps a running mean and sum of squared
/// deviations; pairs are combined as in Chan, Golub and LeVeque (1979). A plain sum of squares would lose precision far
/// from 0.
#[cube(launch_unchecked)]
pub fn statistics(input: &[f32], mean: &mut [f32], variance: &mut [f32], of: Channels) {
    let (channel, unit) = (CUBE_POS_X as usize, UNIT_POS as usize);
    let count = (of.batch * of.pixels) as usize;
    let mut own = 0.0f32;
    let mut centre = 0.0f32;
    let mut spread = 0.0f32;
    let mut number = unit;
    while number < count {
        let value = input[index_of(number, channel, &of)];
        own += 1.0;
        let before = value - centre;
        centre += before / own;
        spread += before * (value - centre);
        number += UNITS;
    }
    let mut counts = Shared::<[f32]>::new_slice(UNITS);
    let mut centres = Shared::<[f32]>::new_slice(UNITS);
    let mut spreads = Shared::<[f32]>::new_slice(UNITS);
    counts[unit] = own;
    centres[unit] = centre;
    spreads[unit] = spread;
    #[unroll]
    for step in 0..REDUCTION_STEPS {
        let half = comptime!(UNITS >> (step + 1));
        sync_cube();
        if unit < half {
            let (left, right) = (counts[unit], counts[unit + half]);
            let all = max(left + right, 1.0);
            let between = centres[unit + half] - centres[unit];
            counts[unit] = left + right;
            centres[unit] += between * right / all;
            spreads[unit] += spreads[unit + half] + between * between * left * right / all;
        }
    }
    if unit == 0 {
        mean[channel] = centres[0];
        variance[channel] = spreads[0] / counts[0];
    }
}

/// The normalised value, before ReLU.
#[cube]
fn normalised(
    value: f32,
    channel: usize,
    mean: &[f32],
    variance: &[f32],
    gamma: &[f32],
    beta: &[f32],
    epsilon: f32,
) -> f32 {
    (value - mean[channel]) * (gamma[channel] / (variance[channel] + epsilon).sqrt()) + beta[channel]
}

/// Normalises with the given statistics.
#[cube(launch_unchecked)]
#[allow(clippy::too_many_arguments, reason = "kernels take buffers one by one")]
pub fn normalise(
    input: &[f32],
    gamma: &[f32],
    beta: &[f32],
    mean: &[f32],
    variance: &[f32],
    output: &mut [f32],
    of: Channels,
    epsilon: f32,
    #[comptime] cut: bool,
) {
    if ABSOLUTE_POS < output.len() {
        let channel = (ABSOLUTE_POS / of.pixels as usize) % of.channels as usize;
        let mut value = normalised(input[ABSOLUTE_POS], channel, mean, variance, gamma, beta, epsilon);
        if cut {
            value = relu(value);
        }
        output[ABSOLUTE_POS] = value;
    }
}

/// The gradient with respect to the value before ReLU.
#[cube]
#[allow(clippy::too_many_arguments, reason = "kernels take values one by one")]
fn slope_before_relu(
    value: f32,
    gradient: f32,
    channel: usize,
    mean: &[f32],
    variance: &[f32],
    gamma: &[f32],
    beta: &[f32],
    epsilon: f32,
    #[comptime] cut: bool,
) -> f32 {
    let mut slope = gradient;
    if cut {
        let output = normalised(value, channel, mean, variance, gamma, beta, epsilon);
        slope = select(output > 0.0, gradient, 0.0);
    }
    slope
}

/// The gradients with respect to gamma and beta, one cube per channel.
#[cube(launch_unchecked)]
#[allow(clippy::too_many_arguments, reason = "kernels take buffers one by one")]
pub fn affine_gradients(
    input: &[f32],
    gradient: &[f32],
    gamma: &[f32],
    beta: &[f32],
    mean: &[f32],
    variance: &[f32],
    by_gamma: &mut [f32],
    by_beta: &mut [f32],
    of: Channels,
    epsilon: f32,
    #[comptime] cut: bool,
) {
    let (channel, unit) = (CUBE_POS_X as usize, UNIT_POS as usize);
    let count = (of.batch * of.pixels) as usize;
    let mut sum = 0.0f32;
    let mut product = 0.0f32;
    let mut number = unit;
    while number < count {
        let at = index_of(number, channel, &of);
        let value = input[at];
        let slope = slope_before_relu(value, gradient[at], channel, mean, variance, gamma, beta, epsilon, cut);
        sum += slope;
        product += slope * (value - mean[channel]);
        number += UNITS;
    }
    let mut sums = Shared::<[f32]>::new_slice(UNITS);
    let mut products = Shared::<[f32]>::new_slice(UNITS);
    sums[unit] = sum;
    products[unit] = product;
    #[unroll]
    for step in 0..REDUCTION_STEPS {
        let half = comptime!(UNITS >> (step + 1));
        sync_cube();
        if unit < half {
            sums[unit] += sums[unit + half];
            products[unit] += products[unit + half];
        }
    }
    if unit == 0 {
        by_beta[channel] = sums[0];
        by_gamma[channel] = products[0] / (variance[channel] + epsilon).sqrt();
    }
}

/// The gradient with respect to the input, from those with respect to gamma and beta.
#[cube(launch_unchecked)]
#[allow(clippy::too_many_arguments, reason = "kernels take buffers one by one")]
pub fn input_gradient(
    input: &[f32],
    gradient: &[f32],
    gamma: &[f32],
    beta: &[f32],
    mean: &[f32],
    variance: &[f32],
    by_gamma: &[f32],
    by_beta: &[f32],
    output: &mut [f32],
    of: Channels,
    epsilon: f32,
    #[comptime] cut: bool,
) {
    if ABSOLUTE_POS < output.len() {
        let channel = (ABSOLUTE_POS / of.pixels as usize) % of.channels as usize;
        let value = input[ABSOLUTE_POS];
        let slope =
            slope_before_relu(value, gradient[ABSOLUTE_POS], channel, mean, variance, gamma, beta, epsilon, cut);
        let inverse = 1.0 / (variance[channel] + epsilon).sqrt();
        let count = (of.batch * of.pixels) as f32;
        let along = (value - mean[channel]) * inverse * by_gamma[channel];
        output[ABSOLUTE_POS] = gamma[channel] * inverse * (slope - (by_beta[channel] + along) / count);
    }
}
