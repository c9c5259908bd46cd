//! Halving by sums of 2x2 pixels, and doubling by repeating pixels: each the other's gradient. And maxima of 3x3 pixels.

use super::band::{Map, Prologue};
use super::buffers::Buffer;
use super::convolution::relu;
use super::planes::{each_plane, plane, vectorised};

/// `factor` times the sum of each 2x2 pixels of the input after its prologue.
pub fn halve(x: &[f32], from: Map, to: Map, prologue: &Prologue<'_>, factor: f32) -> Buffer {
    each_plane(to, 4 * from.len(), |channel, number, target| {
        let (source, affine) = (plane(x, from, number), prologue.of(channel));
        vectorised(|| {
            for (row, target) in target.chunks_exact_mut(to.width.max(1)).enumerate() {
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
pub fn double(x: &[f32], from: Map, to: Map, factor: f32) -> Buffer {
    each_plane(to, 4 * to.len(), |_, number, target| {
        let source = plane(x, from, number);
        vectorised(|| {
            let [pitch, width] = [from.width, to.width].map(|width| width.max(1));
            let mut pairs = target.chunks_mut(2 * width);
            for (source, pair) in source.chunks_exact(pitch).zip(pairs.by_ref()) {
                let (upper, lower) = pair.split_at_mut(width.min(pair.len()));
                upper[(2 * pitch).min(width)..].fill(0.0);
                for (pair, value) in upper.chunks_exact_mut(2).zip(source) {
                    pair.fill(factor * value);
                }
                let count = lower.len();
                lower.copy_from_slice(&upper[..count]);
            }
            pairs.for_each(|beyond| beyond.fill(0.0));
        });
    })
}

/// The larger one; NaN where one is.
#[inline(always)]
fn larger(a: f32, b: f32) -> f32 {
    if b <= a || a.is_nan() { a } else { b }
}

/// The maximum of the 3x3 pixels around every second pixel of every second row.
pub fn maximum(x: &[f32], from: Map, to: Map) -> Buffer {
    each_plane(to, 9 * to.len(), |_, number, target| {
        let source = plane(x, from, number);
        let mut column = vec![0.0; from.width];
        vectorised(|| {
            let rows = |row: usize| source.chunks_exact(from.width).skip(row.saturating_sub(1)).take(row.min(1) + 2);
            for (row, target) in target.chunks_exact_mut(to.width.max(1)).enumerate() {
                column.fill(f32::NEG_INFINITY);
                for seen in rows(2 * row) {
                    column.iter_mut().zip(seen).for_each(|(most, x)| *most = larger(*most, *x));
                }
                for (target, pair) in target.iter_mut().zip(column.chunks(2)) {
                    *target = pair.iter().copied().fold(f32::NEG_INFINITY, larger);
                }
                for (target, pair) in target.iter_mut().skip(1).zip(column.chunks_exact(2)) {
                    *target = larger(*target, pair[1]);
                }
            }
        });
    })
}

/// The gradient of [`maximum`]: the first largest pixel, row by row, gets an output's.
pub fn maximum_gradient(x: &[f32], from: Map, gradient: &[f32], to: Map) -> Buffer {
    each_plane(from, 9 * to.len(), |_, number, target| {
        let (source, gradient) = (plane(x, from, number), plane(gradient, to, number));
        target.fill(0.0);
        for (place, gradient) in gradient.iter().enumerate() {
            let (row, column) = (2 * (place / to.width), 2 * (place % to.width));
            let mut largest = row.saturating_sub(1) * from.width + column.saturating_sub(1);
            for row in row.saturating_sub(1)..(row + 2).min(from.height) {
                for column in column.saturating_sub(1)..(column + 2).min(from.width) {
                    let pixel = row * from.width + column;
                    if source[pixel] > source[largest] || source[pixel].is_nan() {
                        largest = pixel;
                    }
                }
            }
            target[largest] += gradient;
        }
    })
}
