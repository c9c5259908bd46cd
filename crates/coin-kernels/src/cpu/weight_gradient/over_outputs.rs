//! Wide convolutions: vectors run over outputs. At each position, their gradients are multiplied with the inputs of
//! several taps.

use macerator::Simd;

use super::super::band::{Band, Prologue};
use super::super::tile;
use super::{Partition, Target};

/// Outputs of the widest tile.
const MAX_OUTPUTS: usize = 64;
/// Most columns of a tile.
const MAX_COLUMNS: usize = 8;
/// Outputs whose sums are stored together. Rows of weights are often a power-of-two apart and would evict each other
/// from the cache.
const STORED_AT_ONCE: usize = 8;

/// Positions of a band in all phases, without padding.
fn positions(partition: &Partition<'_>, band: &Band) -> usize {
    partition.sum.stencil.phases.len() * band.images.len() * band.rows.len() * partition.layout.columns
}

/// Scratch values for a band, its gradients and the sums.
pub fn scratch(partition: &Partition<'_>, band: &Band) -> usize {
    let width = partition.outputs.len() + MAX_OUTPUTS;
    let taps = partition.sum.stencil.phases.iter().map(|taps| taps.len() * partition.inputs.len() + MAX_COLUMNS);
    partition.layout.length(band, partition.inputs.len()) + (positions(partition, band) + taps.sum::<usize>()) * width
}

/// Adds the gradients of the partition's bands to `target`.
#[inline(always)]
pub fn add<S: Simd>(partition: &Partition<'_>, scratch: &mut [f32], target: Target<'_>) {
    let lanes = tile::lanes::<S>();
    let many_registers = tile::many_registers::<S>();
    let vectors = partition.outputs.len().div_ceil(lanes);
    let most = if many_registers { 4 } else { 3 };
    // The widest tile that needs no more padding than narrower ones.
    let wide = (1..=most).rev().min_by_key(|wide| vectors.next_multiple_of(*wide)).unwrap_or(1);
    match (wide, many_registers) {
        (1, _) => compute::<S, 8, 1>(partition, scratch, target),
        (2, true) => compute::<S, 8, 2>(partition, scratch, target),
        (2, false) => compute::<S, 6, 2>(partition, scratch, target),
        (3, true) => compute::<S, 8, 3>(partition, scratch, target),
        (3, false) => compute::<S, 4, 3>(partition, scratch, target),
        _ => compute::<S, 6, 4>(partition, scratch, target),
    }
}

#[inline(always)]
fn compute<S: Simd, const M: usize, const V: usize>(
    partition: &Partition<'_>,
    scratch: &mut [f32],
    target: Target<'_>,
) {
    let Partition { sum, layout, outputs, .. } = partition;
    let (inputs, wide, phases) = (partition.inputs.len(), V * tile::lanes::<S>(), &sum.stencil.phases);
    let width = outputs.len().next_multiple_of(wide);
    // Sums `[tile of outputs, phase, column, output of the tile]`, padded to whole tiles of columns per phase.
    let room = |taps: usize| (taps * inputs).next_multiple_of(M) * wide;
    let of_tile: usize = phases.iter().map(|taps| room(taps.len())).sum();
    let (sums, scratch) = scratch.split_at_mut(of_tile * (width / wide));
    sums.fill(0.0);
    for band in partition.bands {
        let (gradients, packed) = scratch.split_at_mut(positions(partition, band) * width);
        let packed = &mut packed[..layout.length(band, inputs)];
        layout.pack::<S>(band, sum.input, &sum.from, partition.input_channels(), &Prologue::default(), packed);
        pack(partition, band, width, gradients);
        let rows = layout.plane_rows(band);
        let lines = band.images.len() * band.rows.len();
        let starts = (0..band.images.len()).flat_map(|image| (0..band.rows.len()).map(move |row| image * rows + row));
        let starts: Vec<usize> = starts.map(|line| line * layout.pitch).collect();
        let last = starts.last().map_or(0, |start| start + layout.columns);
        for (tile, sums) in sums.chunks_exact_mut(of_tile).enumerate() {
            let mut rest = sums;
            for (phase, taps) in phases.iter().enumerate() {
                let (sums, others) = std::mem::take(&mut rest).split_at_mut(room(taps.len()));
                rest = others;
                let gradients = &gradients[phase * lines * layout.columns * width + tile * wide..];
                assert!((lines * layout.columns - 1) * width + wide <= gradients.len(), "every position has gradients");
                let columns = partition.columns(band, taps);
                for (columns, sums) in columns.chunks(M).zip(sums.chunks_exact_mut(M * wide)) {
                    // Repeat the last column to fill the tile; those sums are not read.
                    let mut seen = [packed.as_ptr(); M];
                    for (m, seen) in seen.iter_mut().enumerate() {
                        let values = &packed[columns[m.min(columns.len() - 1)].distance..];
                        assert!(last <= values.len(), "every line is within the band");
                        *seen = values.as_ptr();
                    }
                    // SAFETY: all lines of all columns, their gradients and the sums are within their slices, as
                    // asserted above.
                    unsafe {
                        tile::accumulate::<S, M, V>(
                            seen,
                            &starts,
                            layout.columns,
                            gradients.as_ptr(),
                            width,
                            sums.as_mut_ptr(),
                        );
                    }
                }
            }
        }
    }
    for (targets, sums) in target.outputs().chunks_mut(wide).zip(sums.chunks_exact(of_tile)) {
        for (number, targets) in targets.chunks_mut(STORED_AT_ONCE).enumerate() {
            let mut rest = sums;
            for taps in phases {
                let (sums, others) = rest.split_at(room(taps.len()));
                rest = others;
                let columns = (0..inputs).flat_map(|input| taps.iter().map(move |tap| (input, tap)));
                for ((input, tap), sums) in columns.zip(sums.chunks_exact(wide)) {
                    let sums = &sums[number * STORED_AT_ONCE..];
                    for weight in &tap.weights {
                        let weight = input * sum.kernel + weight;
                        targets.iter_mut().zip(sums).for_each(|(target, sum)| target[weight] += sum);
                    }
                }
            }
        }
    }
}

/// Packs the gradients of a band as `[phase, image, row, column, output]`, with zeros after the last output.
#[inline(always)]
fn pack(partition: &Partition<'_>, band: &Band, width: usize, packed: &mut [f32]) {
    let Partition { sum, layout, .. } = partition;
    let (step, to) = (sum.stencil.output_step, &sum.to);
    let mut lines = packed.chunks_exact_mut(layout.columns * width);
    for (row_phase, column_phase) in (0..step).flat_map(|row| (0..step).map(move |column| (row, column))) {
        for image in band.images.clone() {
            for row in band.rows.clone() {
                let Some(line) = lines.next() else { return };
                let row = row * step + row_phase;
                if row >= to.height || partition.outputs.len() < width {
                    line.fill(0.0);
                }
                if row >= to.height {
                    continue;
                }
                for (output, channel) in partition.output_channels().enumerate() {
                    let values = &sum.gradient[to.row(image, channel, row)..][..to.width];
                    let values = &values[column_phase.min(to.width)..];
                    let mut column = 0;
                    while column < layout.columns {
                        let value = values.get(column * step).copied().unwrap_or(0.0);
                        line[column * width + output] = value;
                        column += 1;
                    }
                }
            }
        }
    }
}
