//! Convolutions: each unit computes a block of output channels at four neighbouring pixels of a row, or, of the doubled map,
//! at the 2x4 outputs of two neighbouring pixels.

use burn_cubecl::cubecl;
use burn_cubecl::cubecl::prelude::*;

/// Pixels of a row that a unit computes.
pub const COLUMNS: usize = 4;
/// Places of the input that a unit of a doubled map's convolution looks from.
pub const PLACES: usize = 2;
/// The kernel that doubled maps are convolved with here.
pub const DOUBLED_KERNEL: usize = 3;

/// Sides and channels.
#[derive(CubeLaunch, CubeType, Clone, Copy)]
pub struct Sizes {
    /// Input channels of a group.
    pub inputs: u32,
    pub height: u32,
    pub width: u32,
    /// Output channels of a group.
    pub outputs: u32,
    pub groups: u32,
    pub rows: u32,
    pub columns: u32,
}

/// What a kernel is compiled for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Plan {
    pub kernel: usize,
    pub stride: usize,
    pub padding: usize,
    /// Output channels that a unit computes.
    pub block: usize,
    pub prologue: bool,
    pub bias: bool,
    pub residual: bool,
    /// The residual has half the sides.
    pub doubled_residual: bool,
    pub relu: bool,
}

/// Scale and shift of a channel; those that change nothing without a prologue.
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

/// A pixel after the prologue, zero outside the image.
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
        value = max(scale * value + shift, 0.0);
    }
    select(inside, value, 0.0)
}

/// Stores a sum after its epilogue.
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
            value = max(value, 0.0);
        }
        output[(plane * rows + row) * columns + column] = value;
    }
}

/// Units: along x the pixels, along y the blocks of channels, along z the images.
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
    let Plan { kernel, stride, padding, block, prologue, .. } = comptime!(plan);
    let span = comptime!((COLUMNS - 1) * stride + kernel);
    let across = sizes.columns.div_ceil(COLUMNS as u32) as usize;
    let place = ABSOLUTE_POS_X as usize;
    if place >= sizes.rows as usize * across {
        terminate!();
    }
    let (row, column) = (place / across, (place % across) * COLUMNS);
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
                let weights = (((first + o) * inputs + c) * kernel + ky) * kernel;
                #[unroll]
                for kx in 0..kernel {
                    let w = weight[weights + kx];
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

/// As [`convolve`] does it with the map doubled, which is never made: of the weights of 3x3, those that meet the same pixel of
/// the map are summed.
#[cube(launch_unchecked)]
#[allow(clippy::too_many_arguments, reason = "kernels take buffers one by one")]
pub fn convolve_doubled(
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
    let Plan { block, prologue, .. } = comptime!(plan);
    // Outputs of a channel: two rows of both places' two columns.
    let each = comptime!(4 * PLACES);
    let span = comptime!(PLACES + 2);
    let across = sizes.width.div_ceil(PLACES as u32) as usize;
    let place = ABSOLUTE_POS_X as usize;
    if place >= sizes.height as usize * across {
        terminate!();
    }
    let (row, column) = (place / across, (place % across) * PLACES);
    let (image, first) = (CUBE_POS_Z as usize, CUBE_POS_Y as usize * block);
    let inputs = sizes.inputs as usize;
    let group = first / sizes.outputs as usize;
    let (top, left) = (row as i32 - 1, column as i32 - 1);

    let mut sums = Array::<f32>::new(comptime!(block * each));
    #[unroll]
    for i in 0..comptime!(block * each) {
        sums[i] = 0.0;
    }
    let mut seen = Array::<f32>::new(comptime!(3 * span));
    let mut weights = Array::<f32>::new(9usize);
    for c in 0..inputs {
        let channel = group * inputs + c;
        let plane = (image * inputs * sizes.groups as usize + channel) * (sizes.height * sizes.width) as usize;
        let (factor, summand) = affine(scale, shift, channel, prologue);
        #[unroll]
        for y in 0..3 {
            #[unroll]
            for x in 0..span {
                seen[y * span + x] =
                    pixel(input, plane, top + y as i32, left + x as i32, &sizes, factor, summand, prologue);
            }
        }
        #[unroll]
        for o in 0..block {
            let at = ((first + o) * inputs + c) * 9;
            #[unroll]
            for i in 0..9 {
                weights[i] = weight[at + i];
            }
            // The upper row of outputs sees the pixels above through one row of weights and its own through two; the lower
            // row its own through two and those below through one. Columns alike.
            #[unroll]
            for a in 0..2 {
                #[unroll]
                for b in 0..2 {
                    #[unroll]
                    for near in 0..2 {
                        #[unroll]
                        for beside in 0..2 {
                            let w = summed(&weights, a, near, b, beside);
                            #[unroll]
                            for p in 0..PLACES {
                                sums[(o * 2 + a) * 2 * PLACES + 2 * p + b] +=
                                    w * seen[(a + near) * span + p + b + beside];
                            }
                        }
                    }
                }
            }
        }
    }
    #[unroll]
    for o in 0..block {
        #[unroll]
        for a in 0..2 {
            #[unroll]
            for i in 0..comptime!(2 * PLACES) {
                let sum = sums[(o * 2 + a) * 2 * PLACES + i];
                store(output, bias, residual, sum, image, first + o, 2 * row + a, 2 * column + i, &sizes, plan);
            }
        }
    }
}

/// The sum of the weights through which an output of parity `(a, b)` sees its first or second pixel on both axes.
#[cube]
fn summed(
    weights: &Array<f32>,
    #[comptime] a: usize,
    #[comptime] near: usize,
    #[comptime] b: usize,
    #[comptime] beside: usize,
) -> f32 {
    let [rows, columns] = comptime!([range(a, near), range(b, beside)]);
    let mut sum = 0.0f32;
    #[unroll]
    for row in rows[0]..rows[1] {
        #[unroll]
        for column in columns[0]..columns[1] {
            sum += weights[row * 3 + column];
        }
    }
    sum
}

/// Of three weights those, from and up to, through which an output of a parity sees the first or second of its two pixels.
fn range(parity: usize, which: usize) -> [usize; 2] {
    let between = 1 + parity;
    if which == 0 { [0, between] } else { [between, 3] }
}
