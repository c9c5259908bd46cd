//! Weight gradients, and the folding of upsampling kernels.

use burn_cubecl::cubecl;
use burn_cubecl::cubecl::prelude::*;

use super::UNITS;
use super::convolution::Sizes;

/// Compile-time parameters of a kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct GradientPlan {
    pub kernel: usize,
    pub stride: usize,
    pub padding: usize,
    /// Output channels per cube.
    pub block: usize,
}

/// Weight gradient: the sum over all outputs of their gradient times the input of each weight. Grid: blocks of output
/// channels along x, inputs of a group along y; the units of a cube share the pixels.
#[cube(launch_unchecked)]
pub fn weight_gradient(
    input: &[f32],
    gradient: &[f32],
    weights: &mut [f32],
    batch: u32,
    sizes: Sizes,
    #[comptime] plan: GradientPlan,
) {
    let GradientPlan { kernel, stride, padding, block } = comptime!(plan);
    let count = comptime!(block * kernel * kernel);
    let (first, c) = (CUBE_POS_X as usize * block, CUBE_POS_Y as usize);
    let (inputs, outputs) = (sizes.inputs as usize, sizes.outputs as usize);
    let (height, width) = (sizes.height as usize, sizes.width as usize);
    let (rows, columns) = (sizes.rows as usize, sizes.columns as usize);
    let group = first / outputs;
    let mut sums = Array::<f32>::new(count);
    #[unroll]
    for i in 0..count {
        sums[i] = 0.0;
    }
    let mut slopes = Array::<f32>::new(block);
    let pixels = batch as usize * rows * columns;
    let mut position = UNIT_POS as usize;
    while position < pixels {
        let (image, row, column) = (position / (rows * columns), (position / columns) % rows, position % columns);
        #[unroll]
        for o in 0..block {
            let plane = image * outputs * sizes.groups as usize + first + o;
            slopes[o] = gradient[(plane * rows + row) * columns + column];
        }
        let plane = (image * inputs * sizes.groups as usize + group * inputs + c) * height * width;
        #[unroll]
        for ky in 0..kernel {
            let y = (row * stride + ky) as i32 - padding as i32;
            #[unroll]
            for kx in 0..kernel {
                let x = (column * stride + kx) as i32 - padding as i32;
                let inside = y >= 0 && y < height as i32 && x >= 0 && x < width as i32;
                let y = clamp(y, 0, height as i32 - 1) as usize;
                let x = clamp(x, 0, width as i32 - 1) as usize;
                let seen = select(inside, input[plane + y * width + x], 0.0);
                #[unroll]
                for o in 0..block {
                    sums[comptime!((o * kernel + ky) * kernel + kx)] += slopes[o] * seen;
                }
            }
        }
        position += UNITS;
    }
    let mut shared = Shared::<[f32]>::new_slice(comptime!(UNITS * count));
    let unit = UNIT_POS as usize;
    #[unroll]
    for i in 0..count {
        shared[i * UNITS + unit] = sums[i];
    }
    sync_cube();
    let mut i = unit;
    while i < count {
        let mut sum = 0.0f32;
        for other in 0..UNITS {
            sum += shared[i * UNITS + other];
        }
        let area = comptime!(kernel * kernel);
        let output = first + i / area - group * outputs;
        let before = group * inputs * outputs * area;
        weights[before + output * sizes.by_output as usize + c * sizes.by_input as usize + i % area] = sum;
        i += UNITS;
    }
}

/// Folds 3x3 kernels into 4x4 ones as [`crate::parities`] describes, one unit per folded weight.
#[cube(launch_unchecked)]
pub fn parities(weight: &[f32], summed: &mut [f32]) {
    if ABSOLUTE_POS < summed.len() {
        let (kernel, ky, kx) = (ABSOLUTE_POS / 16, ABSOLUTE_POS / 4 % 4, ABSOLUTE_POS % 4);
        let mut sum = 0.0f32;
        #[unroll]
        for y in 0..3usize {
            #[unroll]
            for x in 0..3usize {
                let meets = meet(ky, y) && meet(kx, x);
                sum += select(meets, weight[kernel * 9 + comptime!(y * 3 + x)], 0.0);
            }
        }
        summed[ABSOLUTE_POS] = sum;
    }
}

/// The gradient of [`parities`], one unit per weight of the 3x3 kernels.
#[cube(launch_unchecked)]
pub fn parities_gradient(summed: &[f32], weight: &mut [f32]) {
    if ABSOLUTE_POS < weight.len() {
        let (kernel, y, x) = (ABSOLUTE_POS / 9, ABSOLUTE_POS / 3 % 3, ABSOLUTE_POS % 3);
        let mut sum = 0.0f32;
        #[unroll]
        for ky in 0..4usize {
            #[unroll]
            for kx in 0..4usize {
                let meets = meet(ky, y) && meet(kx, x);
                sum += select(meets, summed[kernel * 16 + comptime!(ky * 4 + kx)], 0.0);
            }
        }
        weight[ABSOLUTE_POS] = sum;
    }
}

/// Whether weight `of` of the 3x3 kernel is part of weight `summed` of the 4x4 kernel, on one axis.
#[cube]
fn meet(summed: usize, of: usize) -> bool {
    let both = summed + of;
    both == 2 || both == 3
}
