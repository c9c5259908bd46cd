//! Winograd's minimal filtering F(2x2, 3x3): 3x3 convolutions with 16 instead of 36 multiplications per 2x2 outputs,
//! see Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks" ([arXiv
//! 1509.09308](https://arxiv.org/abs/1509.09308)).
//!
//! Each 4x4 input patch and each kernel is transformed into 16 values. Channels are accumulated separately for each of
//! the 16 values, and the 16 sums are transformed into 2x2 outputs.

use macerator::{Arch, Scalar as _, Simd, WithSimd};

use super::Sum;
use super::task::Task;
use super::weights::PATCH;
use crate::cpu::planes::interleave;
use crate::cpu::tile::{self, Reach, lanes};
use crate::stencil::Stencil;

/// Positions, of 2x2 outputs each, computed at a time.
const POSITIONS: usize = 64;
/// Output channels computed at a time.
pub const OUTPUTS: usize = 4;
/// Sums of one of the 16 values.
const SUMS: usize = OUTPUTS * POSITIONS;
/// Longer sums lose precision.
const MAX_INPUTS: usize = 128;
/// With fewer outputs per channel, transforming the kernels costs more than it saves.
const MIN_OUTPUTS: usize = 256;

/// Whether `sum` is a 3x3 convolution with stride 1 and the vectors are short. Long vectors would seldom be full.
pub fn suits(sum: &Sum<'_>, arch: Arch) -> bool {
    let Sum { from, to, .. } = sum;
    tile::has_short_vectors(arch)
        && *sum.stencil == Stencil::forward(&crate::Convolution::same(3))
        && sum.groups == 1
        && !sum.transposed
        && (1..=MAX_INPUTS).contains(&from.channels)
        && to.channels.is_multiple_of(OUTPUTS)
        && to.batch * to.height * to.width >= MIN_OUTPUTS
}

/// Scratch values that a task of `inputs` channels needs beside its band.
pub fn workspace(inputs: usize) -> usize {
    PATCH * (inputs * POSITIONS + SUMS)
}

/// A task whose stencil is [`Stencil::patches`].
pub struct Dispatched<'a> {
    pub task: Task<'a>,
    /// Scratch memory for the band.
    pub packed: &'a mut [f32],
    /// Scratch memory for everything else; [`workspace`] values more than tap by tap.
    pub workspace: &'a mut [f32],
}

impl WithSimd for Dispatched<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self) {
        let Self { task, packed, workspace } = self;
        let Task { sum, layout, band, weights, .. } = &task;
        let (inputs, channel, positions) = (sum.from.channels, layout.channel(band), layout.positions(band));
        task.pack::<S>(packed);
        let mut distances = [0; PATCH];
        for (distance, tap) in distances.iter_mut().zip(sum.stencil.phases.iter().flatten()) {
            *distance = layout.distance(band, sum.stencil, tap.offset);
        }
        let furthest = distances.iter().max().copied().unwrap_or(0);
        let end = positions.next_multiple_of(POSITIONS) + furthest;
        assert!(inputs > 0 && packed.len() >= (inputs - 1) * channel + end, "vectors end in the slack");
        let (patches, workspace) = workspace.split_at_mut(PATCH * inputs * POSITIONS);
        let (sums, workspace) = workspace.split_at_mut(PATCH * SUMS);
        let (mixed, residual) = workspace.split_at_mut(2 * SUMS);
        // Channels take the role of taps; there is one "channel".
        let reaches: Vec<Reach> = (0..inputs).map(|c| Reach::of(c * POSITIONS, c * PATCH)).collect();
        let kernels = weights.kernels;
        let (segments, ends) = task.segments(POSITIONS);
        let mut segment = 0;
        for (start, end) in (0..positions).step_by(POSITIONS).zip(ends) {
            for c in 0..inputs {
                // SAFETY: all vectors that start at a position end within the band, as asserted above.
                unsafe {
                    let seen = packed.as_ptr().add(c * channel + start);
                    transform_patches::<S>(
                        seen,
                        &distances,
                        patches.as_mut_ptr().add(c * POSITIONS),
                        inputs * POSITIONS,
                    );
                }
            }
            for block in task.blocks.clone() {
                let first = block * OUTPUTS;
                let weights = &weights.values[first * kernels.output..][..OUTPUTS * kernels.output];
                for value in 0..PATCH {
                    // SAFETY: `reaches` stay within the patch values of one kind and within the kernels of a block,
                    // whose length the slice above guarantees; each kind has 4 lines of `POSITIONS` sums.
                    unsafe {
                        tile::sums::<S, OUTPUTS, 2>(
                            patches.as_ptr().add(value * inputs * POSITIONS),
                            POSITIONS.min(positions - start),
                            1,
                            0,
                            &reaches,
                            weights.as_ptr().add(value),
                            kernels,
                            sums.as_mut_ptr().add(value * SUMS),
                            POSITIONS,
                        );
                    }
                }
                // SAFETY: `sums` holds all 16 kinds, as split off above.
                unsafe { transform_sums::<S>(sums.as_mut_ptr()) };
                for (row_phase, sums) in sums[..4 * SUMS].chunks_exact(2 * SUMS).enumerate() {
                    let (even, odd) = sums.split_at(SUMS);
                    interleave(even, odd, mixed);
                    for segment in &segments[segment..end] {
                        for m in 0..OUTPUTS {
                            let sums = &mixed[2 * (m * POSITIONS + segment.start)..2 * (m + 1) * POSITIONS];
                            task.store::<S>(segment, first + m, row_phase, sums, residual);
                        }
                    }
                }
            }
            segment = end;
        }
    }
}

/// Transforms the patches `d` of [`POSITIONS`] positions to `B^T d B`, stored as 16 lines `pitch` values apart.
///
/// # Safety
/// The instruction set of `S` must be available; `seen` must be valid for reads of `POSITIONS` values at each distance,
/// and `patches` for writes of as many values in each line.
#[cfg_attr(target_family = "wasm", inline(never))]
#[cfg_attr(not(target_family = "wasm"), inline(always))]
unsafe fn transform_patches<S: Simd>(seen: *const f32, distances: &[usize; PATCH], patches: *mut f32, pitch: usize) {
    let mut position = 0;
    while position < POSITIONS {
        // SAFETY: the caller guarantees all reads and writes.
        unsafe {
            let pixel = |i: usize, j: usize| f32::vload_unaligned::<S>(seen.add(distances[4 * i + j] + position));
            for i in 0..4 {
                let row = |j: usize| match i {
                    0 => pixel(0, j) - pixel(2, j),
                    1 => pixel(1, j) + pixel(2, j),
                    2 => pixel(2, j) - pixel(1, j),
                    _ => pixel(1, j) - pixel(3, j),
                };
                let [a, b, c, d] = [row(0), row(1), row(2), row(3)];
                let line = patches.add(4 * i * pitch + position);
                f32::vstore_unaligned(line, a - c);
                f32::vstore_unaligned(line.add(pitch), b + c);
                f32::vstore_unaligned(line.add(2 * pitch), c - b);
                f32::vstore_unaligned(line.add(3 * pitch), b - d);
            }
        }
        position += lanes::<S>();
    }
}

/// Transforms the 16 kinds of [`SUMS`] sums `m` to `A^T m A`. The four outputs per position overwrite the first four
/// kinds.
///
/// # Safety
/// The instruction set of `S` must be available; `sums` must be valid for reads and writes of 16 times `SUMS` values.
#[cfg_attr(target_family = "wasm", inline(never))]
#[cfg_attr(not(target_family = "wasm"), inline(always))]
unsafe fn transform_sums<S: Simd>(sums: *mut f32) {
    let mut position = 0;
    while position < SUMS {
        // SAFETY: the caller guarantees all reads and writes.
        unsafe {
            let sum = |i: usize, j: usize| f32::vload_unaligned::<S>(sums.add((4 * i + j) * SUMS + position));
            let column = |j: usize| {
                let [a, b, c, d] = [sum(0, j), sum(1, j), sum(2, j), sum(3, j)];
                [a + b + c, b - c - d]
            };
            let [a, b, c, d] = [column(0), column(1), column(2), column(3)];
            for row in 0..2 {
                let output = sums.add(2 * row * SUMS + position);
                f32::vstore_unaligned(output, a[row] + b[row] + c[row]);
                f32::vstore_unaligned(output.add(SUMS), b[row] - c[row] - d[row]);
            }
        }
        position += lanes::<S>();
    }
}
