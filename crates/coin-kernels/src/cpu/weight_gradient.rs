//! The gradient by the weights: how each output's gradient and each tap's input vary together over all places.

use std::ops::Range;

use macerator::{Arch, Simd, WithSimd};

use super::band::{Band, Layout, Map, Prologue};
use super::tasks::{self, Output};
use super::tile;
use crate::stencil::{Stencil, Tap};

/// Tasks to aim for, whatever the number of cores: what a task adds up decides the last digits.
const TASKS: usize = 16;
/// Sums kept before they are added up.
const MOST_SUMS: usize = 1 << 21;
/// Outputs of a share.
const FEWEST_OUTPUTS: usize = 8;
/// Values of the widest vector.
const WIDEST: usize = 16;

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
    pub fn compute(&self, arch: Arch) -> Vec<f32> {
        let (inputs, outputs) = (self.from.channels / self.groups, self.to.channels / self.groups);
        let group = outputs * inputs * self.kernel;
        let length = self.groups * group;
        if length == 0 || self.to.len() == 0 {
            return vec![0.0; length];
        }
        let step = self.stencil.output_step;
        let [rows, columns] = [self.to.height, self.to.width].map(|side| side.div_ceil(step));
        let layout = Layout::new(self.stencil, [self.from.height, self.from.width], [rows, columns]);
        let bands = layout.bands(self.to.batch, rows, inputs + outputs, TASKS.div_ceil(self.groups));
        // Runs of bands have sums of their own, fewer where the weights are many; outputs are shared where runs are few.
        let runs = TASKS.div_ceil(self.groups).min(MOST_SUMS.div_ceil(length)).min(bands.len());
        let run = bands.len().div_ceil(runs);
        let runs = bands.len().div_ceil(run);
        let shares = TASKS.div_ceil(runs * self.groups).clamp(1, outputs.div_ceil(FEWEST_OUTPUTS));
        let share = outputs.div_ceil(shares);
        let shares = outputs.div_ceil(share);
        let taps: usize = self.stencil.phases.iter().map(Vec::len).sum();
        let work = 2 * self.to.batch * rows * layout.columns * taps * inputs * self.to.channels;

        let mut sums = vec![0.0; runs * length];
        let output = Output::new(&mut sums);
        tasks::run(runs * self.groups * shares, work, |task| {
            let (number, rest) = (task / (self.groups * shares), task % (self.groups * shares));
            let (of, first) = (rest / shares, rest % shares * share);
            let own = first..outputs.min(first + share);
            let start = number * length + of * group + own.start * inputs * self.kernel;
            // SAFETY: each task has a run, a group and outputs of its own.
            let target = unsafe { output.slice(start, own.len() * inputs * self.kernel) };
            for band in bands[number * run..].iter().take(run) {
                let gradients = Gradients { pitch: layout.pitch, rows: layout.plane_rows(band), step };
                let (outputs, target, split) = (own.clone(), &mut *target, layout.length(band, inputs));
                tasks::with_scratch(split + gradients.length(band, own.len()), |scratch| {
                    let (packed, gradient) = scratch.split_at_mut(split);
                    let (sum, layout, group) = (self, &layout, of);
                    let task = Task { sum, layout, gradients, band, group, outputs, target, packed, gradient };
                    // SAFETY: `arch` was detected, or is one that a test found available.
                    unsafe { arch.dispatch(task) }
                });
            }
        });
        let (total, others) = sums.split_at_mut(length);
        for other in others.chunks_exact(length) {
            total.iter_mut().zip(other).for_each(|(total, other)| *total += other);
        }
        sums.truncate(length);
        sums
    }
}

/// A band, and some outputs of a group.
struct Task<'a> {
    sum: &'a WeightGradient<'a>,
    layout: &'a Layout,
    band: &'a Band,
    group: usize,
    outputs: Range<usize>,
    target: &'a mut [f32],
    gradients: Gradients,
    /// Memory for the band's inputs.
    packed: &'a mut [f32],
    /// Memory for the band's gradients.
    gradient: &'a mut [f32],
}

impl WithSimd for Task<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self) {
        match tile::lanes::<S>() {
            16 => self.compute::<S, 4, 6>(),
            4 if cfg!(target_arch = "aarch64") => self.compute::<S, 4, 6>(),
            _ => self.compute::<S, 3, 3>(),
        }
    }
}

impl Task<'_> {
    #[inline(always)]
    fn compute<S: Simd, const M: usize, const J: usize>(self) {
        let Self { sum, layout, band, group, outputs, target, gradients, packed, gradient } = self;
        let inputs = sum.from.channels / sum.groups;
        let first = group * (sum.to.channels / sum.groups);
        layout.pack(band, sum.input, &sum.from, group * inputs..(group + 1) * inputs, &Prologue::default(), packed);
        gradients.pack(band, sum.gradient, &sum.to, first + outputs.start..first + outputs.end, gradient);
        let count = layout.places(band).next_multiple_of(tile::lanes::<S>());
        assert!(count <= gradients.plane(band), "a plane is a whole number of vectors");
        for (phase, taps) in sum.stencil.phases.iter().enumerate() {
            let gradient = &gradient[phase * gradients.plane(band)..];
            let of_output = gradients.output(band);
            let columns = columns(sum, layout, band, taps);
            for (o, target) in (0..outputs.len()).step_by(M).zip(target.chunks_mut(M * inputs * sum.kernel)) {
                // Past the last output its own values again, which are not stored.
                let mut left = [gradient.as_ptr(); M];
                for (m, left) in left.iter_mut().enumerate() {
                    let values = &gradient[(o + m).min(outputs.len() - 1) * of_output..];
                    assert!(count <= values.len(), "vectors end within the plane");
                    *left = values.as_ptr();
                }
                for columns in columns.chunks(J) {
                    let mut right = [packed.as_ptr(); J];
                    for (j, right) in right.iter_mut().enumerate() {
                        let values = &packed[columns[j.min(columns.len() - 1)].0..];
                        assert!(count <= values.len(), "vectors end in the slack");
                        *right = values.as_ptr();
                    }
                    // SAFETY: each pointer has `count` values behind it, as just checked.
                    let found = unsafe { tile::correlate::<S, M, J>(left, right, count) };
                    for (target, found) in target.chunks_exact_mut(inputs * sum.kernel).zip(found) {
                        for ((_, input, tap), found) in columns.iter().zip(found) {
                            tap.weights.iter().for_each(|weight| target[input * sum.kernel + weight] += found);
                        }
                    }
                }
            }
        }
    }
}

/// Distance in the packed band, input channel and tap of each column of the correlation.
#[inline(always)]
fn columns<'a>(
    sum: &WeightGradient<'_>,
    layout: &Layout,
    band: &Band,
    taps: &'a [Tap],
) -> Vec<(usize, usize, &'a Tap)> {
    let inputs = sum.from.channels / sum.groups;
    let distances = taps.iter().map(|tap| (layout.distance(band, sum.stencil, tap.offset), tap));
    let distances: Vec<(usize, &Tap)> = distances.collect();
    let all = (0..inputs).flat_map(|input| distances.iter().map(move |&(distance, tap)| (input, distance, tap)));
    all.map(|(input, distance, tap)| (input * layout.channel(band) + distance, input, tap)).collect()
}

/// How gradients are laid out: the places of a band as in its [`Layout`], zeros in the padding, a plane a phase.
struct Gradients {
    pitch: usize,
    rows: usize,
    step: usize,
}

impl Gradients {
    fn plane(&self, band: &Band) -> usize {
        (band.images.len() * self.rows * self.pitch).next_multiple_of(WIDEST)
    }

    fn output(&self, band: &Band) -> usize {
        self.step * self.step * self.plane(band)
    }

    fn length(&self, band: &Band, outputs: usize) -> usize {
        outputs * self.output(band)
    }

    #[inline(always)]
    fn pack(&self, band: &Band, source: &[f32], map: &Map, channels: Range<usize>, packed: &mut [f32]) {
        let phases = (0..self.step).flat_map(|row| (0..self.step).map(move |column| (row, column)));
        let planes = channels.flat_map(|channel| phases.clone().map(move |phase| (channel, phase)));
        for ((channel, (row_phase, column_phase)), plane) in planes.zip(packed.chunks_exact_mut(self.plane(band))) {
            let mut lines = plane.chunks_exact_mut(self.pitch);
            for image in band.images.clone() {
                for (row, target) in (0..self.rows).zip(lines.by_ref()) {
                    let from = (band.rows.start + row) * self.step + row_phase;
                    if row >= band.rows.len() || from >= map.height {
                        target.fill(0.0);
                        continue;
                    }
                    let start = map.row(image, channel, from);
                    let line = &source[start + column_phase.min(map.width)..start + map.width];
                    let (values, padding) = target.split_at_mut(line.len().div_ceil(self.step));
                    match self.step {
                        1 => values.copy_from_slice(line),
                        step => values.iter_mut().zip(line.chunks(step)).for_each(|(to, from)| *to = from[0]),
                    }
                    padding.fill(0.0);
                }
            }
            let whole = band.images.len() * self.rows * self.pitch;
            plane[whole..].fill(0.0);
        }
    }
}
