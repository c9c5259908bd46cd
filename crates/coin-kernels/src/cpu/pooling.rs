//! Halving by sums of 2x2 pixels, and doubling by repeating pixels: each the other's gradient.

use super::band::{Map, Prologue};
use super::convolution::relu;
use super::planes::{each_plane, plane, vectorised};

/// `factor` times the sum of each 2x2 pixels of the input after its prologue.
pub fn halve(x: &[f32], from: Map, to: Map, prologue: &Prologue<'_>, factor: f32) -> Vec<f32> {
    if to.len() == 0 {
        return Vec::new();
    }
    each_plane(to, 4 * from.len(), |channel, number, target| {
        let (source, affine) = (plane(x, from, number), prologue.of(channel));
        vectorised(|| {
            for (row, target) in target.chunks_exact_mut(to.width).enumerate() {
                let (upper, lower) = (&source[2 * row * from.width..], &source[(2 * row + 1) * from.width..]);
                let pairs = upper.chunks_exact(2).zip(lower.chunks_exact(2));
                match affine {
                    None => {
                        for (target, (upper, lower)) in target.iter_mut().zip(pairs) {
                            *target = factor * ((upper[0] + upper[1]) + (lower[0] + lower[1]));
                        }
                    }
                    Some((scale, shift)) => {
                        let after = |x: f32| relu(x * scale + shift);
                        for (target, (upper, lower)) in target.iter_mut().zip(pairs) {
                            let [a, b] = [after(upper[0]), after(upper[1])];
                            let [c, d] = [after(lower[0]), after(lower[1])];
                            *target = factor * ((a + b) + (c + d));
                        }
                    }
                }
            }
        });
    })
}

/// `factor` times each pixel as 2x2 pixels, and zeros beyond them.
pub fn double(x: &[f32], from: Map, to: Map, factor: f32) -> Vec<f32> {
    if from.len() == 0 || to.len() == 0 {
        return vec![0.0; to.len()];
    }
    each_plane(to, 4 * to.len(), |_, number, target| {
        let source = plane(x, from, number);
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
    })
}
