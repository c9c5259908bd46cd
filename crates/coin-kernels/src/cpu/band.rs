//! A band of an image, laid out so that a vector of outputs reads vectors of inputs at fixed distances.
//!
//! Rows are copied with their padding, one plane for each place within a step, so that strided taps read neighbours, too.
//! An output place `(image, row, column)` has the number `q = (image * rows + row) * pitch + column`; the input of a tap lies
//! at `q` plus the tap's own distance, for every `q`. Places in the padding are computed like any others and not stored.

use std::ops::Range;

use macerator::Simd;

use super::tile::affine_relu;
use crate::stencil::Stencil;

/// Values of a band that stay in a core's own cache.
const CACHED: usize = 1 << 16;
/// Fewer rows than this, and more of a band is padding than is worth it.
const FEWEST_ROWS: usize = 4;
/// Fewer places than this, and vectors are seldom full.
const FEWEST_PLACES: usize = 256;
/// Fewer places than this, and cores rather share the outputs.
const WORTH_SPLITTING: usize = 512;
/// Values that a vector may read past the last place.
pub const SLACK: usize = 512;

/// `[batch, channels, height, width]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Map {
    pub batch: usize,
    pub channels: usize,
    pub height: usize,
    pub width: usize,
}

impl Map {
    pub fn of(shape: [usize; 4]) -> Self {
        let [batch, channels, height, width] = shape;
        Self { batch, channels, height, width }
    }

    pub fn len(&self) -> usize {
        self.batch * self.channels * self.height * self.width
    }

    /// Where a row begins.
    pub fn row(&self, image: usize, channel: usize, row: usize) -> usize {
        ((image * self.channels + channel) * self.height + row) * self.width
    }
}

/// Images, and rows of places in each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Band {
    pub images: Range<usize>,
    pub rows: Range<usize>,
}

/// How bands of one operation are laid out.
#[derive(Clone, Debug)]
pub struct Layout {
    input_step: usize,
    /// Columns of places.
    pub columns: usize,
    /// Values from one row of a plane to the next.
    pub pitch: usize,
    /// The least offset of a tap in whole steps, on both axes.
    first: isize,
    /// Rows that a band of a part of an image has more than there are rows of places.
    halo: usize,
    /// Rows of zeros from one image to the next: what is below the one is above the other.
    gap: usize,
    /// Places within a step that some tap sees, row and column.
    planes: Vec<[usize; 2]>,
}

impl Layout {
    /// From maps with sides of `from` to places with sides of `to`.
    pub fn new(stencil: &Stencil, from: [usize; 2], [rows, columns]: [usize; 2]) -> Self {
        let [first, last] = stencil.reach();
        let halo = (last - first) as usize;
        // Rows share the zeros between them, and images do, unless there are pixels where those on the right would be.
        let between = |pixels: usize, places: usize| {
            let shared = pixels.div_ceil(stencil.input_step) <= places;
            if shared { (-first).max(last).max(0) as usize } else { halo }
        };
        let [from_rows, from_columns] = from;
        let mut planes: Vec<[usize; 2]> = Vec::new();
        for tap in stencil.phases.iter().flatten() {
            let plane = tap.offset.map(|offset| stencil.within_step(offset));
            if !planes.contains(&plane) {
                planes.push(plane);
            }
        }
        let (pitch, gap) = (columns + between(from_columns, columns), between(from_rows, rows));
        Self { input_step: stencil.input_step, columns, pitch, first, halo, gap, planes }
    }

    /// Rows of a band's planes.
    pub fn plane_rows(&self, band: &Band) -> usize {
        band.rows.len() + if band.images.len() > 1 { self.gap } else { self.halo }
    }

    fn plane(&self, band: &Band) -> usize {
        band.images.len() * self.plane_rows(band) * self.pitch
    }

    /// Values from one channel to the next.
    pub fn channel(&self, band: &Band) -> usize {
        self.planes.len() * self.plane(band)
    }

    /// Places of a band, those in the padding between them counted.
    pub fn places(&self, band: &Band) -> usize {
        let whole = (band.images.len() - 1) * self.plane_rows(band) + band.rows.len() - 1;
        whole * self.pitch + self.columns
    }

    /// Values of `channels` channels of a band, and of what vectors read behind it.
    pub fn length(&self, band: &Band, channels: usize) -> usize {
        channels * self.channel(band) + SLACK
    }

    /// Distance of a tap's input from a place.
    pub fn distance(&self, band: &Band, stencil: &Stencil, offset: [isize; 2]) -> usize {
        let within = offset.map(|offset| stencil.within_step(offset));
        let plane = self.planes.iter().position(|plane| *plane == within).unwrap_or(0);
        let [row, column] = offset.map(|offset| (stencil.whole_steps(offset) - self.first) as usize);
        plane * self.plane(band) + row * self.pitch + column
    }

    /// Splits `rows` rows of places of each of `batch` images into bands of `channels` channels that a core's cache holds, and
    /// into about `wanted` of them where there are rows enough.
    pub fn bands(&self, batch: usize, rows: usize, channels: usize, wanted: usize) -> Vec<Band> {
        let row = (channels * self.planes.len() * self.pitch).max(1);
        let image = (rows + self.halo) * self.pitch;
        if image < FEWEST_PLACES {
            // Several images a band, so that vectors are full where images are small.
            let fitting = (CACHED / (row * (rows + self.halo))).max(1);
            let images = FEWEST_PLACES.div_ceil(image).min(fitting);
            let starts = (0..batch).step_by(images);
            return starts.map(|start| Band { images: start..batch.min(start + images), rows: 0..rows }).collect();
        }
        let fitting = (CACHED / row).saturating_sub(self.halo).max(FEWEST_ROWS);
        let most = rows.div_ceil(FEWEST_ROWS).min((rows * self.pitch).div_ceil(WORTH_SPLITTING));
        let parts = wanted.div_ceil(batch.max(1)).min(most).max(rows.div_ceil(fitting));
        let height = rows.div_ceil(parts).max(1);
        let band = move |image: usize| {
            let starts = (0..rows).step_by(height);
            starts.map(move |start| Band { images: image..image + 1, rows: start..rows.min(start + height) })
        };
        (0..batch).flat_map(band).collect()
    }

    /// Copies channels of `map` into `packed`, with zeros where there is no image.
    #[cfg_attr(target_family = "wasm", inline(never))]
    #[cfg_attr(not(target_family = "wasm"), inline(always))]
    pub fn pack<S: Simd>(
        &self,
        band: &Band,
        source: &[f32],
        map: &Map,
        channels: Range<usize>,
        prologue: &Prologue<'_>,
        packed: &mut [f32],
    ) {
        let rows = self.plane_rows(band);
        let mut targets = packed.chunks_exact_mut(self.pitch);
        let step = self.input_step as isize;
        for channel in channels {
            let affine = prologue.of(channel);
            for [row_within, column_within] in &self.planes {
                for image in band.images.clone() {
                    for row in 0..rows {
                        let Some(target) = targets.next() else { return };
                        let from = step * (band.rows.start as isize + self.first + row as isize) + *row_within as isize;
                        if from < 0 || from >= map.height as isize {
                            target.fill(0.0);
                            continue;
                        }
                        let start = map.row(image, channel, from as usize);
                        let line = &source[start..start + map.width];
                        self.copy_row::<S>(line, *column_within, affine, target);
                    }
                }
            }
        }
        let end = packed.len() - SLACK;
        packed[end..].fill(0.0);
    }

    /// One row: zeros, the columns that exist, zeros.
    #[inline(always)]
    fn copy_row<S: Simd>(&self, line: &[f32], within: usize, affine: Option<(f32, f32)>, target: &mut [f32]) {
        let step = self.input_step;
        let before = (-self.first).max(0) as usize;
        let skipped = self.first.max(0) as usize * step + within;
        let existing = line.len().saturating_sub(skipped).div_ceil(step);
        let end = (before + existing).min(target.len());
        let before = before.min(end);
        target[..before].fill(0.0);
        target[end..].fill(0.0);
        let target = &mut target[before..end];
        let Some(line) = line.get(skipped..) else { return };
        match step {
            1 => target.copy_from_slice(&line[..target.len()]),
            2 => {
                // Whole pairs, which the compiler takes apart in vectors, and a last value that has no partner.
                let pairs = line.chunks_exact(2);
                if let (Some(alone), Some(last)) = (pairs.remainder().first(), target.get_mut(pairs.len())) {
                    *last = *alone;
                }
                for (to, pair) in target.iter_mut().zip(pairs) {
                    *to = pair[0];
                }
            }
            _ => {
                for (to, from) in target.iter_mut().zip(line.chunks(step)) {
                    *to = from[0];
                }
            }
        }
        if let Some((scale, shift)) = affine {
            // SAFETY: these are the target's own values.
            unsafe { affine_relu::<S>(target.as_mut_ptr(), target.len(), scale, shift) };
        }
    }
}

/// What happens to values before they are convolved: nothing, or a scale and a shift of each channel and ReLU.
#[derive(Clone, Copy, Debug, Default)]
pub struct Prologue<'a>(pub Option<(&'a [f32], &'a [f32])>);

impl Prologue<'_> {
    pub fn of(&self, channel: usize) -> Option<(f32, f32)> {
        self.0.map(|(scale, shift)| (scale[channel], shift[channel]))
    }
}
