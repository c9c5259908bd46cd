//! Convolutions and their input gradients: the input gradient of a strided convolution is a transposed one, and vice
//! versa.
//!
//! Each unit computes a block of output channels, at four adjacent pixels of a row or, for a transposed convolution, at
//! all outputs of two adjacent input pixels.

use burn_cubecl::cubecl;
use burn_cubecl::cubecl::prelude::*;

use super::maps::relu;

/// Pixels of a row per unit.
pub const COLUMNS: usize = 4;
/// Input pixels per unit of a transposed convolution.
pub const POSITIONS: usize = 2;

/// Sizes of the maps, and strides of the kernels.
#[derive(CubeLaunch, CubeType, Clone, Copy)]
pub struct Sizes {
    /// Input channels per group.
    pub inputs: u32,
    pub height: u32,
    pub width: u32,
    /// Output channels per group.
    pub outputs: u32,
    pub groups: u32,
    pub rows: u32,
    pub columns: u32,
    /// Weights from one output's kernels to the next.
    pub by_output: u32,
    /// Weights from one input's kernel to the next.
    pub by_input: u32,
}

/// Compile-time parameters of a kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Plan {
    pub kernel: usize,
    pub stride: usize,
    pub padding: usize,
    /// Whether kernels are read in reverse.
    pub flipped: bool,
    /// Output channels per unit.
    pub block: usize,
    pub prologue: bool,
    pub bias: bool,
    pub residual: bool,
    /// Whether the residual has half the height and width.
    pub doubled_residual: bool,
    pub relu: bool,
}

/// Scale and shift of a channel; the identity without a prologue.
#[cube]
fn affine(scale: &[f32], shift: &[f32], channel: usize, #[comptime] prologue: bool) -> (f32, f32) {
    let mut factor = 1.0f32;
    let mut summand = 0.0f32;
    if prologue {
        factor = scale[channel];
        summand = shift[channel];
    }
    (factor, summand)
}

/// A pixel after the prologue, or zero outside the image.
#[cube]
#[allow(clippy::too_many_arguments, reason = "kernels take values one by one")]
fn pixel(
    input: &[f32],
    plane: usize,
    row: i32,
    column: i32,
    sizes: &Sizes,
    scale: f32,
    shift: f32,
    #[comptime] prologue: bool,
) -> f32 {
    let inside = row >= 0 && row < sizes.height as i32 && column >= 0 && column < sizes.width as i32;
    let row = clamp(row, 0, sizes.height as i32 - 1) as usize;
    let column = clamp(column, 0, sizes.width as i32 - 1) as usize;
    let mut value = input[plane + row * sizes.width as usize + column];
    if prologue {
        value = relu(scale * value + shift);
    }
    select(inside, value, 0.0)
}

/// Applies the epilogue and stores a sum.
#[cube]
#[allow(clippy::too_many_arguments, reason = "kernels take values one by one")]
fn store(
    output: &mut [f32],
    bias: &[f32],
    residual: &[f32],
    sum: f32,
    image: usize,
    channel: usize,
    row: usize,
    column: usize,
    sizes: &Sizes,
    #[comptime] plan: Plan,
) {
    let (rows, columns) = (sizes.rows as usize, sizes.columns as usize);
    if column < columns {
        let plane = image * (sizes.outputs * sizes.groups) as usize + channel;
        let mut value = sum;
        if plan.bias {
            value += bias[channel];
        }
        if plan.residual {
            if plan.doubled_residual {
                value += residual[(plane * (rows / 2) + row / 2) * (columns / 2) + column / 2];
            } else {
                value += residual[(plane * rows + row) * columns + column];
            }
        }
        if plan.relu {
            value = relu(value);
        }
        output[(plane * rows + row) * columns + column] = value;
    }
}

/// Index of the first weight of the kernel from an input of a group to an output channel.
#[cube]
fn kernel_of(group: usize, output: usize, input: usize, sizes: &Sizes, #[comptime] kernel: usize) -> usize {
    let (inputs, outputs) = (sizes.inputs as usize, sizes.outputs as usize);
    let before = group * inputs * outputs * comptime!(kernel * kernel);
    before + (output - group * outputs) * sizes.by_output as usize + input * sizes.by_input as usize
}

/// Grid: pixels along x, blocks of output channels along y, images along z.
#[cube(launch_unchecked)]
#[allow(clippy::too_many_arguments, reason = "kernels take buffers one by one")]
pub fn convolve(
    input: &[f32],
    weight: &[f32],
    scale: &[f32],
    shift: &[f32],
    bias: &[f32],
    residual: &[f32],
    output: &mut [f32],
    sizes: Sizes,
    #[comptime] plan: Plan,
) {
    let Plan { kernel, stride, padding, flipped, block, prologue, .. } = comptime!(plan);
    let span = comptime!((COLUMNS - 1) * stride + kernel);
    let across = sizes.columns.div_ceil(COLUMNS as u32) as usize;
    let position = ABSOLUTE_POS_X as usize;
    if position >= sizes.rows as usize * across {
        terminate!();
    }
    let (row, column) = (position / across, (position % across) * COLUMNS);
    let (image, first) = (CUBE_POS_Z as usize, CUBE_POS_Y as usize * block);
    let inputs = sizes.inputs as usize;
    let group = first / sizes.outputs as usize;
    let (top, left) = ((row * stride) as i32 - padding as i32, (column * stride) as i32 - padding as i32);

    let mut sums = Array::<f32>::new(comptime!(block * COLUMNS));
    #[unroll]
    for i in 0..comptime!(block * COLUMNS) {
        sums[i] = 0.0;
    }
    let mut line = Array::<f32>::new(span);
    for c in 0..inputs {
        let channel = group * inputs + c;
        let plane = (image * inputs * sizes.groups as usize + channel) * (sizes.height * sizes.width) as usize;
        let (factor, summand) = affine(scale, shift, channel, prologue);
        for ky in 0..kernel {
            #[unroll]
            for i in 0..span {
                line[i] = pixel(input, plane, top + ky as i32, left + i as i32, &sizes, factor, summand, prologue);
            }
            #[unroll]
            for o in 0..block {
                let weights = kernel_of(group, first + o, c, &sizes, kernel);
                #[unroll]
                for kx in 0..kernel {
                    let mut at = ky * kernel + kx;
                    if flipped {
                        at = (kernel - 1 - ky) * kernel + comptime!(kernel - 1 - kx);
                    }
                    let w = weight[weights + at];
                    #[unroll]
                    for p in 0..COLUMNS {
                        sums[o * COLUMNS + p] += w * line[p * stride + kx];
                    }
                }
            }
        }
    }
    #[unroll]
    for o in 0..block {
        #[unroll]
        for p in 0..COLUMNS {
            let sum = sums[o * COLUMNS + p];
            store(output, bias, residual, sum, image, first + o, row, column + p, &sizes, plan);
        }
    }
}

/// Transposed convolution: `stride` x `stride` outputs per input pixel, each with its own subset of the taps.
#[cube(launch_unchecked)]
#[allow(clippy::too_many_arguments, reason = "kernels take buffers one by one")]
pub fn convolve_transposed(
    input: &[f32],
    weight: &[f32],
    scale: &[f32],
    shift: &[f32],
    bias: &[f32],
    residual: &[f32],
    output: &mut [f32],
    sizes: Sizes,
    #[comptime] plan: Plan,
) {
    let Plan { kernel, stride, block, prologue, .. } = comptime!(plan);
    let (first_offset, last_offset) = comptime!(reach(&plan));
    let height = comptime!((last_offset - first_offset + 1) as usize);
    let span = comptime!(height + POSITIONS - 1);
    // Outputs per channel.
    let (wide, each) = comptime!((POSITIONS * stride, POSITIONS * stride * stride));
    let across = (sizes.columns as usize).div_ceil(wide);
    let position = ABSOLUTE_POS_X as usize;
    if position >= (sizes.rows as usize).div_ceil(stride) * across {
        terminate!();
    }
    let (row, column) = (position / across, (position % across) * POSITIONS);
    let (image, first) = (CUBE_POS_Z as usize, CUBE_POS_Y as usize * block);
    let inputs = sizes.inputs as usize;
    let group = first / sizes.outputs as usize;
    let (top, left) = (row as i32 + first_offset, column as i32 + first_offset);

    let mut sums = Array::<f32>::new(comptime!(block * each));
    #[unroll]
    for i in 0..comptime!(block * each) {
        sums[i] = 0.0;
    }
    let mut seen = Array::<f32>::new(comptime!(height * span));
    for c in 0..inputs {
        let channel = group * inputs + c;
        let plane = (image * inputs * sizes.groups as usize + channel) * (sizes.height * sizes.width) as usize;
        let (factor, summand) = affine(scale, shift, channel, prologue);
        #[unroll]
        for y in 0..height {
            #[unroll]
            for x in 0..span {
                seen[y * span + x] =
                    pixel(input, plane, top + y as i32, left + x as i32, &sizes, factor, summand, prologue);
            }
        }
        #[unroll]
        for o in 0..block {
            let weights = kernel_of(group, first + o, c, &sizes, kernel);
            #[unroll]
            for ky in 0..kernel {
                #[unroll]
                for kx in 0..kernel {
                    let w = weight[weights + comptime!(ky * kernel + kx)];
                    // The output phase that this weight contributes to, and the input that it reads.
                    let [(a, y), (b, x)] = comptime!([tap(&plan, ky), tap(&plan, kx)]);
                    #[unroll]
                    for p in 0..POSITIONS {
                        sums[comptime!(o * each + a * wide + b) + p * stride] += w * seen[comptime!(y * span + x) + p];
                    }
                }
            }
        }
    }
    #[unroll]
    for o in 0..block {
        #[unroll]
        for a in 0..stride {
            #[unroll]
            for i in 0..wide {
                let sum = sums[o * each + a * wide + i];
                let (row, column) = (row * stride + a, column * stride + i);
                if row < sizes.rows as usize {
                    store(output, bias, residual, sum, image, first + o, row, column, &sizes, plan);
                }
            }
        }
    }
}

/// The output phase and input offset of weight `k` of a transposed convolution, on one axis: `stride m - padding + k =
/// stride r + phase`, with offset `m - r`.
fn output_and_offset(plan: &Plan, k: usize) -> (usize, isize) {
    let ahead = k as isize - plan.padding as isize;
    let stride = plan.stride as isize;
    (ahead.rem_euclid(stride) as usize, -ahead.div_euclid(stride))
}

/// The smallest and the largest offset.
fn reach(plan: &Plan) -> (i32, i32) {
    let offsets = (0..plan.kernel).map(|k| output_and_offset(plan, k).1 as i32);
    (offsets.clone().min().unwrap_or(0), offsets.max().unwrap_or(0))
}

/// [`output_and_offset`], with the offset counted from the smallest one.
fn tap(plan: &Plan, k: usize) -> (usize, usize) {
    let (output, offset) = output_and_offset(plan, k);
    (output, (offset as i32 - reach(plan).0) as usize)
}
