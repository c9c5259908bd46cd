//! 2x2 sum pooling, 2x nearest-neighbour upsampling (each the other's gradient), and 3x3 max pooling.

use super::band::{Map, Prologue};
use super::buffers::Buffer;
use super::planes::{each_plane, plane, vectorised};
use super::tile::relu;

/// `factor` times the 2x2 sum pooling of the input after its prologue.
pub fn sum_pool(x: &[f32], from: Map, to: Map, prologue: &Prologue<'_>, factor: f32) -> Buffer {
    vectorised! {
        fn plain(upper: &[f32], lower: &[f32], factor: f32, target: &mut [f32]) {
            for (target, (upper, lower)) in target.iter_mut().zip(upper.chunks_exact(2).zip(lower.chunks_exact(2))) {
                *target = factor * ((upper[0] + upper[1]) + (lower[0] + lower[1]));
            }
        }
        fn changed(upper: &[f32], lower: &[f32], affine: (f32, f32), factor: f32, target: &mut [f32]) {
            let (scale, shift) = affine;
            for (target, (upper, lower)) in target.iter_mut().zip(upper.chunks_exact(2).zip(lower.chunks_exact(2))) {
                let [a, b] = [relu(upper[0] * scale + shift), relu(upper[1] * scale + shift)];
                let [c, d] = [relu(lower[0] * scale + shift), relu(lower[1] * scale + shift)];
                *target = factor * ((a + b) + (c + d));
            }
        }
    }
    each_plane(to, 4 * from.len(), |channel, number, target| {
        let (source, affine) = (plane(x, from, number), prologue.of(channel));
        for (row, target) in target.chunks_exact_mut(to.width.max(1)).enumerate() {
            let (upper, lower) = (&source[2 * row * from.width..], &source[(2 * row + 1) * from.width..]);
            match affine {
                None => plain(upper, lower, factor, target),
                Some(affine) => changed(upper, lower, affine, factor, target),
            }
        }
    })
}

/// `factor` times the 2x upsampled map, zero-padded to the size of `to`.
pub fn double(x: &[f32], from: Map, to: Map, factor: f32) -> Buffer {
    vectorised! {
        fn repeat(source: &[f32], factor: f32, target: &mut [f32]) {
            for (pair, value) in target.chunks_exact_mut(2).zip(source) {
                pair.fill(factor * value);
            }
        }
    }
    each_plane(to, 4 * to.len(), |_, number, target| {
        let source = plane(x, from, number);
        let [pitch, width] = [from.width, to.width].map(|width| width.max(1));
        let mut pairs = target.chunks_mut(2 * width);
        for (source, pair) in source.chunks_exact(pitch).zip(pairs.by_ref()) {
            let (upper, lower) = pair.split_at_mut(width.min(pair.len()));
            upper[(2 * pitch).min(width)..].fill(0.0);
            repeat(source, factor, upper);
            let count = lower.len();
            lower.copy_from_slice(&upper[..count]);
        }
        pairs.for_each(|beyond| beyond.fill(0.0));
    })
}

/// One row of max pooling: the maxima and their argmax.
struct Maxima {
    values: Vec<f32>,
    /// Row-major index within the 3x3 window of the first maximum.
    pixels: Vec<u32>,
    /// The even pixels of a row, and the odd ones after one that lies outside the image.
    even: Vec<f32>,
    odd: Vec<f32>,
}

/// The larger of two values; NaN if either is.
#[inline(always)]
fn larger(most: f32, seen: f32) -> f32 {
    if seen > most || seen.is_nan() { seen } else { most }
}

/// The central pixel, which always exists.
const MIDDLE: u32 = 4;

impl Maxima {
    fn new(columns: usize) -> Self {
        let values = vec![f32::NEG_INFINITY; columns];
        let odd = vec![f32::NEG_INFINITY; columns + 1];
        Self { pixels: vec![MIDDLE; columns], even: values.clone(), odd, values }
    }

    /// Fills the output row `row` of a plane with rows of `width` pixels.
    fn find(&mut self, plane: &[f32], width: usize, row: usize) {
        vectorised! {
            fn separate(line: &[f32], even: &mut [f32], odd: &mut [f32]) {
                for (pair, (even, odd)) in line.chunks_exact(2).zip(even.iter_mut().zip(odd)) {
                    *even = pair[0];
                    *odd = pair[1];
                }
            }
            fn compare(seen: &[f32], pixel: u32, values: &mut [f32], pixels: &mut [u32]) {
                for ((seen, value), found) in seen.iter().zip(values).zip(pixels) {
                    let larger = *seen > *value || seen.is_nan();
                    *value = if larger { *seen } else { *value };
                    *found = if larger { pixel } else { *found };
                }
            }
        }
        self.values.fill(f32::NEG_INFINITY);
        self.pixels.fill(MIDDLE);
        for (number, line) in plane
            .chunks_exact(width)
            .enumerate()
            .skip((2 * row).saturating_sub(1))
            .take_while(|(line, _)| *line <= 2 * row + 1)
        {
            let Self { values, pixels, even, odd } = self;
            separate(line, even, &mut odd[1..]);
            if let ([last], Some(even)) = (line.chunks_exact(2).remainder(), even.last_mut()) {
                *even = *last;
                odd[values.len()] = f32::NEG_INFINITY;
            }
            let first = 3 * (number + 1 - 2 * row) as u32;
            compare(odd, first, values, pixels);
            compare(even, first + 1, values, pixels);
            compare(&odd[1..], first + 2, values, pixels);
        }
    }
}

/// 3x3 max pooling with stride 2 and padding 1.
pub fn maximum(x: &[f32], from: Map, to: Map) -> Buffer {
    vectorised! {
        fn compare(seen: &[f32], most: &mut [f32]) {
            for (most, seen) in most.iter_mut().zip(seen) {
                *most = larger(*most, *seen);
            }
        }
        fn across(most: &[f32], target: &mut [f32]) {
            let pairs = most.chunks_exact(2).zip(most[2..].chunks_exact(2));
            for (target, (pair, next)) in target.iter_mut().zip(pairs) {
                *target = larger(larger(pair[0], pair[1]), next[0]);
            }
        }
    }
    each_plane(to, 9 * to.len(), |_, number, target| {
        let plane = plane(x, from, number);
        // The column maxima, after one pixel outside the image and followed by as many as the pairs need.
        let mut most = vec![f32::NEG_INFINITY; 2 * to.width + 2];
        for (row, target) in target.chunks_exact_mut(to.width.max(1)).enumerate() {
            most.fill(f32::NEG_INFINITY);
            let lines = plane.chunks_exact(from.width).skip((2 * row).saturating_sub(1));
            for line in lines.take(if row == 0 { 2 } else { 3 }) {
                compare(line, &mut most[1..=from.width]);
            }
            across(&most, target);
        }
    })
}

/// The gradient of [`maximum`]; the first maximum of each window receives it.
pub fn maximum_gradient(x: &[f32], from: Map, gradient: &[f32], to: Map) -> Buffer {
    each_plane(from, 9 * to.len(), |_, number, target| {
        let mut maxima = Maxima::new(to.width);
        target.fill(0.0);
        for (row, gradient) in plane(gradient, to, number).chunks_exact(to.width.max(1)).enumerate() {
            maxima.find(plane(x, from, number), from.width, row);
            for (column, (pixel, gradient)) in maxima.pixels.iter().zip(gradient).enumerate() {
                let [below, right] = [pixel / 3, pixel % 3].map(|step| step as usize);
                target[(2 * row + below - 1) * from.width + 2 * column + right - 1] += gradient;
            }
        }
    })
}
