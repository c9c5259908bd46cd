//! Convolutions and their input gradients: one sum for all of them, see [`crate::stencil`].

use std::ops::{Deref, Range};

use macerator::{Arch, Simd, WithSimd};

use super::band::{Band, Layout, Map, Prologue};
use super::buffers::Buffer;
use super::planes::vectorised;
use super::tasks::{self, Output};
use super::tile::{self, Finish, Kernels, MOST_OUTPUTS, MOST_VALUES, Reach};
use crate::convolution::MOST_STRIDE as MOST_STEP;
use crate::stencil::{Stencil, Tap};

/// Kernels whose weights a task sums.
const SUMMED_AT_ONCE: usize = 256;
/// Sums of a tile.
const TILE: usize = MOST_OUTPUTS * MOST_VALUES;
/// Values of memory beside a band: the sums of a tile, phase by phase; the same in the order of pixels; and a residual.
const WORKSPACE: usize = 2 * MOST_STEP * TILE + 2 * MOST_STEP * MOST_VALUES;

/// What is computed.
pub struct Sum<'a> {
    pub stencil: &'a Stencil,
    pub groups: usize,
    pub input: &'a [f32],
    pub from: Map,
    pub to: Map,
    /// A kernel `[outputs, inputs / groups, taps]`, or of the convolution whose gradient this is.
    pub weights: &'a [f32],
    /// Values of a kernel.
    pub kernel: usize,
    /// Whether inputs and outputs have changed places in the weights.
    pub transposed: bool,
    pub prologue: Prologue<'a>,
    pub epilogue: Epilogue<'a>,
}

/// What happens to a sum before it is stored.
#[derive(Clone, Copy, Default)]
pub struct Epilogue<'a> {
    /// Added to each output channel.
    pub bias: Option<&'a [f32]>,
    /// Added to each output.
    pub residual: Option<Residual<'a>>,
    /// What is negative becomes 0.
    pub relu: bool,
}

/// A map of the output's shape, or of half its sides, each value for 2x2 outputs.
#[derive(Clone, Copy)]
pub struct Residual<'a> {
    pub values: &'a [f32],
    pub map: Map,
    pub doubled: bool,
}

impl Sum<'_> {
    /// The outputs, `[batch, channels, height, width]`.
    pub fn compute(&self, arch: Arch) -> Buffer {
        let mut values = Buffer::unwritten(self.to.len());
        if values.is_empty() {
            return values;
        }
        let step = self.stencil.output_step;
        let [rows, columns] = [self.to.height, self.to.width].map(|side| side.div_ceil(step));
        let layout = Layout::new(self.stencil, [self.from.height, self.from.width], [rows, columns]);
        let (inputs, outputs) = (self.from.channels / self.groups, self.to.channels / self.groups);
        let taps = self.stencil.phases.iter().map(Vec::len).sum::<usize>();
        let places = rows * columns;
        let work = 2 * self.to.batch * places * taps * inputs * self.to.channels;
        let at_once = tile::outputs_at_once(arch, outputs);
        let weights = Weights::of(self);
        let wanted = tasks::wanted(work);
        let bands = layout.bands(self.to.batch, rows, inputs, wanted.div_ceil(self.groups));
        // Where images are too few and small to go round, cores share the outputs instead.
        let blocks = outputs.div_ceil(at_once);
        let shares = wanted.div_ceil(bands.len() * self.groups).clamp(1, blocks);
        let share = blocks.div_ceil(shares);
        let shares = blocks.div_ceil(share);
        let output = Output::new(&mut values);
        tasks::run(bands.len() * self.groups * shares, work, |task| {
            let (band, rest) = (&bands[task / (self.groups * shares)], task % (self.groups * shares));
            let (group, first) = (rest / shares, rest % shares * share);
            let blocks = first..blocks.min(first + share);
            let length = layout.length(band, inputs);
            tasks::with_scratch(length + WORKSPACE, |scratch| {
                let (packed, workspace) = scratch.split_at_mut(length);
                let (sum, layout, weights, output) = (self, &layout, &weights, &output);
                let task = Task { sum, layout, band, group, blocks, at_once, weights, output };
                // SAFETY: `arch` was detected, or is one that a test found available.
                unsafe { arch.dispatch(Dispatched { task, packed, workspace }) }
            });
        });
        values
    }
}

/// The kernels of all outputs and inputs, a weight a tap, in the order in which they were given.
struct Weights<'a> {
    values: Values<'a>,
    /// Weights of a group.
    group: usize,
    kernels: Kernels,
    /// Index within a kernel of the weight of each tap, phase by phase.
    taps: Vec<Vec<usize>>,
}

enum Values<'a> {
    Given(&'a [f32]),
    Summed(Buffer),
}

impl Deref for Values<'_> {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        match self {
            Self::Given(values) => values,
            Self::Summed(values) => values,
        }
    }
}

impl<'a> Weights<'a> {
    fn of(sum: &Sum<'a>) -> Self {
        let phases = &sum.stencil.phases;
        let single = phases.iter().flatten().all(|tap| tap.weights.len() == 1);
        let (values, kernel, taps) = if single {
            let weight = |tap: &Tap| tap.weights.first().copied().unwrap_or(0);
            let taps = phases.iter().map(|taps| taps.iter().map(weight).collect());
            (Values::Given(sum.weights), sum.kernel, taps.collect())
        } else {
            let mut numbers = 0..;
            let taps = phases.iter().map(|taps| numbers.by_ref().take(taps.len()).collect());
            let taps: Vec<Vec<usize>> = taps.collect();
            (Values::Summed(summed(sum.weights, sum.kernel, phases)), taps.iter().map(Vec::len).sum(), taps)
        };
        let (inputs, outputs) = (sum.from.channels / sum.groups, sum.to.channels / sum.groups);
        let kernels = match sum.transposed {
            false => Kernels { output: inputs * kernel, input: kernel },
            true => Kernels { output: kernel, input: outputs * kernel },
        };
        Self { values, group: inputs * outputs * kernel, kernels, taps }
    }
}

/// The indices of a 3x3 kernel of the doubled map, which the networks have, as [`summed`] finds them.
const PARITIES: [[usize; 16]; 4] = [
    [0, 1, 3, 4, 0, 2, 3, 5, 0, 1, 6, 7, 0, 2, 6, 8],
    [9, 2, 6, 5, 1, 9, 4, 8, 3, 2, 9, 8, 1, 5, 7, 9],
    [9, 9, 9, 7, 9, 9, 6, 9, 9, 4, 9, 9, 3, 9, 9, 9],
    [9, 9, 9, 8, 9, 9, 7, 9, 9, 5, 9, 9, 4, 9, 9, 9],
];

vectorised! {
    /// [`summed`] with indices that the compiler knows.
    fn sum_parities(kernels: &[f32], targets: &mut [f32]) {
        for (kernel, targets) in kernels.chunks_exact(9).zip(targets.chunks_exact_mut(16)) {
            let mut padded = [0.0; 10];
            padded[..9].copy_from_slice(kernel);
            let [first, second, third, fourth] = PARITIES;
            for (i, target) in targets.iter_mut().enumerate() {
                *target = padded[first[i]] + padded[second[i]] + padded[third[i]] + padded[fourth[i]];
            }
        }
    }
}

/// Of each kernel the sum of each tap's weights.
fn summed(weights: &[f32], kernel: usize, phases: &[Vec<Tap>]) -> Buffer {
    let taps: Vec<&Tap> = phases.iter().flatten().collect();
    let most = taps.iter().map(|tap| tap.weights.len()).max().unwrap_or(0);
    // Each tap's weights, and behind them the index of a zero until all taps have equally many.
    let indices: Vec<usize> = (0..most)
        .flat_map(|number| taps.iter().map(move |tap| tap.weights.get(number).copied().unwrap_or(kernel)))
        .collect();
    let parities = PARITIES.concat();
    let mut sums = Buffer::unwritten(weights.len() / kernel * taps.len());
    let output = Output::new(&mut sums);
    let run = SUMMED_AT_ONCE;
    tasks::run(weights.len().div_ceil(kernel * run), weights.len() * taps.len(), |task| {
        let kernels = &weights[task * run * kernel..weights.len().min((task + 1) * run * kernel)];
        // SAFETY: each task has kernels of its own.
        let targets = unsafe { output.slice(task * run * taps.len(), kernels.len() / kernel * taps.len()) };
        if indices == parities {
            return sum_parities(kernels, targets);
        }
        let mut padded = vec![0.0; kernel + 1];
        for (weights, targets) in kernels.chunks_exact(kernel).zip(targets.chunks_exact_mut(taps.len())) {
            padded[..kernel].copy_from_slice(weights);
            targets.fill(0.0);
            for indices in indices.chunks_exact(taps.len()) {
                for (target, index) in targets.iter_mut().zip(indices) {
                    *target += padded[*index];
                }
            }
        }
    });
    sums
}

/// A band of all places of some blocks of outputs.
struct Task<'a> {
    sum: &'a Sum<'a>,
    layout: &'a Layout,
    band: &'a Band,
    group: usize,
    blocks: Range<usize>,
    at_once: usize,
    weights: &'a Weights<'a>,
    output: &'a Output<'a>,
}

struct Dispatched<'a> {
    task: Task<'a>,
    /// Memory for the band.
    packed: &'a mut [f32],
    workspace: &'a mut [f32],
}

impl WithSimd for Dispatched<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self) {
        let Self { task, packed, workspace } = self;
        let Task { sum, layout, band, .. } = &task;
        let inputs = sum.from.channels / sum.groups;
        let channels = task.group * inputs..(task.group + 1) * inputs;
        layout.pack(band, sum.input, &sum.from, channels, &sum.prologue, packed);
        let wide = tile::lanes::<S>() >= 8;
        match task.at_once {
            8 => task.convolve::<S, 8, 3>(packed, workspace),
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
struct Piece {
    /// In the tile.
    start: usize,
    count: usize,
    image: usize,
    row: usize,
    column: usize,
}

impl Task<'_> {
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
                        for beside in (0..values.min(places - start)).step_by(width) {
                            // SAFETY: checked above for all tiles; `M * values` is at most the length of `sums`.
                            unsafe {
                                tile::sum::<S, M, V>(
                                    packed.as_ptr().add(start + beside),
                                    inputs,
                                    channel,
                                    taps,
                                    weights.as_ptr(),
                                    kernels,
                                    sums.as_mut_ptr().add(beside),
                                    values,
                                );
                            }
                        }
                    }
                    let (line, finished) = match step {
                        1 => (values, &*sums),
                        _ => {
                            interleave(sums, step, M * values, mixed);
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
    #[inline(always)]
    fn pieces(&self, values: usize) -> (Vec<Piece>, Vec<usize>) {
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
                    pieces.push(Piece { start: from - start, count, image, row, column: from - line * pitch });
                }
            }
            ends.push(pieces.len());
        }
        (pieces, ends)
    }

    /// Finishes the sums of a piece, in the order of pixels, and stores them.
    #[inline(always)]
    fn store<S: Simd>(&self, piece: &Piece, output: usize, row_phase: usize, sums: &[f32], twice: &mut [f32]) {
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

/// Takes a value of each phase in turn, `count` times.
#[inline(always)]
fn interleave(sums: &[f32], step: usize, count: usize, mixed: &mut [f32]) {
    if step == 2 {
        let (even, odd) = (&sums[..count], &sums[TILE..TILE + count]);
        for (pair, (even, odd)) in mixed.chunks_exact_mut(2).zip(even.iter().zip(odd)) {
            pair[0] = *even;
            pair[1] = *odd;
        }
        return;
    }
    for (phase, sums) in sums.chunks_exact(TILE).take(step).enumerate() {
        for (value, sum) in mixed[phase..].iter_mut().step_by(step).zip(&sums[..count]) {
            *value = *sum;
        }
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
