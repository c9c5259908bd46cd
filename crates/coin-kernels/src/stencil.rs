//! Which input pixels an output pixel sees, and through which weights.
//!
//! A convolution, a strided one, a transposed one, one of the nearest-doubled map, and the input gradients of all of them are the
//! same sum,
//!
//! ```text
//! y[o, S r + a] = sum over c, taps t of phase a:  w[o, c, t] x[c, s r + offset(t)]
//! ```
//!
//! with an input step `s`, an output step `S` and a list of taps for each output phase `a` in `0..S`, on both axes alike.
//! One kernel computes it, and one kernel its weight gradient.

use crate::Convolution;

/// The taps of one axis.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Axis {
    input_step: usize,
    output_step: usize,
    /// For each output phase: offsets in the input, each with the indices of the weights that are summed for it.
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
        // Of the doubled map's pixels, 2i and 2i + 1 are the same pixel i: their weights add up.
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

    /// The axis whose sums take gradients of the outputs back to the inputs.
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

/// An input pixel that an output pixel sees.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tap {
    /// Rows and columns from the output's own place.
    pub offset: [isize; 2],
    /// Indices in a kernel `[rows, columns]` of the weights that are summed for it.
    pub weights: Vec<usize>,
}

/// The taps of both axes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stencil {
    /// Input pixels from one output place to the next.
    pub input_step: usize,
    /// Output pixels of one place, in rows and in columns.
    pub output_step: usize,
    /// The taps of each output pixel of a place, `[output_step, output_step]` row by row.
    pub phases: Vec<Vec<Tap>>,
}

impl Stencil {
    /// From input to output.
    pub fn forward(convolution: &Convolution) -> Self {
        let axis = Axis::of(convolution);
        let axis = if convolution.transposed { axis.transposed() } else { axis };
        Self::of(&axis, convolution.kernel)
    }

    /// From gradients of the output to those of the input.
    pub fn backward(convolution: &Convolution) -> Self {
        let axis = Axis::of(convolution);
        let axis = if convolution.transposed { axis } else { axis.transposed() };
        Self::of(&axis, convolution.kernel)
    }

    /// The 4x4 pixels that 2x2 outputs of a 3x3 convolution see: one phase, a tap for each pixel.
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

    /// The least and the largest offset, in steps of the input; 0 and 0 without taps.
    pub fn reach(&self) -> [isize; 2] {
        let steps = self.phases.iter().flatten().flat_map(|tap| tap.offset.map(|offset| self.whole_steps(offset)));
        let (least, most) =
            steps.fold((isize::MAX, isize::MIN), |(least, most), step| (least.min(step), most.max(step)));
        if least > most { [0, 0] } else { [least, most] }
    }

    /// An offset in whole steps of the input.
    pub fn whole_steps(&self, offset: isize) -> isize {
        offset.div_euclid(self.input_step as isize)
    }

    /// What of an offset is left within a step of the input.
    pub fn within_step(&self, offset: isize) -> usize {
        offset.rem_euclid(self.input_step as isize) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_convolution_of_the_doubled_map_sees_four_pixels_from_each_place() {
        let stencil = Stencil::forward(&Convolution { doubled: true, ..Convolution::same(3) });
        assert_eq!((stencil.input_step, stencil.output_step, stencil.phases.len()), (1, 2, 4));
        let counts: Vec<usize> = stencil.phases.iter().map(Vec::len).collect();
        assert_eq!(counts, [4; 4]);
        // The upper left output: its left upper neighbour through one weight, its own pixel through four.
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
            // Their order is that of the phases they came from.
            twice.phases.iter_mut().for_each(|taps| taps.sort_unstable());
            assert_eq!(twice, axis);
        }
    }
}
