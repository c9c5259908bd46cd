//! The work of one task: a band of an image and a range of output blocks.

use std::ops::Range;

use macerator::{Simd, WithSimd};

use super::weights::Weights;
use super::{Residual, Sum};
use crate::convolution::MAX_STRIDE as MAX_STEP;
use crate::cpu::band::{Band, Layout};
use crate::cpu::planes::interleave;
use crate::cpu::tasks::Output;
use crate::cpu::tile::{self, Finish, MAX_OUTPUTS, MAX_VALUES, Reach};
use crate::stencil::Tap;

/// Sums in the largest tile.
const TILE: usize = MAX_OUTPUTS * MAX_VALUES;
/// Scratch values beside a band: the sums of a tile by phase, the same in pixel order, and a residual.
pub const WORKSPACE: usize = 2 * MAX_STEP * TILE + 2 * MAX_STEP * MAX_VALUES;

/// One band for a range of output blocks.
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

/// A task computed tap by tap.
pub struct Dispatched<'a> {
    pub task: Task<'a>,
    /// Scratch memory for the band.
    pub packed: &'a mut [f32],
    /// Scratch memory of [`WORKSPACE`] values.
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

/// Consecutive positions of a tile in one image row, without padding.
pub struct RowSegment {
    /// Index in the tile.
    pub start: usize,
    count: usize,
    image: usize,
    row: usize,
    column: usize,
}

impl Task<'_> {
    /// Packs the inputs of the band.
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
        let (channel, positions, width) = (layout.channel(band), layout.positions(band), V * tile::lanes::<S>());
        let values = tile::stored_at_once::<S>(width);
        let all = || phases.iter().flatten();
        let end = positions.next_multiple_of(width) + all().map(Reach::distance).max().unwrap_or(0);
        assert!(packed.len() >= inputs.saturating_sub(1) * channel + end, "vectors end in the slack");
        let kernels = weights.kernels;
        let last = (M - 1) * kernels.output + inputs.saturating_sub(1) * kernels.input;
        let last = last + all().map(Reach::weight).max().unwrap_or(0);
        let (sums, workspace) = workspace.split_at_mut(MAX_STEP * TILE);
        let (mixed, residual) = workspace.split_at_mut(MAX_STEP * TILE);
        let (segments, ends) = self.segments(values);
        for block in self.blocks.clone() {
            // The last block starts early enough to be full.
            let first = (block * M).min(outputs - M);
            let weights = &weights.values[self.group * weights.group + first * kernels.output..];
            assert!(inputs == 0 || last < weights.len(), "every output has a kernel for every input");
            for (row_phase, phases) in phases.chunks(step).enumerate() {
                let mut segment = 0;
                for (start, end) in (0..positions).step_by(values).zip(&ends) {
                    for (taps, sums) in phases.iter().zip(sums.chunks_exact_mut(TILE)) {
                        // SAFETY: the bounds are checked above for all tiles; `M * values` does not exceed the length
                        // of `sums`.
                        unsafe {
                            tile::sums::<S, M, V>(
                                packed.as_ptr().add(start),
                                values.min(positions - start),
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
                    for segment in &segments[segment..*end] {
                        for m in block * M - first..M {
                            let output = self.group * outputs + first + m;
                            let sums = &finished[m * line + segment.start * step..(m + 1) * line];
                            self.store::<S>(segment, output, row_phase, sums, residual);
                        }
                    }
                    segment = *end;
                }
            }
        }
    }

    /// The row segments of all tiles of `values` positions, and for each tile the number of segments up to its end.
    #[cfg_attr(target_family = "wasm", inline(never))]
    #[cfg_attr(not(target_family = "wasm"), inline(always))]
    pub fn segments(&self, values: usize) -> (Vec<RowSegment>, Vec<usize>) {
        let Self { layout, band, .. } = self;
        let (rows, pitch, positions) = (layout.plane_rows(band), layout.pitch, layout.positions(band));
        let mut segments = Vec::with_capacity(positions / values + band.images.len() * rows + 1);
        let mut ends = Vec::with_capacity(positions / values + 1);
        for start in (0..positions).step_by(values) {
            let end = positions.min(start + values);
            for line in start / pitch..end.div_ceil(pitch) {
                let (image, row) = (line / rows, line % rows);
                let from = start.max(line * pitch);
                let count = end.min(line * pitch + layout.columns).saturating_sub(from);
                if row < band.rows.len() && count > 0 {
                    let (image, row) = (band.images.start + image, band.rows.start + row);
                    segments.push(RowSegment { start: from - start, count, image, row, column: from - line * pitch });
                }
            }
            ends.push(segments.len());
        }
        (segments, ends)
    }

    /// Applies the epilogue to the sums of a segment, in pixel order, and stores them.
    #[cfg_attr(target_family = "wasm", inline(never))]
    #[cfg_attr(not(target_family = "wasm"), inline(always))]
    pub fn store<S: Simd>(
        &self,
        segment: &RowSegment,
        output: usize,
        row_phase: usize,
        sums: &[f32],
        twice: &mut [f32],
    ) {
        let Sum { stencil, to, epilogue, .. } = self.sum;
        let step = stencil.output_step;
        let (image, row, first) = (segment.image, segment.row * step + row_phase, segment.column * step);
        if row >= to.height {
            return;
        }
        let count = (segment.count * step).min(to.width - first);
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
        // SAFETY: every output pixel belongs to exactly one position of one band and one output channel of one task.
        let target = unsafe { self.output.slice(to.row(image, output, row) + first, count) };
        let finish = Finish { bias, residual, relu: epilogue.relu };
        // SAFETY: sums, residual and target have at least `count` values, as asserted or sliced above.
        unsafe { tile::finish::<S>(sums.as_ptr(), count, finish, target.as_mut_ptr()) };
    }
}

/// Interleaves `count` values of each phase; phases are [`TILE`] values apart.
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

/// Repeats each value twice.
#[inline(always)]
fn repeat(values: &[f32], twice: &mut [f32]) {
    for (pair, value) in twice.chunks_exact_mut(2).zip(values) {
        pair[0] = *value;
        pair[1] = *value;
    }
}
