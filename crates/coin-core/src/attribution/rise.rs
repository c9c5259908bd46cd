//! RISE (Petsiuk et al., arXiv 1806.07421): the mean of random masks, weighted by the classifier's probability for the
//! masked image.

use std::ops::Range;

use burn::tensor::{Tensor, TensorData};
use coin_kernels::Awake;
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use super::{BATCH, Progress, min_max, weighted_sum};
use crate::Error;
use crate::networks::Classifier;

/// Parameters of the random masks.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RiseConfig {
    /// Number of masks.
    pub masks: usize,
    /// Cells per side of a mask's grid.
    pub grid: usize,
    /// Probability that a cell is visible.
    pub shown: f64,
    /// Seed of the masks.
    pub seed: u64,
}

impl RiseConfig {
    /// The largest number of masks.
    const MOST_MASKS: usize = 100_000;

    /// The paper's parameters: 6000 masks of 8 x 8 cells, visible with probability 0.1.
    pub fn paper() -> Self {
        Self { masks: 6000, grid: 8, shown: 0.1, seed: 0 }
    }

    /// The paper's parameters with another number of masks.
    ///
    /// # Errors
    /// If there are none, or more than 100,000.
    pub fn with_masks(masks: usize) -> Result<Self, Error> {
        let most = Self::MOST_MASKS;
        if (1..=most).contains(&masks) {
            Ok(Self { masks, ..Self::paper() })
        } else {
            Err(Error::RiseMasks { masks, most })
        }
    }
}

/// A grid of visible and hidden cells that is upsampled over an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GridMask {
    /// Whether each cell is visible, in row-major order.
    pub cells: Vec<bool>,
    /// Rows and columns by which the upsampled grid is shifted up and left; less than a cell.
    pub shift: [usize; 2],
}

/// The masks of RISE; the same set serves all images of a size.
#[derive(Clone, Debug)]
pub struct Rise {
    grid: usize,
    masks: Vec<GridMask>,
}

impl Rise {
    /// Draws masks for images of `size` (height, width).
    ///
    /// # Panics
    /// If `config.shown` is not a probability.
    pub fn draw(config: &RiseConfig, size: [usize; 2]) -> Self {
        let grid = config.grid.max(1);
        let mut rng = ChaCha8Rng::seed_from_u64(config.seed);
        let masks = (0..config.masks).map(|_| GridMask {
            cells: (0..grid * grid).map(|_| rng.random_bool(config.shown)).collect(),
            shift: size.map(|side| rng.random_range(0..side.div_ceil(grid).max(1))),
        });
        Self { grid, masks: masks.collect() }
    }

    /// Uses given masks of `grid` x `grid` cells; `None` if a mask has another number of cells.
    pub fn of(grid: usize, masks: Vec<GridMask>) -> Option<Self> {
        let square = grid > 0 && masks.iter().all(|mask| mask.cells.len() == grid * grid);
        square.then_some(Self { grid, masks })
    }

    /// The masks, in summation order.
    pub fn masks(&self) -> &[GridMask] {
        &self.masks
    }

    /// Computes the saliency map of one image; `None` if `progress` cancelled it. Hidden pixels become mid-grey (0).
    pub fn map(&self, classifier: &Classifier, image: Tensor<4>, progress: Progress<'_>) -> Option<Tensor<4>> {
        // RISE divides by the number of masks and the visible fraction; min-max scaling cancels both.
        self.sum(classifier, image, 0..self.masks.len(), progress).map(min_max)
    }

    /// Sums the masks in `range`, weighted by the classifier's probability for the masked image, to `[1, 1, height,
    /// width]`; `None` if `progress` cancelled it.
    ///
    /// Ranges can run in parallel: the saliency map is the sum over all of them, scaled to [0, 1].
    pub fn sum(
        &self,
        classifier: &Classifier,
        image: Tensor<4>,
        range: Range<usize>,
        progress: Progress<'_>,
    ) -> Option<Tensor<4>> {
        let _awake = Awake::on(&image.device());
        let [_, _, height, width] = image.dims();
        let masks = self.masks.get(range).unwrap_or_default();
        let mut sum = image.zeros_like();
        let mut done = 0;
        for batch in masks.chunks(BATCH) {
            let mut values = Vec::with_capacity(batch.len() * height * width);
            batch.iter().for_each(|mask| self.upsample(mask, [height, width], &mut values));
            let shape = [batch.len(), 1, height, width];
            let tensor = Tensor::<4>::from_data(TensorData::new(values, shape), &image.device());
            sum = sum + weighted_sum(classifier, &image, tensor.clone(), tensor);
            done += batch.len();
            if !progress(done, masks.len()) {
                return None;
            }
        }
        Some(sum)
    }

    /// Upsamples a mask bilinearly to one cell more than the image, and appends the shifted crop of the image's size.
    fn upsample(&self, mask: &GridMask, [height, width]: [usize; 2], pixels: &mut Vec<f32>) {
        let rows = self.positions(height, mask.shift[0]);
        let columns = self.positions(width, mask.shift[1]);
        let between = |a: f32, b: f32, share: f32| a + (b - a) * share;
        let across = |cells: &[bool]| -> Vec<f32> {
            let at = |column: usize| f32::from(u8::from(cells[column]));
            columns.iter().map(|&(left, right, share)| between(at(left), at(right), share)).collect()
        };
        let lines: Vec<Vec<f32>> = mask.cells.chunks(self.grid).map(across).collect();
        for (top, bottom, down) in rows {
            let pairs = lines[top].iter().zip(&lines[bottom]);
            pixels.extend(pairs.map(|(above, below)| between(*above, *below, down)));
        }
    }

    /// For each pixel of an axis: the cells before and after it, and the interpolation weight of the second. The grid
    /// is mirrored beyond its outermost cell centres.
    fn positions(&self, side: usize, shift: usize) -> Vec<(usize, usize, f32)> {
        let cell = side.div_ceil(self.grid) as f32;
        let upsampled = (self.grid + 1) as f32 * cell;
        let last = self.grid - 1;
        let position = |pixel: usize| {
            let place = (pixel as f32 + 0.5) * self.grid as f32 / upsampled - 0.5;
            if place < 0.0 {
                return (0, last.min(1), -place);
            }
            let before = (place as usize).min(last);
            let after = if before == last { last.saturating_sub(1) } else { before + 1 };
            (before, after, place - before as f32)
        };
        (shift..shift + side).map(position).collect()
    }
}
