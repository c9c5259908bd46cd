//! A band of an image, laid out so that a vector of outputs reads vectors of inputs at fixed distances.
//!
//! Rows are copied with their padding, one plane for each place within a step, so that strided taps read neighbours, too.
//! An output place `(image, row, column)` has the number `q = (image * rows + row) * pitch + column`; the input of a tap lies
//! at `q` plus the tap's own distance, for every `q`. Places in the padding are computed like any others and not stored.

use std::ops::Range;

use macerator::Simd;

use super::tile;
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

    /// Values of a plane.
    pub fn plane(&self) -> usize {
        self.height * self.width
    }

    /// The numbers of a channel's planes.
    pub fn planes(&self, channel: usize) -> impl Iterator<Item = usize> {
        (channel..self.batch * self.channels).step_by(self.channels)
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
                            step => tile::thin_out(line.get(columns.skipped..).unwrap_or(&[]), step, target),
                        }
                        if let Some((scale, shift)) = affine {
                            // SAFETY: these are the target's own values.
                            unsafe { tile::affine_relu::<S>(target.as_mut_ptr(), target.len(), scale, shift) };
                        }
                    }
                }
            }
        }
        let end = packed.len() - SLACK;
        packed[end..].fill(0.0);
    }

    /// What a row of a plane sees of one of `width` pixels.
    fn existing(&self, width: usize, within: usize) -> Columns {
        let before = (-self.first).max(0) as usize;
        let skipped = self.first.max(0) as usize * self.input_step + within;
        let count = width.saturating_sub(skipped).div_ceil(self.input_step);
        let before = before.min(self.pitch);
        Columns { before, skipped, count: count.min(self.pitch - before) }
    }
}

/// Columns of a plane that exist.
struct Columns {
    /// Zeros before them.
    before: usize,
    /// Pixels before the first of them.
    skipped: usize,
    count: usize,
}

/// What happens to values before they are convolved: nothing, or a scale and a shift of each channel and ReLU.
#[derive(Clone, Copy, Debug, Default)]
pub struct Prologue<'a>(pub Option<(&'a [f32], &'a [f32])>);

impl Prologue<'_> {
    pub fn of(&self, channel: usize) -> Option<(f32, f32)> {
        self.0.map(|(scale, shift)| (scale[channel], shift[channel]))
    }
}
