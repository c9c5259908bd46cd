//! A band of an image, packed so that SIMD vectors of outputs read vectors of inputs at fixed distances.
//!
//! Rows are copied with their padding. Strided inputs are split into one plane per phase of the stride, so that taps
//! read contiguous values. The output position `(image, row, column)` has index `q = (image * rows + row) * pitch +
//! column`; each tap reads the input at `q` plus a constant distance. Positions in the padding are computed like all
//! others and not stored.

use std::ops::Range;

use macerator::Simd;

use super::tile;
use crate::stencil::Stencil;

/// Values of a band that fit into a core's private cache.
const CACHED: usize = 1 << 16;
/// Bands with fewer rows spend too much work on padding.
const MIN_ROWS: usize = 4;
/// With fewer positions, vectors are seldom full.
const MIN_POSITIONS: usize = 256;
/// With fewer positions, splitting the outputs between cores is faster.
const MIN_SPLIT_POSITIONS: usize = 512;
/// Values that a vector may read past the last position.
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

    /// Values in a plane.
    pub fn plane(&self) -> usize {
        self.height * self.width
    }

    /// Indices of the planes of a channel.
    pub fn planes(&self, channel: usize) -> impl Iterator<Item = usize> {
        (channel..self.batch * self.channels).step_by(self.channels)
    }

    /// Index of the first value of a row.
    pub fn row(&self, image: usize, channel: usize, row: usize) -> usize {
        ((image * self.channels + channel) * self.height + row) * self.width
    }
}

/// A range of images, and a range of rows of positions in each.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Band {
    pub images: Range<usize>,
    pub rows: Range<usize>,
}

/// How bands of one operation are laid out in memory.
#[derive(Clone, Debug)]
pub struct Layout {
    input_step: usize,
    /// Positions in a row.
    pub columns: usize,
    /// Values from one row of a plane to the next.
    pub pitch: usize,
    /// The smallest tap offset in whole steps, on both axes.
    first: isize,
    /// Extra rows that a band of part of an image needs.
    halo: usize,
    /// Zero rows between two images; the padding below one is the padding above the next.
    gap: usize,
    /// Phases of the stride (row, column) that some tap reads.
    planes: Vec<[usize; 2]>,
}

impl Layout {
    /// Layout from inputs to positions, both given as height and width.
    pub fn new(stencil: &Stencil, from: [usize; 2], [rows, columns]: [usize; 2]) -> Self {
        let [first, last] = stencil.reach();
        let halo = (last - first) as usize;
        // Neighbouring rows share their padding, and so do images, unless pixels lie where the right padding would be.
        let between = |pixels: usize, positions: usize| {
            let shared = pixels.div_ceil(stencil.input_step) <= positions;
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

    /// Rows in a band's planes.
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

    /// Positions in a band, including those in the padding between rows.
    pub fn positions(&self, band: &Band) -> usize {
        let whole = (band.images.len() - 1) * self.plane_rows(band) + band.rows.len() - 1;
        whole * self.pitch + self.columns
    }

    /// Buffer length for `channels` channels of a band, including the slack that vectors may read.
    pub fn length(&self, band: &Band, channels: usize) -> usize {
        channels * self.channel(band) + SLACK
    }

    /// Distance from a position to the input of a tap.
    pub fn distance(&self, band: &Band, stencil: &Stencil, offset: [isize; 2]) -> usize {
        let within = offset.map(|offset| stencil.within_step(offset));
        let plane = self.planes.iter().position(|plane| *plane == within).unwrap_or(0);
        let [row, column] = offset.map(|offset| (stencil.whole_steps(offset) - self.first) as usize);
        plane * self.plane(band) + row * self.pitch + column
    }

    /// Splits `rows` rows of positions in each of `batch` images into bands of `channels` channels that fit into a
    /// core's cache, aiming at `wanted` bands if there are enough rows.
    pub fn bands(&self, batch: usize, rows: usize, channels: usize, wanted: usize) -> Vec<Band> {
        let row = (channels * self.planes.len() * self.pitch).max(1);
        let image = (rows + self.halo) * self.pitch;
        if image < MIN_POSITIONS {
            // Several images per band keep vectors full where images are small.
            let fitting = (CACHED / (row * (rows + self.halo))).max(1);
            let images = MIN_POSITIONS.div_ceil(image).min(fitting);
            let starts = (0..batch).step_by(images);
            return starts.map(|start| Band { images: start..batch.min(start + images), rows: 0..rows }).collect();
        }
        let fitting = (CACHED / row).saturating_sub(self.halo).max(MIN_ROWS);
        let most = rows.div_ceil(MIN_ROWS).min((rows * self.pitch).div_ceil(MIN_SPLIT_POSITIONS));
        let parts = wanted.div_ceil(batch.max(1)).min(most).max(rows.div_ceil(fitting));
        let height = rows.div_ceil(parts).max(1);
        let band = move |image: usize| {
            let starts = (0..rows).step_by(height);
            starts.map(move |start| Band { images: image..image + 1, rows: start..rows.min(start + height) })
        };
        (0..batch).flat_map(band).collect()
    }

    /// Copies channels of `map` into `packed`, with zeros for the padding.
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
                let columns = self.existing(map.width, *column_within);
                let first = step * (band.rows.start as isize + self.first) + *row_within as isize;
                for image in band.images.clone() {
                    let image = &source[map.row(image, channel, 0)..][..map.plane()];
                    for row in 0..rows {
                        let Some(target) = targets.next() else { return };
                        let from = first + step * row as isize;
                        if from < 0 || from >= map.height as isize {
                            tile::clear(target);
                            continue;
                        }
                        let line = &image[from as usize * map.width..][..map.width];
                        let (before, rest) = target.split_at_mut(columns.before);
                        let (target, after) = rest.split_at_mut(columns.count);
                        tile::clear(before);
                        tile::clear(after);
                        match self.input_step {
                            1 => tile::copy::<S>(&line[columns.skipped..][..columns.count], target),
                            step => tile::copy_strided(line.get(columns.skipped..).unwrap_or(&[]), step, target),
                        }
                        if let Some((scale, shift)) = affine {
                            // SAFETY: pointer and length come from `target`, which is exclusively borrowed.
                            unsafe { tile::affine_relu::<S>(target.as_mut_ptr(), target.len(), scale, shift) };
                        }
                    }
                }
            }
        }
        let end = packed.len() - SLACK;
        packed[end..].fill(0.0);
    }

    /// The columns of a packed row that come from an image row of `width` pixels.
    fn existing(&self, width: usize, within: usize) -> Columns {
        let before = (-self.first).max(0) as usize;
        let skipped = self.first.max(0) as usize * self.input_step + within;
        let count = width.saturating_sub(skipped).div_ceil(self.input_step);
        let before = before.min(self.pitch);
        Columns { before, skipped, count: count.min(self.pitch - before) }
    }
}

/// Columns of a packed row that hold image pixels.
struct Columns {
    /// Zeros before them.
    before: usize,
    /// Image pixels before the first one.
    skipped: usize,
    count: usize,
}

/// An optional `relu(scale * x + shift)` per input channel, applied before the convolution.
#[derive(Clone, Copy, Debug, Default)]
pub struct Prologue<'a>(pub Option<(&'a [f32], &'a [f32])>);

impl Prologue<'_> {
    pub fn of(&self, channel: usize) -> Option<(f32, f32)> {
        self.0.map(|(scale, shift)| (scale[channel], shift[channel]))
    }
}
