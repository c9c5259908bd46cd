//! Weight gradients: the correlation of each output's gradient with each tap's input over all positions.

mod over_outputs;
mod over_positions;

use std::ops::Range;

use macerator::{Arch, Simd, WithSimd};

use super::band::{Band, Layout, Map};
use super::buffers::Buffer;
use super::tasks::{self, Output};
use crate::stencil::{Stencil, Tap};

/// Tasks to aim for. It is independent of the number of cores, because the summation order affects rounding.
const TASKS: usize = 16;
/// Most partial sums kept before they are reduced.
const MAX_SUMS: usize = 1 << 19;
/// With more outputs per group, vectors run over outputs.
const NARROW: usize = 16;
/// Smallest number of outputs of a partition, for narrow and wide convolutions.
const MIN_OUTPUTS: [usize; 2] = [8, 64];
/// Partial sums of a partition that stay in a core's private cache from band to band.
const CACHED_SUMS: usize = 1 << 17;
/// Sums that one task reduces.
const ADDED_AT_ONCE: usize = 1 << 14;

/// The gradient of a convolution with respect to its weight.
pub struct WeightGradient<'a> {
    pub stencil: &'a Stencil,
    pub groups: usize,
    pub input: &'a [f32],
    pub from: Map,
    /// Gradient with respect to the output.
    pub gradient: &'a [f32],
    pub to: Map,
    /// Values in a kernel.
    pub kernel: usize,
}

impl WeightGradient<'_> {
    /// Computes the gradient, `[outputs, inputs / groups, kernel]`.
    pub fn compute(&self, arch: Arch) -> Buffer {
        let (inputs, outputs) = (self.from.channels / self.groups, self.to.channels / self.groups);
        let group = outputs * inputs * self.kernel;
        let length = self.groups * group;
        if length == 0 || self.to.len() == 0 {
            let mut none = Buffer::unspecified(length);
            none.fill(0.0);
            return none;
        }
        let step = self.stencil.output_step;
        let [rows, columns] = [self.to.height, self.to.width].map(|side| side.div_ceil(step));
        let layout = Layout::new(self.stencil, [self.from.height, self.from.width], [rows, columns]);
        let taps: usize = self.stencil.phases.iter().map(Vec::len).sum();
        let work = 2 * self.to.batch * rows * columns * taps * inputs * self.to.channels;
        let bands = |channels| layout.bands(self.to.batch, rows, channels, TASKS.div_ceil(self.groups));
        // Each run of bands has its own partial sums; many weights mean fewer runs, and few runs mean split channels.
        let runs = TASKS.div_ceil(self.groups).min(MAX_SUMS.div_ceil(length)).min(bands(inputs + outputs).len());
        let fewest = MIN_OUTPUTS[usize::from(self.is_wide())];
        let partitions = TASKS.div_ceil(runs * self.groups).clamp(1, outputs.div_ceil(fewest));
        let output_partition = outputs.div_ceil(partitions).next_multiple_of(fewest);
        let partitions = if self.is_wide() { (inputs * taps * output_partition).div_ceil(CACHED_SUMS) } else { 1 };
        let input_partition = inputs.div_ceil(partitions);
        let [output_partitions, input_partitions] =
            [outputs.div_ceil(output_partition), inputs.div_ceil(input_partition)];
        let bands = bands(input_partition + output_partition.min(outputs));
        let run = bands.len().div_ceil(runs);
        let runs = bands.len().div_ceil(run);

        let mut sums = Buffer::unspecified(runs * length);
        let output = Output::new(&mut sums);
        tasks::run(runs * self.groups * output_partitions * input_partitions, work, |task| {
            let (rest, first) = (task / input_partitions, task % input_partitions * input_partition);
            let own_inputs = first..inputs.min(first + input_partition);
            let (rest, first) = (rest / output_partitions, rest % output_partitions * output_partition);
            let own_outputs = first..outputs.min(first + output_partition);
            let (number, of) = (rest / self.groups, rest % self.groups);
            let bands = &bands[number * run..bands.len().min((number + 1) * run)];
            let row = inputs * self.kernel;
            let target = Target {
                sums: &output,
                first: number * length + of * group + own_outputs.start * row + own_inputs.start * self.kernel,
                row,
                count: own_inputs.len() * self.kernel,
                outputs: own_outputs.len(),
            };
            let partition =
                Partition { sum: self, layout: &layout, bands, group: of, inputs: own_inputs, outputs: own_outputs };
            tasks::with_scratch(partition.scratch(), |scratch| {
                // SAFETY: `arch` was detected at run time, or found available by a test.
                unsafe { arch.dispatch(Task { partition, scratch, target }) }
            });
        });
        if runs == 1 { sums } else { reduced(&sums, length) }
    }

    fn is_wide(&self) -> bool {
        self.to.channels / self.groups > NARROW
    }
}

/// Reduces the partial sums of all runs, `length` values each.
fn reduced(sums: &[f32], length: usize) -> Buffer {
    let mut total = Buffer::unspecified(length);
    let output = Output::new(&mut total);
    tasks::run(length.div_ceil(ADDED_AT_ONCE), sums.len(), |task| {
        let start = task * ADDED_AT_ONCE;
        let count = ADDED_AT_ONCE.min(length - start);
        // SAFETY: tasks write disjoint ranges.
        let target = unsafe { output.slice(start, count) };
        target.copy_from_slice(&sums[start..][..count]);
        for run in sums.chunks_exact(length).skip(1) {
            target.iter_mut().zip(&run[start..]).for_each(|(total, sum)| *total += sum);
        }
    });
    total
}

/// A range of inputs and outputs of a group, over several bands.
struct Partition<'a> {
    sum: &'a WeightGradient<'a>,
    layout: &'a Layout,
    bands: &'a [Band],
    group: usize,
    inputs: Range<usize>,
    outputs: Range<usize>,
}

/// An input of a partition read through a tap.
struct Column<'a> {
    /// From a position in the packed band.
    distance: usize,
    input: usize,
    tap: &'a Tap,
}

impl Partition<'_> {
    fn input_channels(&self) -> Range<usize> {
        let first = self.group * (self.sum.from.channels / self.sum.groups);
        first + self.inputs.start..first + self.inputs.end
    }

    fn output_channels(&self) -> Range<usize> {
        let first = self.group * (self.sum.to.channels / self.sum.groups);
        first + self.outputs.start..first + self.outputs.end
    }

    /// Scratch values that the largest band needs.
    fn scratch(&self) -> usize {
        let of = if self.sum.is_wide() { over_outputs::scratch } else { over_positions::scratch };
        self.bands.iter().map(|band| of(self, band)).max().unwrap_or(0)
    }

    /// The columns to correlate with the outputs of a phase.
    #[inline(always)]
    fn columns<'a>(&self, band: &Band, taps: &'a [Tap]) -> Vec<Column<'a>> {
        let channel = self.layout.channel(band);
        let distances = taps.iter().map(|tap| (self.layout.distance(band, self.sum.stencil, tap.offset), tap));
        let distances: Vec<(usize, &Tap)> = distances.collect();
        let of = |input: usize| {
            let columns = distances.iter();
            columns.map(move |&(distance, tap)| Column { distance: input * channel + distance, input, tap })
        };
        (0..self.inputs.len()).flat_map(of).collect()
    }
}

/// Where a task writes its sums: `[outputs, inputs, kernel]`, with other tasks' sums between two outputs.
struct Target<'a> {
    sums: &'a Output<'a>,
    first: usize,
    /// Values from one output to the next.
    row: usize,
    /// Values per output.
    count: usize,
    outputs: usize,
}

impl<'a> Target<'a> {
    /// Zeroes and returns the `[inputs, kernel]` values of each output.
    fn outputs(self) -> Vec<&'a mut [f32]> {
        let start = |output: usize| self.first + output * self.row;
        // SAFETY: each task has its own run, group, outputs and inputs, and this method consumes the target.
        let mut outputs: Vec<_> =
            (0..self.outputs).map(|output| unsafe { self.sums.slice(start(output), self.count) }).collect();
        outputs.iter_mut().for_each(|values| values.fill(0.0));
        outputs
    }
}

struct Task<'a> {
    partition: Partition<'a>,
    scratch: &'a mut [f32],
    target: Target<'a>,
}

impl WithSimd for Task<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self) {
        let Self { partition, scratch, target } = self;
        if partition.sum.is_wide() {
            over_outputs::add::<S>(&partition, scratch, target);
        } else {
            over_positions::add::<S>(&partition, scratch, target);
        }
    }
}
