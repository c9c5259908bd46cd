//! Convolutions and their input gradients. One sum covers all of them, see [`crate::stencil`].

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

/// A convolution, or the input gradient of one.
#[derive(Clone, Copy)]
pub struct Sum<'a> {
    pub stencil: &'a Stencil,
    pub groups: usize,
    pub input: &'a [f32],
    pub from: Map,
    pub to: Map,
    /// Kernels `[outputs, inputs / groups, taps]`; for a gradient, those of the forward convolution.
    pub weights: &'a [f32],
    /// Values in a kernel.
    pub kernel: usize,
    /// Whether inputs and outputs are swapped in `weights`.
    pub transposed: bool,
    pub prologue: Prologue<'a>,
    pub epilogue: Epilogue<'a>,
}

/// What is applied to a sum before it is stored.
#[derive(Clone, Copy, Default)]
pub struct Epilogue<'a> {
    /// Added to each output channel.
    pub bias: Option<&'a [f32]>,
    /// Added to each output.
    pub residual: Option<Residual<'a>>,
    /// Whether to apply ReLU.
    pub relu: bool,
}

/// A map of the output's shape, or of half its height and width (`doubled`), upsampled 2x.
#[derive(Clone, Copy)]
pub struct Residual<'a> {
    pub values: &'a [f32],
    pub map: Map,
    pub doubled: bool,
}

impl Sum<'_> {
    /// Computes the outputs, `[batch, channels, height, width]`.
    pub fn compute(&self, arch: Arch) -> Buffer {
        if winograd::suits(self, arch) {
            let stencil = &Stencil::patches();
            return Sum { stencil, ..*self }.compute_as(arch, true);
        }
        self.compute_as(arch, false)
    }

    /// Computes with [`winograd`] if the stencil is [`Stencil::patches`], and tap by tap otherwise.
    fn compute_as(&self, arch: Arch, patches: bool) -> Buffer {
        let mut values = Buffer::unspecified(self.to.len());
        if values.is_empty() {
            return values;
        }
        let step = self.stencil.output_step;
        let [rows, columns] = [self.to.height, self.to.width].map(|side| side.div_ceil(step));
        let layout = Layout::new(self.stencil, [self.from.height, self.from.width], [rows, columns]);
        let (inputs, outputs) = (self.from.channels / self.groups, self.to.channels / self.groups);
        let taps = self.stencil.phases.iter().map(Vec::len).sum::<usize>();
        let positions = rows * columns;
        let work = 2 * self.to.batch * positions * taps * inputs * self.to.channels;
        let at_once = if patches { winograd::OUTPUTS } else { tile::outputs_at_once(arch, outputs) };
        let weights = if patches { Weights::of_patches(self) } else { Weights::of(self) };
        let wanted = tasks::wanted(work);
        let bands = layout.bands(self.to.batch, rows, inputs, wanted.div_ceil(self.groups));
        // Where images are too few and small for all cores, split the outputs between them.
        let blocks = outputs.div_ceil(at_once);
        let splits = wanted.div_ceil(bands.len() * self.groups).clamp(1, blocks);
        let blocks_per_task = blocks.div_ceil(splits);
        let splits = blocks.div_ceil(blocks_per_task);
        let output = Output::new(&mut values);
        let beside = WORKSPACE + if patches { winograd::workspace(inputs) } else { 0 };
        tasks::run(bands.len() * self.groups * splits, work, |task| {
            let (band, rest) = (&bands[task / (self.groups * splits)], task % (self.groups * splits));
            let (group, first) = (rest / splits, rest % splits * blocks_per_task);
            let blocks = first..blocks.min(first + blocks_per_task);
            let length = layout.length(band, inputs);
            tasks::with_scratch(length + beside, |scratch| {
                let (packed, workspace) = scratch.split_at_mut(length);
                let (sum, layout, weights, output) = (self, &layout, &weights, &output);
                let task = Task { sum, layout, band, group, blocks, at_once, weights, output };
                // SAFETY: `arch` was detected at run time, or found available by a test.
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
