//! Binary masks and the paper's post-processing of them.

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

    /// 8-connected components, largest first.
    pub fn components(&self) -> Vec<Self> {
        let labels = connected_components(&self.image(), Connectivity::Eight, Luma([0]));
        let count = labels.pixels().map(|p| p[0]).max().unwrap_or(0);
        let of_label = |label: u32| Self { inside: labels.pixels().map(|p| p[0] == label).collect(), ..*self };
        let mut components: Vec<Self> = (1..=count).map(of_label).collect();
        components.sort_by_key(|component| std::cmp::Reverse(component.count()));
        components
    }

    /// The paper's post-processing: 3x3 opening, 3x3 closing, largest component.
    pub fn postprocessed(&self) -> Self {
        let cleaned = self.opened().closed();
        cleaned.components().into_iter().next().unwrap_or(cleaned)
    }

    /// 3x3 opening.
    pub fn opened(&self) -> Self {
        self.with_image(&morphology::open(&self.image(), Norm::LInf, 1))
    }

    /// 3x3 closing.
    pub fn closed(&self) -> Self {
        self.with_image(&morphology::close(&self.image(), Norm::LInf, 1))
    }

    /// On another grid over the same field of view, by the nearest pixel centre.
    pub fn resized(&self, width: usize, height: usize) -> Self {
        let nearest = |i: usize, to: usize, from: usize| (((2 * i + 1) * from) / (2 * to)).min(from - 1);
        let row = |y: usize| {
            let y = nearest(y, height, self.height);
            (0..width).map(move |x| self.inside[y * self.width + nearest(x, width, self.width)])
        };
        Self { width, height, inside: (0..height).flat_map(row).collect() }
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
