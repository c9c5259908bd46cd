//! Halving by sums of 2x2 pixels, and doubling by repeating pixels: each the other's gradient.

use super::band::{Change, Map};
use super::convolution::relu;
use super::normalisation::vectorised;
use super::tasks::{self, Output};

/// `factor` times the sum of each 2x2 pixels of the changed input.
pub fn halve(x: &[f32], from: Map, to: Map, change: &Change<'_>, factor: f32) -> Vec<f32> {
    let mut values = vec![0.0; to.len()];
    let plane = to.height * to.width;
    if plane == 0 {
        return values;
    }
    let output = Output::new(&mut values);
    tasks::run(to.batch * to.channels, 4 * from.len(), |number| {
        // SAFETY: a plane a task.
        let target = unsafe { output.slice(number * plane, plane) };
        let source = &x[number * from.height * from.width..][..from.height * from.width];
        let change = change.of(number % to.channels);
        vectorised(|| {
            for (row, target) in target.chunks_exact_mut(to.width).enumerate() {
                let (upper, lower) = (&source[2 * row * from.width..], &source[(2 * row + 1) * from.width..]);
                let pairs = upper.chunks_exact(2).zip(lower.chunks_exact(2));
                match change {
                    None => {
                        for (target, (upper, lower)) in target.iter_mut().zip(pairs) {
                            *target = factor * ((upper[0] + upper[1]) + (lower[0] + lower[1]));
                        }
                    }
                    Some((scale, shift)) => {
                        let changed = |x: f32| relu(x * scale + shift);
                        for (target, (upper, lower)) in target.iter_mut().zip(pairs) {
                            let [a, b] = [changed(upper[0]), changed(upper[1])];
                            let [c, d] = [changed(lower[0]), changed(lower[1])];
                            *target = factor * ((a + b) + (c + d));
                        }
                    }
                }
            }
        });
    });
    values
}

/// `factor` times each pixel as 2x2 pixels, and zeros beyond them.
pub fn double(x: &[f32], from: Map, to: Map, factor: f32) -> Vec<f32> {
    let mut values = vec![0.0; to.len()];
    let plane = to.height * to.width;
    if plane == 0 || from.len() == 0 {
        return values;
    }
    let output = Output::new(&mut values);
    tasks::run(to.batch * to.channels, 4 * to.len(), |number| {
        // SAFETY: a plane a task.
        let target = unsafe { output.slice(number * plane, plane) };
        let source = &x[number * from.height * from.width..][..from.height * from.width];
        vectorised(|| {
            for (source, pair) in source.chunks_exact(from.width).zip(target.chunks_mut(2 * to.width)) {
                let (upper, lower) = pair.split_at_mut(to.width.min(pair.len()));
                for (pair, value) in upper.chunks_exact_mut(2).zip(source) {
                    pair.fill(factor * value);
                }
                let count = lower.len();
                lower.copy_from_slice(&upper[..count]);
            }
        });
    });
    values
}
