//! Convolutions and their input gradients: one sum for all of them, see [`crate::stencil`].

mod task;
mod weights;
mod winograd;

use macerator::Arch;

use super::band::{Layout, Map, Prologue};
use super::buffers::Buffer;
use super::tasks::{self, Output};
use super::tile;
use crate::stencil::Stencil;
use task::{Dispatched, Task, WORKSPACE};
use weights::Weights;
pub use weights::parities;

/// What is computed.
#[derive(Clone, Copy)]
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
        if winograd::suits(self, arch) {
            let stencil = &Stencil::patches();
            return Sum { stencil, ..*self }.compute_as(arch, true);
        }
        self.compute_as(arch, false)
    }

    /// By [`winograd`] if its stencil is of patches, or tap by tap.
    fn compute_as(&self, arch: Arch, patches: bool) -> Buffer {
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
        let at_once = if patches { winograd::OUTPUTS } else { tile::outputs_at_once(arch, outputs) };
        let weights = if patches { Weights::of_patches(self) } else { Weights::of(self) };
        let wanted = tasks::wanted(work);
        let bands = layout.bands(self.to.batch, rows, inputs, wanted.div_ceil(self.groups));
        // Where images are too few and small to go round, cores share the outputs instead.
        let blocks = outputs.div_ceil(at_once);
        let shares = wanted.div_ceil(bands.len() * self.groups).clamp(1, blocks);
        let share = blocks.div_ceil(shares);
        let shares = blocks.div_ceil(share);
        let output = Output::new(&mut values);
        let beside = WORKSPACE + if patches { winograd::workspace(inputs) } else { 0 };
        tasks::run(bands.len() * self.groups * shares, work, |task| {
            let (band, rest) = (&bands[task / (self.groups * shares)], task % (self.groups * shares));
            let (group, first) = (rest / shares, rest % shares * share);
            let blocks = first..blocks.min(first + share);
            let length = layout.length(band, inputs);
            tasks::with_scratch(length + beside, |scratch| {
                let (packed, workspace) = scratch.split_at_mut(length);
                let (sum, layout, weights, output) = (self, &layout, &weights, &output);
                let task = Task { sum, layout, band, group, blocks, at_once, weights, output };
                // SAFETY: `arch` was detected, or is one that a test found available.
                unsafe {
                    if patches {
                        arch.dispatch(winograd::Dispatched { task, packed, workspace })
                    } else {
                        arch.dispatch(Dispatched { task, packed, workspace })
                    }
                }
            });
        });
        values
    }
}
