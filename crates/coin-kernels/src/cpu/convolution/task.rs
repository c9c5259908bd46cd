//! What a core does at a time: a band of an image, for some blocks of outputs.

use std::ops::Range;

use macerator::{Simd, WithSimd};

use super::weights::Weights;
use super::{Residual, Sum};
use crate::convolution::MOST_STRIDE as MOST_STEP;
use crate::cpu::band::{Band, Layout};
use crate::cpu::tasks::Output;
use crate::cpu::tile::{self, Finish, MOST_OUTPUTS, MOST_VALUES, Reach};
use crate::stencil::Tap;

/// Sums of a tile.
const TILE: usize = MOST_OUTPUTS * MOST_VALUES;
/// Values of memory beside a band: the sums of a tile, phase by phase; the same in the order of pixels; and a residual.
pub const WORKSPACE: usize = 2 * MOST_STEP * TILE + 2 * MOST_STEP * MOST_VALUES;

/// A band of all places of some blocks of outputs.
pub struct Task<'a> {
    pub sum: &'a Sum<'a>,
    pub layout: &'a Layout,
    pub band: &'a Band,
    pub group: usize,
    pub blocks: Range<usize>,
    pub at_once: usize,
    pub weights: &'a Weights<'a>,
    pub output: &'a Output<'a>,
}

/// A task that goes tap by tap.
pub struct Dispatched<'a> {
    pub task: Task<'a>,
    /// Memory for the band.
    pub packed: &'a mut [f32],
    /// [`WORKSPACE`] values.
    pub workspace: &'a mut [f32],
}

impl WithSimd for Dispatched<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self) {
        let Self { task, packed, workspace } = self;
        task.pack::<S>(packed);
        let wide = tile::lanes::<S>() >= 8;
        match task.at_once {
            8 if tile::many_registers::<S>() => task.convolve::<S, 8, 3>(packed, workspace),
            4 if tile::lanes::<S>() == 16 => task.convolve::<S, 4, 6>(packed, workspace),
            4 if wide => task.convolve::<S, 4, 3>(packed, workspace),
            4 => task.convolve::<S, 4, 2>(packed, workspace),
            2 if wide => task.convolve::<S, 2, 6>(packed, workspace),
            2 => task.convolve::<S, 2, 4>(packed, workspace),
            _ => task.convolve::<S, 1, 8>(packed, workspace),
        }
    }
}

/// Places of a tile that follow each other in a row of an image, none of them padding.
pub struct Component {
    /// In the tile.
    pub start: usize,
    count: usize,
    image: usize,
    row: usize,
    column: usize,
}

impl Task<'_> {
    /// Copies the inputs of the band.
    #[inline(always)]
    pub fn pack<S: Simd>(&self, packed: &mut [f32]) {
        let Self { sum, layout, band, group, .. } = self;
        let inputs = sum.from.channels / sum.groups;
        layout.pack::<S>(band, sum.input, &sum.from, group * inputs..(group + 1) * inputs, &sum.prologue, packed);
    }

    #[inline(always)]
    fn convolve<S: Simd, const M: usize, const V: usize>(&self, packed: &[f32], workspace: &mut [f32]) {
        let Self { sum, layout, band, weights, .. } = self;
        let (inputs, outputs) = (sum.from.channels / sum.groups, sum.to.channels / sum.groups);
        let step = sum.stencil.output_step;
        let reach = |(tap, weight): (&Tap, &usize)| Reach::of(layout.distance(band, sum.stencil, tap.offset), *weight);
        let phases = sum.stencil.phases.iter().zip(&weights.taps);
        let phases: Vec<Vec<Reach>> =
            phases.map(|(taps, weights)| taps.iter().zip(weights).map(reach).collect()).collect();
        let (channel, places, width) = (layout.channel(band), layout.places(band), V * tile::lanes::<S>());
        let values = tile::stored_at_once::<S>(width);
        let all = || phases.iter().flatten();
        let end = places.next_multiple_of(width) + all().map(Reach::distance).max().unwrap_or(0);
        assert!(packed.len() >= inputs.saturating_sub(1) * channel + end, "vectors end in the slack");
        let kernels = weights.kernels;
        let last = (M - 1) * kernels.output + inputs.saturating_sub(1) * kernels.input;
        let last = last + all().map(Reach::weight).max().unwrap_or(0);
        let (sums, workspace) = workspace.split_at_mut(MOST_STEP * TILE);
        let (mixed, residual) = workspace.split_at_mut(MOST_STEP * TILE);
        let (pieces, ends) = self.pieces(values);
        for block in self.blocks.clone() {
            // The last block begins early enough to be whole.
            let first = (block * M).min(outputs - M);
            let weights = &weights.values[self.group * weights.group + first * kernels.output..];
            assert!(inputs == 0 || last < weights.len(), "every output has a kernel for every input");
            for (row_phase, phases) in phases.chunks(step).enumerate() {
                let mut piece = 0;
                for (start, end) in (0..places).step_by(values).zip(&ends) {
                    for (taps, sums) in phases.iter().zip(sums.chunks_exact_mut(TILE)) {
                        // SAFETY: checked above for all tiles; `M * values` is at most the length of `sums`.
                        unsafe {
                            tile::sums::<S, M, V>(
                                packed.as_ptr().add(start),
                                values.min(places - start),
                                inputs,
                                channel,
                                taps,
                                weights.as_ptr(),
                                kernels,
                                sums.as_mut_ptr(),
                                values,
                            );
                        }
                    }
                    let (line, finished) = match step {
                        1 => (values, &*sums),
                        _ => {
                            mix(sums, step, M * values, mixed);
                            (step * values, &*mixed)
                        }
                    };
                    for piece in &pieces[piece..*end] {
                        for m in block * M - first..M {
                            let output = self.group * outputs + first + m;
                            let sums = &finished[m * line + piece.start * step..(m + 1) * line];
                            self.store::<S>(piece, output, row_phase, sums, residual);
                        }
                    }
                    piece = *end;
                }
            }
        }
    }

    /// The pieces of all tiles of `values` places, and for each tile the number of pieces up to its end.
    #[cfg_attr(target_family = "wasm", inline(never))]
    #[cfg_attr(not(target_family = "wasm"), inline(always))]
    pub fn pieces(&self, values: usize) -> (Vec<Component>, Vec<usize>) {
        let Self { layout, band, .. } = self;
        let (rows, pitch, places) = (layout.plane_rows(band), layout.pitch, layout.places(band));
        let mut pieces = Vec::with_capacity(places / values + band.images.len() * rows + 1);
        let mut ends = Vec::with_capacity(places / values + 1);
        for start in (0..places).step_by(values) {
            let end = places.min(start + values);
            for line in start / pitch..end.div_ceil(pitch) {
                let (image, row) = (line / rows, line % rows);
                let from = start.max(line * pitch);
                let count = end.min(line * pitch + layout.columns).saturating_sub(from);
                if row < band.rows.len() && count > 0 {
                    let (image, row) = (band.images.start + image, band.rows.start + row);
                    pieces.push(Component { start: from - start, count, image, row, column: from - line * pitch });
                }
            }
            ends.push(pieces.len());
        }
        (pieces, ends)
    }

    /// Finishes the sums of a piece, in the order of pixels, and stores them.
    #[cfg_attr(target_family = "wasm", inline(never))]
    #[cfg_attr(not(target_family = "wasm"), inline(always))]
    pub fn store<S: Simd>(&self, piece: &Component, output: usize, row_phase: usize, sums: &[f32], twice: &mut [f32]) {
        let Sum { stencil, to, epilogue, .. } = self.sum;
        let step = stencil.output_step;
        let (image, row, first) = (piece.image, piece.row * step + row_phase, piece.column * step);
        if row >= to.height {
            return;
        }
        let count = (piece.count * step).min(to.width - first);
        let residual: &[f32] = match &epilogue.residual {
            None => &[],
            Some(Residual { values, map, doubled: false }) => &values[map.row(image, output, row) + first..][..count],
            Some(Residual { values, map, doubled: true }) => {
                let halves = &values[map.row(image, output, row / 2) + first / 2..];
                repeat(&halves[..(first % 2 + count).div_ceil(2)], twice);
                &twice[first % 2..][..count]
            }
        };
        let residual = if residual.is_empty() { std::ptr::null() } else { residual.as_ptr() };
        let bias = epilogue.bias.map_or(0.0, |bias| bias[output]);
        assert!(count <= sums.len(), "every pixel has a sum");
        // SAFETY: every output pixel belongs to one place of one band, of one output channel of one task.
        let target = unsafe { self.output.slice(to.row(image, output, row) + first, count) };
        let finish = Finish { bias, residual, relu: epilogue.relu };
        // SAFETY: all are of `count` values, as just checked.
        unsafe { tile::finish::<S>(sums.as_ptr(), count, finish, target.as_mut_ptr()) };
    }
}

/// Takes `count` values of each phase, [`TILE`] values apart, in turn.
#[inline(always)]
fn mix(sums: &[f32], step: usize, count: usize, mixed: &mut [f32]) {
    if step == 2 {
        return interleave(&sums[..count], &sums[TILE..TILE + count], mixed);
    }
    for (phase, sums) in sums.chunks_exact(TILE).take(step).enumerate() {
        for (value, sum) in mixed[phase..].iter_mut().step_by(step).zip(&sums[..count]) {
            *value = *sum;
        }
    }
}

/// Takes a value of each in turn.
#[inline(always)]
pub fn interleave(even: &[f32], odd: &[f32], mixed: &mut [f32]) {
    for (pair, (even, odd)) in mixed.chunks_exact_mut(2).zip(even.iter().zip(odd)) {
        pair[0] = *even;
        pair[1] = *odd;
    }
}

/// Each value twice.
#[inline(always)]
fn repeat(values: &[f32], twice: &mut [f32]) {
    for (pair, value) in twice.chunks_exact_mut(2).zip(values) {
        pair[0] = *value;
        pair[1] = *value;
    }
}
