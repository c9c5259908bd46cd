//! Convolution weights in the order of the taps.

use std::ops::Deref;

use super::Sum;
use crate::Convolution;
use crate::cpu::buffers::Buffer;
use crate::cpu::planes::vectorised;
use crate::cpu::tasks::{self, Output};
use crate::cpu::tile::Kernels;
use crate::stencil::{Stencil, Tap};

/// Kernels that one task sums.
const SUMMED_AT_ONCE: usize = 256;

/// The kernels of all outputs and inputs, with one weight per tap.
pub struct Weights<'a> {
    pub values: Values<'a>,
    /// Weights in a group.
    pub group: usize,
    pub kernels: Kernels,
    /// Index within a kernel of the weight of each tap, by phase.
    pub taps: Vec<Vec<usize>>,
}

pub enum Values<'a> {
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
    pub fn of(sum: &Sum<'a>) -> Self {
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

    /// Transformed kernels, for the Winograd algorithm.
    pub fn of_patches(sum: &Sum<'a>) -> Self {
        let kernels = Kernels { output: sum.from.channels * PATCH, input: PATCH };
        let values = Values::Summed(transform_kernels(sum.weights));
        Self { values, group: sum.to.channels * kernels.output, kernels, taps: vec![(0..PATCH).collect()] }
    }
}

/// Pixels in a patch, and values in a transformed kernel.
pub const PATCH: usize = 16;

vectorised! {
    /// `G g G^T` of each 3x3 kernel `g`.
    pub fn transform_kernels(weights: &[f32]) -> Buffer {
        let mut transformed = Buffer::unspecified(weights.len() / 9 * PATCH);
        let thirds = |a: f32, b: f32, c: f32| [a, 0.5 * (a + b + c), 0.5 * (a - b + c), c];
        for (kernel, target) in weights.chunks_exact(9).zip(transformed.chunks_exact_mut(PATCH)) {
            let columns: [[f32; 4]; 3] = std::array::from_fn(|j| thirds(kernel[j], kernel[3 + j], kernel[6 + j]));
            for (i, row) in target.chunks_exact_mut(4).enumerate() {
                row.copy_from_slice(&thirds(columns[0][i], columns[1][i], columns[2][i]));
            }
        }
        transformed
    }
}

const PARITIES: [[usize; 16]; 4] = [
    [0, 1, 3, 4, 0, 2, 3, 5, 0, 1, 6, 7, 0, 2, 6, 8],
    [9, 2, 6, 5, 1, 9, 4, 8, 3, 2, 9, 8, 1, 5, 7, 9],
    [9, 9, 9, 7, 9, 9, 6, 9, 9, 4, 9, 9, 3, 9, 9, 9],
    [9, 9, 9, 8, 9, 9, 7, 9, 9, 5, 9, 9, 4, 9, 9, 9],
];
vectorised! {
    /// [`summed`], specialised for 3x3 kernels on an upsampled map.
    fn sum_parities(kernels: &[f32], targets: &mut [f32]) {
        for (kernel, target) in kernels.chunks_exact(9).zip(targets.chunks_exact_mut(16)) {
            let mut padded = [0.0; 10];
            padded[..9].copy_from_slice(kernel);
            let [first, second, third, fourth] = PARITIES;
            for (i, target) in target.iter_mut().enumerate() {
                *target = padded[first[i]] + padded[second[i]] + padded[third[i]] + padded[fourth[i]];
            }
        }
    }
}

/// Folds 3x3 kernels into 4x4 ones, as [`crate::parities`] describes.
pub fn parities(weights: &[f32]) -> Buffer {
    // Per axis, the taps of both phases in the order of a transposed convolution's weights.
    const ORDER: [usize; 4] = [3, 1, 2, 0];
    let sums = summed(weights, 9, &Stencil::forward(&DOUBLED).phases);
    let mut ordered = Buffer::unspecified(sums.len());
    for (sums, ordered) in sums.chunks_exact(16).zip(ordered.chunks_exact_mut(16)) {
        for (i, value) in ordered.iter_mut().enumerate() {
            let (row, column) = (ORDER[i / 4], ORDER[i % 4]);
            *value = sums[8 * (row / 2) + 4 * (column / 2) + 2 * (row % 2) + column % 2];
        }
    }
    ordered
}

/// The upsampling convolution of the networks.
const DOUBLED: Convolution =
    Convolution { kernel: 3, stride: 1, padding: 1, groups: 1, doubled: true, transposed: false };

/// For each kernel, the sum of the weights of each tap.
fn summed(weights: &[f32], kernel: usize, phases: &Vec<Vec<Tap>>) -> Buffer {
    let taps: Vec<&Tap> = phases.iter().flatten().collect();
    let most = taps.iter().map(|tap| tap.weights.len()).max().unwrap_or(0);
    // Weight indices by tap, padded to equal counts with the index of a zero.
    let indices: Vec<usize> = (0..most)
        .flat_map(|number| taps.iter().map(move |tap| tap.weights.get(number).copied().unwrap_or(kernel)))
        .collect();
    let doubled = *phases == Stencil::forward(&DOUBLED).phases;
    let mut sums = Buffer::unspecified(weights.len() / kernel * taps.len());
    let output = Output::new(&mut sums);
    let run = SUMMED_AT_ONCE;
    tasks::run(weights.len().div_ceil(kernel * run), weights.len() * taps.len(), |task| {
        let kernels = &weights[task * run * kernel..weights.len().min((task + 1) * run * kernel)];
        // SAFETY: tasks write the sums of disjoint kernels.
        let targets = unsafe { output.slice(task * run * taps.len(), kernels.len() / kernel * taps.len()) };
        if doubled {
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
