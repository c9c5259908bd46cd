//! Binary masks and the paper's post-processing of them.

use std::cmp::Reverse;

use imageproc::distance_transform::Norm;
use imageproc::image::{GrayImage, Luma};
use imageproc::morphology;
use imageproc::region_labelling::{Connectivity, connected_components};

/// A binary mask on the grid of a slice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mask {
    width: usize,
    height: usize,
    inside: Vec<bool>,
}

impl Mask {
    /// From `width * height` flags, row by row; `None` when there are not as many.
    pub fn new(width: usize, height: usize, inside: Vec<bool>) -> Option<Self> {
        (width.checked_mul(height) == Some(inside.len()) && !inside.is_empty()).then_some(Self {
            width,
            height,
            inside,
        })
    }

    /// Where a map of `width * height` values exceeds `threshold`.
    pub fn from_threshold(map: &[f32], width: usize, height: usize, threshold: f32) -> Option<Self> {
        Self::new(width, height, map.iter().map(|&value| value > threshold).collect())
    }

    /// Where a map of `width * height` values exceeds `threshold`, but only the 8-connected components in which it exceeds
    /// `peak` somewhere: a threshold with hysteresis.
    pub fn with_hysteresis(map: &[f32], width: usize, height: usize, threshold: f32, peak: f32) -> Option<Self> {
        let mask = Self::from_threshold(map, width, height, threshold)?;
        if peak <= threshold {
            return Some(mask);
        }
        let (labels, by_size) = mask.labelled();
        let mut kept = vec![false; by_size.len() + 1];
        labels.iter().zip(map).filter(|(_, value)| **value > peak).for_each(|(&label, _)| kept[label] = true);
        let inside = labels.iter().zip(&mask.inside).map(|(&label, inside)| *inside && kept[label]).collect();
        Some(Self { inside, ..mask })
    }

    /// Columns.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Rows.
    pub fn height(&self) -> usize {
        self.height
    }

    /// Row by row.
    pub fn as_slice(&self) -> &[bool] {
        &self.inside
    }

    /// Number of pixels inside.
    pub fn count(&self) -> usize {
        self.inside.iter().filter(|&&inside| inside).count()
    }

    /// Whether the pixel is inside; false beyond the grid.
    pub fn get(&self, x: usize, y: usize) -> bool {
        x < self.width && self.inside.get(y * self.width + x) == Some(&true)
    }

    /// Coordinates (x, y) of the pixels inside.
    pub fn pixels(&self) -> impl Iterator<Item = (usize, usize)> + '_ {
        let coordinates = |i: usize| (i % self.width, i / self.width);
        self.inside.iter().enumerate().filter(|(_, inside)| **inside).map(move |(i, _)| coordinates(i))
    }

    /// Smallest box (left, top, right, bottom), inclusive, that holds the mask.
    pub fn bounding_box(&self) -> Option<(usize, usize, usize, usize)> {
        self.pixels().fold(None, |found, (x, y)| {
            let (left, top, right, bottom) = found.unwrap_or((x, y, x, y));
            Some((left.min(x), top.min(y), right.max(x), bottom.max(y)))
        })
    }

    /// The `count` largest 8-connected components, or all where there are fewer; the largest first, of equal ones the
    /// one that is met first row by row.
    pub fn largest_components(&self, count: usize) -> Vec<Self> {
        let (labels, by_size) = self.labelled();
        let of_label = |label: usize| labels.iter().map(|&other| other == label).collect();
        by_size.into_iter().take(count).map(|label| Self { inside: of_label(label), ..*self }).collect()
    }

    /// The label of each pixel, 0 outside, and the other labels in the order of [`Self::largest_components`].
    fn labelled(&self) -> (Vec<usize>, Vec<usize>) {
        let labels = connected_components(&self.image(), Connectivity::Eight, Luma([0]));
        let labels: Vec<usize> = labels.pixels().map(|pixel| pixel[0] as usize).collect();
        let mut sizes: Vec<usize> = vec![0; labels.iter().max().map_or(1, |most| most + 1)];
        labels.iter().for_each(|&label| sizes[label] += 1);
        let mut by_size: Vec<usize> = (1..sizes.len()).collect();
        by_size.sort_by_key(|&label| Reverse(sizes[label]));
        (labels, by_size)
    }

    /// The number of each pixel's 8-connected component, the largest being 1; 0 outside.
    pub fn component_numbers(&self) -> Vec<u32> {
        let (labels, by_size) = self.labelled();
        let mut number_of = vec![0; by_size.len() + 1];
        for (number, label) in (1..).zip(by_size) {
            number_of[label] = number;
        }
        labels.into_iter().map(|label| number_of[label]).collect()
    }

    /// The paper's post-processing: 3x3 opening, 3x3 closing, largest component.
    pub fn postprocessed(&self) -> Self {
        let cleaned = self.opened().closed();
        cleaned.largest_components(1).pop().unwrap_or(cleaned)
    }

    /// 3x3 opening.
    pub fn opened(&self) -> Self {
        self.with_image(&morphology::open(&self.image(), Norm::LInf, 1))
    }

    /// 3x3 closing.
    pub fn closed(&self) -> Self {
        self.with_image(&morphology::close(&self.image(), Norm::LInf, 1))
    }

    fn image(&self) -> GrayImage {
        GrayImage::from_fn(self.width as u32, self.height as u32, |x, y| {
            Luma([if self.get(x as usize, y as usize) { 255 } else { 0 }])
        })
    }

    fn with_image(&self, image: &GrayImage) -> Self {
        Self { inside: image.pixels().map(|p| p[0] > 0).collect(), ..*self }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn mask(rows: [&str; 5]) -> Mask {
        let inside = rows.iter().flat_map(|row| row.bytes().map(|pixel| pixel == b'#')).collect();
        Mask::new(6, 5, inside).unwrap()
    }

    #[test]
    fn the_largest_components_come_first_and_equal_ones_in_reading_order() {
        let all = mask(["#...##", ".#....", "....##", "#...##", "##...."]);
        let square = mask(["......", "......", "....##", "....##", "......"]);
        let corner = mask(["......", "......", "......", "#.....", "##...."]);
        let diagonal = mask(["#.....", ".#....", "......", "......", "......"]);
        let bar = mask(["....##", "......", "......", "......", "......"]);
        let expected = [square, corner, diagonal, bar];
        assert_eq!(all.largest_components(9), expected);
        assert_eq!(all.largest_components(2), expected[..2]);
        assert_eq!(mask(["......"; 5]).largest_components(2), []);
        let numbers = all.component_numbers();
        assert_eq!(numbers[..6], [3, 0, 0, 0, 4, 4]);
        assert_eq!(numbers[12..18], [0, 0, 0, 0, 1, 1]);
        assert_eq!(numbers[18..24], [2, 0, 0, 0, 1, 1]);
    }

    #[test]
    fn hysteresis_keeps_the_pieces_that_rise_high_enough() {
        let heights = [".39.3.", "...3..", "......", "3....6", ".3...3"];
        let height = |pixel: u8| f32::from(pixel.checked_sub(b'0').filter(|digit| *digit < 10).unwrap_or(0)) / 10.0;
        let map: Vec<f32> = heights.iter().flat_map(|row| row.bytes().map(height)).collect();
        let of = |peak| Mask::with_hysteresis(&map, 6, 5, 0.2, peak).unwrap();
        assert_eq!(of(0.0), Mask::from_threshold(&map, 6, 5, 0.2).unwrap());
        // Diagonal neighbours belong together.
        assert_eq!(of(0.5), mask([".##.#.", "...#..", "......", ".....#", ".....#"]));
        assert_eq!(of(0.8), mask([".##.#.", "...#..", "......", "......", "......"]));
        assert_eq!(of(0.95).count(), 0);
        assert_eq!(Mask::with_hysteresis(&map, 6, 6, 0.2, 0.5), None);
    }
}
