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
/// From so many outputs of a group on, vectors are outputs.
const WIDE: usize = 16;
/// Outputs of a share, of a narrow and of a wide convolution.
const FEWEST_OUTPUTS: [usize; 2] = [8, 32];
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
        let bands = layout.bands(self.to.batch, rows, inputs + outputs, TASKS.div_ceil(self.groups));
        // Runs of bands have sums of their own, fewer where the weights are many; outputs are shared where runs are few.
        let runs = TASKS.div_ceil(self.groups).min(MOST_SUMS.div_ceil(length)).min(bands.len());
        let run = bands.len().div_ceil(runs);
        let runs = bands.len().div_ceil(run);
        let fewest = FEWEST_OUTPUTS[usize::from(outputs >= WIDE)];
        let shares = TASKS.div_ceil(runs * self.groups).clamp(1, outputs.div_ceil(fewest));
        let share = outputs.div_ceil(shares).next_multiple_of(fewest);
        let shares = outputs.div_ceil(share);
        let taps: usize = self.stencil.phases.iter().map(Vec::len).sum();
        let work = 2 * self.to.batch * rows * columns * taps * inputs * self.to.channels;

        let mut sums = Buffer::unwritten(runs * length);
        let output = Output::new(&mut sums);
        tasks::run(runs * self.groups * shares, work, |task| {
            let (number, rest) = (task / (self.groups * shares), task % (self.groups * shares));
            let (of, first) = (rest / shares, rest % shares * share);
            let own = first..outputs.min(first + share);
            let start = number * length + of * group + own.start * inputs * self.kernel;
            // SAFETY: each task has a run, a group and outputs of its own.
            let target = unsafe { output.slice(start, own.len() * inputs * self.kernel) };
            let bands = &bands[number * run..bands.len().min((number + 1) * run)];
            let share = Share { sum: self, layout: &layout, bands, group: of, outputs: own };
            tasks::with_scratch(share.scratch(), |scratch| {
                // SAFETY: `arch` was detected, or is one that a test found available.
                unsafe { arch.dispatch(Task { share, scratch, target }) }
            });
        });
        if runs == 1 { sums } else { added(&sums, length) }
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

/// Some outputs of a group, over some bands.
struct Share<'a> {
    sum: &'a WeightGradient<'a>,
    layout: &'a Layout,
    bands: &'a [Band],
    group: usize,
    outputs: Range<usize>,
}

/// An input of a group, seen through a tap.
struct Column<'a> {
    /// From a place in the packed band.
    distance: usize,
    input: usize,
    tap: &'a Tap,
}

impl Share<'_> {
    fn inputs(&self) -> usize {
        self.sum.from.channels / self.sum.groups
    }

    fn input_channels(&self) -> Range<usize> {
        self.group * self.inputs()..(self.group + 1) * self.inputs()
    }

    fn output_channels(&self) -> Range<usize> {
        let first = self.group * (self.sum.to.channels / self.sum.groups);
        first + self.outputs.start..first + self.outputs.end
    }

    fn is_wide(&self) -> bool {
        self.sum.to.channels / self.sum.groups >= WIDE
    }

    /// Values of memory that the largest band needs.
    fn scratch(&self) -> usize {
        let of = if self.is_wide() { over_outputs::scratch } else { over_places::scratch };
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
        (0..self.inputs()).flat_map(of).collect()
    }
}

struct Task<'a> {
    share: Share<'a>,
    scratch: &'a mut [f32],
    /// `[outputs, inputs, kernel]`.
    target: &'a mut [f32],
}

impl WithSimd for Task<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self) {
        let Self { share, scratch, target } = self;
        target.fill(0.0);
        if share.is_wide() {
            over_outputs::add::<S>(&share, scratch, target);
        } else {
            over_places::add::<S>(&share, scratch, target);
        }
    }
}
