//! The input pixels that each output pixel reads, and their weights.
//!
//! Plain, strided, transposed and upsampling convolutions and all their input gradients are instances of one sum,
//!
//! ```text
//! y[o, S r + a] = sum over c, taps t of phase a:  w[o, c, t] x[c, s r + offset(t)]
//! ```
//!
//! with an input step `s`, an output step `S`, and a list of taps for each output phase `a` in `0..S`, on both axes.
//! One kernel computes the sum and another its weight gradient. A position is one `r`: `S` x `S` outputs.

use crate::Convolution;

/// The taps of one axis.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Axis {
    input_step: usize,
    output_step: usize,
    /// For each output phase, the input offsets, each with the indices of the weights to sum.
    phases: Vec<Vec<(isize, Vec<usize>)>>,
}

impl Axis {
    fn of(convolution: &Convolution) -> Self {
        let Convolution { kernel, stride, padding, doubled, .. } = *convolution;
        let offset = |weight: usize| weight as isize - padding as isize;
        if !doubled {
            let taps = (0..kernel).map(|weight| (offset(weight), vec![weight])).collect();
            return Self { input_step: stride, output_step: 1, phases: vec![taps] };
        }
        // Pixels 2i and 2i + 1 of the upsampled map are the same pixel i: sum their weights.
        let phase = |phase: isize| {
            let mut taps: Vec<(isize, Vec<usize>)> = Vec::new();
            for weight in 0..kernel {
                let seen = (phase + offset(weight)).div_euclid(2);
                match taps.last_mut() {
                    Some((last, weights)) if *last == seen => weights.push(weight),
                    _ => taps.push((seen, vec![weight])),
                }
            }
            taps
        };
        Self { input_step: 1, output_step: 2, phases: vec![phase(0), phase(1)] }
    }

    /// The adjoint axis, which maps output gradients to input gradients.
    fn transposed(&self) -> Self {
        let mut phases = vec![Vec::new(); self.input_step];
        for (phase, taps) in self.phases.iter().enumerate() {
            for (offset, weights) in taps {
                let step = self.input_step as isize;
                let (back, to) = (offset.div_euclid(step), offset.rem_euclid(step));
                phases[to as usize].push((phase as isize - back * self.output_step as isize, weights.clone()));
            }
        }
        Self { input_step: self.output_step, output_step: self.input_step, phases }
    }
}

/// An input pixel that an output pixel reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tap {
    /// Row and column relative to the position.
    pub offset: [isize; 2],
    /// Indices in a kernel `[rows, columns]` of the weights to sum.
    pub weights: Vec<usize>,
}

/// The taps on both axes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stencil {
    /// Input pixels from one position to the next.
    pub input_step: usize,
    /// Output rows and columns per position.
    pub output_step: usize,
    /// The taps of each output phase, `[output_step, output_step]` in row-major order.
    pub phases: Vec<Vec<Tap>>,
}

impl Stencil {
    /// From input to output.
    pub fn forward(convolution: &Convolution) -> Self {
        let axis = Axis::of(convolution);
        let axis = if convolution.transposed { axis.transposed() } else { axis };
        Self::of(&axis, convolution.kernel)
    }

    /// From output gradients to input gradients.
    pub fn backward(convolution: &Convolution) -> Self {
        let axis = Axis::of(convolution);
        let axis = if convolution.transposed { axis } else { axis.transposed() };
        Self::of(&axis, convolution.kernel)
    }

    /// The 4x4 patches that 2x2 outputs of a 3x3 convolution read: one phase, one tap per pixel.
    pub fn patches() -> Self {
        let taps = (0..4).map(|pixel| (pixel as isize - 1, vec![pixel])).collect();
        Self::of(&Axis { input_step: 2, output_step: 2, phases: vec![taps] }, 4)
    }

    fn of(axis: &Axis, kernel: usize) -> Self {
        let tap = |(row, upper): &(isize, Vec<usize>), (column, left): &(isize, Vec<usize>)| Tap {
            offset: [*row, *column],
            weights: upper.iter().flat_map(|row| left.iter().map(move |column| row * kernel + column)).collect(),
        };
        let phase = |rows: &Vec<(isize, Vec<usize>)>, columns: &Vec<(isize, Vec<usize>)>| {
            rows.iter().flat_map(|row| columns.iter().map(move |column| tap(row, column))).collect()
        };
        let phases = axis.phases.iter().flat_map(|rows| axis.phases.iter().map(move |columns| phase(rows, columns)));
        Self { input_step: axis.input_step, output_step: axis.output_step, phases: phases.collect() }
    }

    /// The smallest and the largest offset in input steps; 0 and 0 without taps.
    pub fn reach(&self) -> [isize; 2] {
        let steps = self.phases.iter().flatten().flat_map(|tap| tap.offset.map(|offset| self.whole_steps(offset)));
        let (least, most) =
            steps.fold((isize::MAX, isize::MIN), |(least, most), step| (least.min(step), most.max(step)));
        if least > most { [0, 0] } else { [least, most] }
    }

    /// An offset in whole input steps.
    pub fn whole_steps(&self, offset: isize) -> isize {
        offset.div_euclid(self.input_step as isize)
    }

    /// The remainder of an offset within an input step.
    pub fn within_step(&self, offset: isize) -> usize {
        offset.rem_euclid(self.input_step as isize) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_upsampling_convolution_reads_four_pixels_per_output() {
        let stencil = Stencil::forward(&Convolution { doubled: true, ..Convolution::same(3) });
        assert_eq!((stencil.input_step, stencil.output_step, stencil.phases.len()), (1, 2, 4));
        let counts: Vec<usize> = stencil.phases.iter().map(Vec::len).collect();
        assert_eq!(counts, [4; 4]);
        // The upper left output reads its upper left neighbour through one weight, and its own pixel through four.
        let first = &stencil.phases[0];
        assert_eq!((first[0].offset, first[0].weights.as_slice()), ([-1, -1], &[0][..]));
        assert_eq!((first[3].offset, first[3].weights.as_slice()), ([0, 0], &[4, 5, 7, 8][..]));
    }

    #[test]
    fn transposing_twice_changes_nothing() {
        for convolution in [
            Convolution::same(3),
            Convolution { stride: 2, ..Convolution::same(7) },
            Convolution { doubled: true, ..Convolution::same(3) },
        ] {
            let axis = Axis::of(&convolution);
            let mut twice = axis.transposed().transposed();
            // The order follows the phases.
            twice.phases.iter_mut().for_each(|taps| taps.sort_unstable());
            assert_eq!(twice, axis);
        }
    }
}
