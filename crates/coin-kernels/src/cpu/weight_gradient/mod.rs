//! The gradient by the weights: how each output's gradient and each tap's input vary together over all places.

mod over_outputs;
mod over_places;

use std::ops::Range;

use macerator::{Arch, Simd, WithSimd};

use super::band::{Band, Layout, Map};
use super::buffers::Buffer;
use super::tasks::{self, Output};
use crate::stencil::{Stencil, Tap};

/// Tasks to aim for, whatever the number of cores: what a task adds up decides the last digits.
const TASKS: usize = 16;
/// Sums kept before they are added up.
const MOST_SUMS: usize = 1 << 19;
/// With more outputs of a group than these, vectors are outputs.
const NARROW: usize = 16;
/// Outputs of a share, of a narrow and of a wide convolution.
const FEWEST_OUTPUTS: [usize; 2] = [8, 64];
/// Sums of a share that stay in a core's own cache while it goes from band to band.
const CACHED_SUMS: usize = 1 << 17;
/// Sums that a task adds up.
const ADDED_AT_ONCE: usize = 1 << 14;

/// What is computed.
pub struct WeightGradient<'a> {
    pub stencil: &'a Stencil,
    pub groups: usize,
    pub input: &'a [f32],
    pub from: Map,
    /// Of the output.
    pub gradient: &'a [f32],
    pub to: Map,
    /// Values of a kernel.
    pub kernel: usize,
}

impl WeightGradient<'_> {
    /// `[outputs, inputs / groups, kernel]`.
    pub fn compute(&self, arch: Arch) -> Buffer {
        let (inputs, outputs) = (self.from.channels / self.groups, self.to.channels / self.groups);
        let group = outputs * inputs * self.kernel;
        let length = self.groups * group;
        if length == 0 || self.to.len() == 0 {
            let mut none = Buffer::unwritten(length);
            none.fill(0.0);
            return none;
        }
        let step = self.stencil.output_step;
        let [rows, columns] = [self.to.height, self.to.width].map(|side| side.div_ceil(step));
        let layout = Layout::new(self.stencil, [self.from.height, self.from.width], [rows, columns]);
        let taps: usize = self.stencil.phases.iter().map(Vec::len).sum();
        let work = 2 * self.to.batch * rows * columns * taps * inputs * self.to.channels;
        let bands = |channels| layout.bands(self.to.batch, rows, channels, TASKS.div_ceil(self.groups));
        // Runs of bands have sums of their own, fewer where the weights are many; channels are shared where runs are few.
        let runs = TASKS.div_ceil(self.groups).min(MOST_SUMS.div_ceil(length)).min(bands(inputs + outputs).len());
        let fewest = FEWEST_OUTPUTS[usize::from(self.is_wide())];
        let shares = TASKS.div_ceil(runs * self.groups).clamp(1, outputs.div_ceil(fewest));
        let output_share = outputs.div_ceil(shares).next_multiple_of(fewest);
        let shares = if self.is_wide() { (inputs * taps * output_share).div_ceil(CACHED_SUMS) } else { 1 };
        let input_share = inputs.div_ceil(shares);
        let [output_shares, input_shares] = [outputs.div_ceil(output_share), inputs.div_ceil(input_share)];
        let bands = bands(input_share + output_share.min(outputs));
        let run = bands.len().div_ceil(runs);
        let runs = bands.len().div_ceil(run);

        let mut sums = Buffer::unwritten(runs * length);
        let output = Output::new(&mut sums);
        tasks::run(runs * self.groups * output_shares * input_shares, work, |task| {
            let (rest, first) = (task / input_shares, task % input_shares * input_share);
            let own_inputs = first..inputs.min(first + input_share);
            let (rest, first) = (rest / output_shares, rest % output_shares * output_share);
            let own_outputs = first..outputs.min(first + output_share);
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
            let share =
                Share { sum: self, layout: &layout, bands, group: of, inputs: own_inputs, outputs: own_outputs };
            tasks::with_scratch(share.scratch(), |scratch| {
                // SAFETY: `arch` was detected, or is one that a test found available.
                unsafe { arch.dispatch(Task { share, scratch, target }) }
            });
        });
        if runs == 1 { sums } else { added(&sums, length) }
    }

    fn is_wide(&self) -> bool {
        self.to.channels / self.groups > NARROW
    }
}

/// The sum of all runs' sums, `length` each.
fn added(sums: &[f32], length: usize) -> Buffer {
    let mut total = Buffer::unwritten(length);
    let output = Output::new(&mut total);
    tasks::run(length.div_ceil(ADDED_AT_ONCE), sums.len(), |task| {
        let start = task * ADDED_AT_ONCE;
        let count = ADDED_AT_ONCE.min(length - start);
        // SAFETY: each task has sums of its own.
        let target = unsafe { output.slice(start, count) };
        target.copy_from_slice(&sums[start..][..count]);
        for run in sums.chunks_exact(length).skip(1) {
            target.iter_mut().zip(&run[start..]).for_each(|(total, sum)| *total += sum);
        }
    });
    total
}

/// Some inputs and outputs of a group, over some bands.
struct Share<'a> {
    sum: &'a WeightGradient<'a>,
    layout: &'a Layout,
    bands: &'a [Band],
    group: usize,
    inputs: Range<usize>,
    outputs: Range<usize>,
}

/// An input of a share, seen through a tap.
struct Column<'a> {
    /// From a place in the packed band.
    distance: usize,
    input: usize,
    tap: &'a Tap,
}

impl Share<'_> {
    fn input_channels(&self) -> Range<usize> {
        let first = self.group * (self.sum.from.channels / self.sum.groups);
        first + self.inputs.start..first + self.inputs.end
    }

    fn output_channels(&self) -> Range<usize> {
        let first = self.group * (self.sum.to.channels / self.sum.groups);
        first + self.outputs.start..first + self.outputs.end
    }

    /// Values of memory that the largest band needs.
    fn scratch(&self) -> usize {
        let of = if self.sum.is_wide() { over_outputs::scratch } else { over_places::scratch };
        self.bands.iter().map(|band| of(self, band)).max().unwrap_or(0)
    }

    /// The columns of the correlation with the outputs of a phase.
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

/// Where a task's sums go: `[outputs, inputs, kernel]`, with those of other tasks between one output and the next.
struct Target<'a> {
    sums: &'a Output<'a>,
    first: usize,
    /// Values from one output to the next.
    row: usize,
    /// Values of an output.
    count: usize,
    outputs: usize,
}

impl<'a> Target<'a> {
    /// `[inputs, kernel]` of each output, zeros.
    fn outputs(self) -> Vec<&'a mut [f32]> {
        let start = |output: usize| self.first + output * self.row;
        // SAFETY: each task has a run, a group, and outputs and inputs of its own, and this takes them for good.
        let mut outputs: Vec<_> =
            (0..self.outputs).map(|output| unsafe { self.sums.slice(start(output), self.count) }).collect();
        outputs.iter_mut().for_each(|values| values.fill(0.0));
        outputs
    }
}

struct Task<'a> {
    share: Share<'a>,
    scratch: &'a mut [f32],
    target: Target<'a>,
}

impl WithSimd for Task<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self) {
        let Self { share, scratch, target } = self;
        if share.sum.is_wide() {
            over_outputs::add::<S>(&share, scratch, target);
        } else {
            over_places::add::<S>(&share, scratch, target);
        }
    }
}
