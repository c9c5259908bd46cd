//! Narrow convolutions: vectors run over positions. Each output gradient is correlated with each tap's input.

use std::ops::Range;

use macerator::Simd;

use super::super::band::{Band, Map, Prologue};
use super::super::tile;
use super::{Column, Partition, Target};

/// Lanes of the widest vector.
const WIDEST: usize = 16;

/// Scratch values for a band.
pub fn scratch(partition: &Partition<'_>, band: &Band) -> usize {
    let gradients = Gradients::of(partition, band);
    partition.layout.length(band, partition.inputs.len()) + gradients.length(band, partition.outputs.len())
}

/// Adds the gradients of the partition's bands to `target`.
#[inline(always)]
pub fn add<S: Simd>(partition: &Partition<'_>, scratch: &mut [f32], target: Target<'_>) {
    match tile::many_registers::<S>() {
        true => compute::<S, 4, 6>(partition, scratch, target),
        false => compute::<S, 3, 3>(partition, scratch, target),
    }
}

#[inline(always)]
fn compute<S: Simd, const M: usize, const J: usize>(
    partition: &Partition<'_>,
    scratch: &mut [f32],
    target: Target<'_>,
) {
    let Partition { sum, layout, outputs, .. } = partition;
    let inputs = partition.inputs.len();
    let mut targets = target.outputs();
    for band in partition.bands {
        let gradients = Gradients::of(partition, band);
        let (packed, gradient) = scratch.split_at_mut(layout.length(band, inputs));
        layout.pack::<S>(band, sum.input, &sum.from, partition.input_channels(), &Prologue::default(), packed);
        gradients.pack::<S>(band, sum.gradient, &sum.to, partition.output_channels(), gradient);
        let count = layout.positions(band).next_multiple_of(tile::lanes::<S>());
        assert!(count <= gradients.plane(band), "a plane is a whole number of vectors");
        for (phase, taps) in sum.stencil.phases.iter().enumerate() {
            let gradient = &gradient[phase * gradients.plane(band)..];
            let of_output = gradients.output(band);
            let columns = partition.columns(band, taps);
            for o in (0..outputs.len()).step_by(M) {
                // Repeat the last output to fill the tile; those sums are not stored.
                let mut left = [gradient.as_ptr(); M];
                for (m, left) in left.iter_mut().enumerate() {
                    let values = &gradient[(o + m).min(outputs.len() - 1) * of_output..];
                    assert!(count <= values.len(), "vectors end within the plane");
                    *left = values.as_ptr();
                }
                for columns in columns.chunks(J) {
                    let mut right = [packed.as_ptr(); J];
                    for (j, right) in right.iter_mut().enumerate() {
                        let values = &packed[columns[j.min(columns.len() - 1)].distance..];
                        assert!(count <= values.len(), "vectors end in the slack");
                        *right = values.as_ptr();
                    }
                    // SAFETY: each pointer is valid for `count` values, as asserted above.
                    let found = unsafe { tile::correlate::<S, M, J>(left, right, count) };
                    for (target, found) in targets[o..].iter_mut().zip(found) {
                        for (Column { input, tap, .. }, found) in columns.iter().zip(found) {
                            tap.weights.iter().for_each(|weight| target[input * sum.kernel + weight] += found);
                        }
                    }
                }
            }
        }
    }
}

/// Layout of packed gradients: the positions of a band as in its [`Layout`], zeros in the padding, one plane per phase.
struct Gradients {
    pitch: usize,
    rows: usize,
    step: usize,
}

impl Gradients {
    fn of(partition: &Partition<'_>, band: &Band) -> Self {
        let Partition { sum, layout, .. } = partition;
        Self { pitch: layout.pitch, rows: layout.plane_rows(band), step: sum.stencil.output_step }
    }

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
    fn pack<S: Simd>(&self, band: &Band, source: &[f32], map: &Map, channels: Range<usize>, packed: &mut [f32]) {
        let phases = (0..self.step).flat_map(|row| (0..self.step).map(move |column| (row, column)));
        let planes = channels.flat_map(|channel| phases.clone().map(move |phase| (channel, phase)));
        for ((channel, (row_phase, column_phase)), plane) in planes.zip(packed.chunks_exact_mut(self.plane(band))) {
            let mut lines = plane.chunks_exact_mut(self.pitch);
            for image in band.images.clone() {
                for (row, target) in (0..self.rows).zip(lines.by_ref()) {
                    let from = (band.rows.start + row) * self.step + row_phase;
                    if row >= band.rows.len() || from >= map.height {
                        tile::clear(target);
                        continue;
                    }
                    let start = map.row(image, channel, from);
                    let line = &source[start + column_phase.min(map.width)..start + map.width];
                    let (values, padding) = target.split_at_mut(line.len().div_ceil(self.step));
                    match self.step {
                        1 => tile::copy::<S>(line, values),
                        step => tile::copy_strided(line, step, values),
                    }
                    tile::clear(padding);
                }
            }
            let whole = band.images.len() * self.rows * self.pitch;
            plane[whole..].fill(0.0);
        }
    }
}
