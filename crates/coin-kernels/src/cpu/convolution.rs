//! Convolutions and their input gradients: one sum for all of them, see [`crate::stencil`].

use std::borrow::Cow;
use std::ops::Range;

use macerator::{Arch, Simd, WithSimd};

use super::band::{Band, Layout, Map, Prologue};
use super::buffers::Buffer;
use super::tasks::{self, Output};
use super::tile::{self, Finish, Kernels, MOST_OUTPUTS, MOST_VALUES, Reach};
use crate::convolution::MOST_STRIDE as MOST_STEP;
use crate::stencil::{Stencil, Tap};

/// Kernels whose weights a task sums.
const SUMMED_AT_ONCE: usize = 256;

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
            tasks::with_scratch(layout.length(band, inputs), |packed| {
                let (sum, layout, weights, output) = (self, &layout, &weights, &output);
                let task = Task { sum, layout, band, group, blocks, at_once, weights, output, packed };
                // SAFETY: `arch` was detected, or is one that a test found available.
                unsafe { arch.dispatch(task) }
            });
        });
        values
    }
}

/// The kernels of all outputs and inputs, a weight a tap, in the order in which they were given.
struct Weights<'a> {
    values: Cow<'a, [f32]>,
    /// Weights of a group.
    group: usize,
    kernels: Kernels,
    /// Index within a kernel of the weight of each tap, phase by phase.
    taps: Vec<Vec<usize>>,
}

impl<'a> Weights<'a> {
    fn of(sum: &Sum<'a>) -> Self {
        let phases = &sum.stencil.phases;
        let single = phases.iter().flatten().all(|tap| tap.weights.len() == 1);
        let (values, kernel, taps) = if single {
            let weight = |tap: &Tap| tap.weights.first().copied().unwrap_or(0);
            let taps = phases.iter().map(|taps| taps.iter().map(weight).collect());
            (Cow::Borrowed(sum.weights), sum.kernel, taps.collect())
        } else {
            let mut numbers = 0..;
            let taps = phases.iter().map(|taps| numbers.by_ref().take(taps.len()).collect());
            let taps: Vec<Vec<usize>> = taps.collect();
            (Cow::Owned(summed(sum.weights, sum.kernel, phases)), taps.iter().map(Vec::len).sum(), taps)
        };
        let (inputs, outputs) = (sum.from.channels / sum.groups, sum.to.channels / sum.groups);
        let kernels = match sum.transposed {
            false => Kernels { output: inputs * kernel, input: kernel },
            true => Kernels { output: kernel, input: outputs * kernel },
        };
        Self { values, group: inputs * outputs * kernel, kernels, taps }
    }
}

/// Of each kernel the sum of each tap's weights.
fn summed(weights: &[f32], kernel: usize, phases: &[Vec<Tap>]) -> Vec<f32> {
    let taps: Vec<&Tap> = phases.iter().flatten().collect();
    let mut sums = vec![0.0; weights.len() / kernel * taps.len()];
    let output = Output::new(&mut sums);
    let run = SUMMED_AT_ONCE;
    tasks::run(weights.len().div_ceil(kernel * run), weights.len() * taps.len(), |task| {
        let kernels = weights[task * run * kernel..].chunks_exact(kernel).take(run);
        // SAFETY: each task has kernels of its own.
        let targets = unsafe { output.slice(task * run * taps.len(), kernels.len() * taps.len()) };
        for (kernel, target) in kernels.zip(targets.chunks_exact_mut(taps.len())) {
            for (target, tap) in target.iter_mut().zip(&taps) {
                *target = tap.weights.iter().map(|&weight| kernel[weight]).sum();
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
    /// Memory for the band.
    packed: &'a mut [f32],
}

impl WithSimd for Task<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self) {
        let wide = tile::lanes::<S>() >= 8;
        match self.at_once {
            8 => self.compute::<S, 8, 3>(),
            4 if tile::lanes::<S>() == 16 => self.compute::<S, 4, 6>(),
            4 if wide => self.compute::<S, 4, 3>(),
            4 => self.compute::<S, 4, 2>(),
            2 if wide => self.compute::<S, 2, 6>(),
            2 => self.compute::<S, 2, 4>(),
            _ => self.compute::<S, 1, 8>(),
        }
    }
}

impl Task<'_> {
    #[inline(always)]
    fn compute<S: Simd, const M: usize, const V: usize>(self) {
        let Self { sum, layout, band, .. } = self;
        let inputs = sum.from.channels / sum.groups;
        let channels = self.group * inputs..(self.group + 1) * inputs;
        layout.pack(band, sum.input, &sum.from, channels, &sum.prologue, self.packed);
        self.convolve::<S, M, V>();
    }

    #[inline(always)]
    fn convolve<S: Simd, const M: usize, const V: usize>(&self) {
        let Self { sum, layout, band, weights, packed, .. } = self;
        let (inputs, outputs) = (sum.from.channels / sum.groups, sum.to.channels / sum.groups);
        let step = sum.stencil.output_step;
        let reach = |(tap, weight): (&Tap, &usize)| Reach {
            distance: layout.distance(band, sum.stencil, tap.offset),
            weight: *weight,
        };
        let phases = sum.stencil.phases.iter().zip(&weights.taps);
        let phases: Vec<Vec<Reach>> =
            phases.map(|(taps, weights)| taps.iter().zip(weights).map(reach).collect()).collect();
        let (channel, places, values) = (layout.channel(band), layout.places(band), V * tile::lanes::<S>());
        let all = || phases.iter().flatten();
        let end = places.next_multiple_of(values) + all().map(|tap| tap.distance).max().unwrap_or(0);
        assert!(packed.len() >= inputs.saturating_sub(1) * channel + end, "vectors end in the slack");
        let kernels = weights.kernels;
        let last = (M - 1) * kernels.output + inputs.saturating_sub(1) * kernels.input;
        let last = last + all().map(|tap| tap.weight).max().unwrap_or(0);
        let mut sums = [[0.0; MOST_OUTPUTS * MOST_VALUES]; MOST_STEP];
        let mut mixed = [[0.0; MOST_STEP * MOST_VALUES]; MOST_OUTPUTS];
        for block in self.blocks.clone() {
            // The last block begins early enough to be whole.
            let first = (block * M).min(outputs - M);
            let weights = &weights.values[self.group * weights.group + first * kernels.output..];
            assert!(inputs == 0 || last < weights.len(), "every output has a kernel for every input");
            for (row_phase, phases) in phases.chunks(step).enumerate() {
                for start in (0..places).step_by(values) {
                    for (taps, sums) in phases.iter().zip(&mut sums) {
                        // SAFETY: checked above for all tiles; `M * V * lanes` is at most the length of `sums`.
                        unsafe {
                            tile::sum::<S, M, V>(
                                packed.as_ptr().add(start),
                                inputs,
                                channel,
                                taps,
                                weights.as_ptr(),
                                kernels,
                                sums.as_mut_ptr(),
                            );
                        }
                    }
                    if step > 1 {
                        for m in 0..M {
                            let row = m * values..(m + 1) * values;
                            interleave(sums.each_ref().map(|sums| &sums[row.clone()]), step, &mut mixed[m]);
                        }
                    }
                    for m in block * M - first..M {
                        let sums = if step > 1 { &mixed[m][..] } else { &sums[0][m * values..(m + 1) * values] };
                        self.store::<S>(first + m, row_phase, start..places.min(start + values), sums);
                    }
                }
            }
        }
    }

    /// Finishes the sums of places, `[place, column phase]`, and stores those that are none of the padding.
    #[inline(always)]
    fn store<S: Simd>(&self, output: usize, row_phase: usize, places: Range<usize>, sums: &[f32]) {
        let Self { sum, layout, band, .. } = self;
        let (step, rows, pitch) = (sum.stencil.output_step, layout.plane_rows(band), layout.pitch);
        let output = self.group * (sum.to.channels / sum.groups) + output;
        let mut place = places.start;
        while place < places.end {
            let (line, column) = (place / pitch, place % pitch);
            let (image, row) = (line / rows, line % rows);
            let end = places.end.min((line + 1) * pitch);
            let (start, next) = (place - places.start, end);
            place = next;
            let target_row = (band.rows.start + row) * step + row_phase;
            if row >= band.rows.len() || column >= layout.columns || target_row >= sum.to.height {
                continue;
            }
            let count = (end - (line * pitch + column)).min(layout.columns - column);
            let first = column * step;
            let length = (count * step).min(sum.to.width - first);
            let image = band.images.start + image;
            // SAFETY: every output pixel belongs to one place of one band, of one output channel of one task.
            let target = unsafe { self.output.slice(sum.to.row(image, output, target_row) + first, length) };
            sum.epilogue.apply::<S>(&sums[start * step..], target, image, output, target_row, first);
        }
    }
}

/// Takes a value of each phase in turn.
#[inline(always)]
fn interleave(sums: [&[f32]; MOST_STEP], step: usize, mixed: &mut [f32]) {
    let [even, odd, ..] = sums;
    if step == 2 {
        for (pair, (even, odd)) in mixed.chunks_exact_mut(2).zip(even.iter().zip(odd)) {
            pair[0] = *even;
            pair[1] = *odd;
        }
        return;
    }
    for (phase, sums) in sums[..step].iter().enumerate() {
        for (value, sum) in mixed[phase..].iter_mut().step_by(step).zip(*sums) {
            *value = *sum;
        }
    }
}

impl Epilogue<'_> {
    /// To the sums of a piece of a row that begins at column `first`.
    #[inline(always)]
    fn apply<S: Simd>(&self, sums: &[f32], target: &mut [f32], image: usize, output: usize, row: usize, first: usize) {
        let count = target.len();
        let mut twice = [0.0; MOST_VALUES * MOST_STEP + 2];
        let residual = match &self.residual {
            None => &[],
            Some(Residual { values, map, doubled: false }) => &values[map.row(image, output, row) + first..][..count],
            Some(Residual { values, map, doubled: true }) => {
                let halves = &values[map.row(image, output, row / 2) + first / 2..];
                repeat(&halves[..(first % 2 + count).div_ceil(2)], &mut twice);
                &twice[first % 2..][..count]
            }
        };
        let residual = if residual.is_empty() { std::ptr::null() } else { residual.as_ptr() };
        let finish = Finish { bias: self.bias.map_or(0.0, |bias| bias[output]), residual, relu: self.relu };
        assert!(count <= sums.len(), "every value of a row has a sum");
        // SAFETY: all are of `count` values, as just checked.
        unsafe { tile::finish::<S>(sums.as_ptr(), count, finish, target.as_mut_ptr()) };
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
