//! Binary masks and their post-processing.

use std::cmp::Reverse;

use imageproc::distance_transform::Norm;
use imageproc::image::{GrayImage, Luma};
use imageproc::morphology;
use imageproc::region_labelling::{Connectivity, connected_components};

/// A binary mask on the grid of a slice.
///
/// ```
/// use coin_imaging::Mask;
///
/// // A difference map of 6 x 1 pixels; the second component never exceeds the seed threshold of 0.5.
/// let difference = [0.0, 0.3, 0.9, 0.0, 0.0, 0.3];
/// let mask = Mask::with_hysteresis(&difference, 6, 1, 0.25, 0.5).unwrap();
/// assert_eq!(mask.as_slice(), [false, true, true, false, false, false]);
///
/// // Opening removes structures thinner than 3 pixels.
/// assert_eq!(mask.postprocessed().count(), 0);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mask {
    width: usize,
    height: usize,
    inside: Vec<bool>,
}

impl Mask {
    /// Creates a mask from `width * height` row-major flags; `None` if their number differs or is zero.
    pub fn new(width: usize, height: usize, inside: Vec<bool>) -> Option<Self> {
        (width.checked_mul(height) == Some(inside.len()) && !inside.is_empty()).then_some(Self {
            width,
            height,
            inside,
        })
    }

    /// The pixels of a map of `width * height` values above `threshold`.
    pub fn from_threshold(map: &[f32], width: usize, height: usize, threshold: f32) -> Option<Self> {
        Self::new(width, height, map.iter().map(|&value| value > threshold).collect())
    }

    /// Thresholding with hysteresis: the 8-connected components of `map > threshold` that contain a value above
    /// `seed_threshold`.
    pub fn with_hysteresis(
        map: &[f32],
        width: usize,
        height: usize,
        threshold: f32,
        seed_threshold: f32,
    ) -> Option<Self> {
        let mask = Self::from_threshold(map, width, height, threshold)?;
        if seed_threshold <= threshold {
            return Some(mask);
        }
        let (labels, by_size) = mask.labelled();
        let mut kept = vec![false; by_size.len() + 1];
        labels.iter().zip(map).filter(|(_, value)| **value > seed_threshold).for_each(|(&label, _)| kept[label] = true);
        let inside = labels.iter().zip(&mask.inside).map(|(&label, inside)| *inside && kept[label]).collect();
        Some(Self { inside, ..mask })
    }

    /// Number of columns.
    pub fn width(&self) -> usize {
        self.width
    }

    /// Number of rows.
    pub fn height(&self) -> usize {
        self.height
    }

    /// The flags in row-major order.
    pub fn as_slice(&self) -> &[bool] {
        &self.inside
    }

    /// Number of pixels in the mask.
    pub fn count(&self) -> usize {
        self.inside.iter().filter(|&&inside| inside).count()
    }

    /// Whether the pixel is in the mask; false outside the grid.
    pub fn get(&self, x: usize, y: usize) -> bool {
        x < self.width && self.inside.get(y * self.width + x) == Some(&true)
    }

    /// Coordinates (x, y) of the pixels in the mask.
    pub fn pixels(&self) -> impl Iterator<Item = (usize, usize)> + '_ {
        let coordinates = |i: usize| (i % self.width, i / self.width);
        self.inside.iter().enumerate().filter(|(_, inside)| **inside).map(move |(i, _)| coordinates(i))
    }

    /// Bounding box (left, top, right, bottom), inclusive; `None` for an empty mask.
    pub fn bounding_box(&self) -> Option<(usize, usize, usize, usize)> {
        self.pixels().fold(None, |found, (x, y)| {
            let (left, top, right, bottom) = found.unwrap_or((x, y, x, y));
            Some((left.min(x), top.min(y), right.max(x), bottom.max(y)))
        })
    }

    /// The `count` largest 8-connected components, or all if there are fewer, in descending order of size; equal ones
    /// are in row-major order.
    pub fn largest_components(&self, count: usize) -> Vec<Self> {
        let (labels, by_size) = self.labelled();
        let of_label = |label: usize| labels.iter().map(|&other| other == label).collect();
        by_size.into_iter().take(count).map(|label| Self { inside: of_label(label), ..*self }).collect()
    }

    /// The label of each pixel, 0 outside, and the labels in the order of [`Self::largest_components`].
    fn labelled(&self) -> (Vec<usize>, Vec<usize>) {
        let labels = connected_components(&self.image(), Connectivity::Eight, Luma([0]));
        let labels: Vec<usize> = labels.pixels().map(|pixel| pixel[0] as usize).collect();
        let mut sizes: Vec<usize> = vec![0; labels.iter().max().map_or(1, |most| most + 1)];
        labels.iter().for_each(|&label| sizes[label] += 1);
        let mut by_size: Vec<usize> = (1..sizes.len()).collect();
        by_size.sort_by_key(|&label| Reverse(sizes[label]));
        (labels, by_size)
    }

    /// The component of each pixel, numbered from 1 in descending order of size; 0 outside the mask.
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

    /// 3x3 morphological opening.
    pub fn opened(&self) -> Self {
        self.with_image(&morphology::open(&self.image(), Norm::LInf, 1))
    }

    /// 3x3 morphological closing.
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
    fn components_are_sorted_by_size_then_row_major() {
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
    fn hysteresis_keeps_components_with_a_seed() {
        let heights = [".39.3.", "...3..", "......", "3....6", ".3...3"];
        let height = |pixel: u8| f32::from(pixel.checked_sub(b'0').filter(|digit| *digit < 10).unwrap_or(0)) / 10.0;
        let map: Vec<f32> = heights.iter().flat_map(|row| row.bytes().map(height)).collect();
        let of = |seed_threshold| Mask::with_hysteresis(&map, 6, 5, 0.2, seed_threshold).unwrap();
        assert_eq!(of(0.0), Mask::from_threshold(&map, 6, 5, 0.2).unwrap());
        // Diagonal neighbours are connected.
        assert_eq!(of(0.5), mask([".##.#.", "...#..", "......", ".....#", ".....#"]));
        assert_eq!(of(0.8), mask([".##.#.", "...#..", "......", "......", "......"]));
        assert_eq!(of(0.95).count(), 0);
        assert_eq!(Mask::with_hysteresis(&map, 6, 6, 0.2, 0.5), None);
    }
}
