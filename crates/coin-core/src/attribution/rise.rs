//! RISE (Petsiuk et al. 2018): the mean of random masks, each counting as much as the classifier likes what it shows.

use std::ops::Range;

use burn::tensor::{Tensor, TensorData};
use coin_kernels::Awake;
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

use super::{BATCH, Progress, min_max, weighted_sum};
use crate::networks::Classifier;

/// How masks are drawn.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RiseConfig {
    /// Random masks.
    pub masks: usize,
    /// Cells a side of a mask's grid.
    pub grid: usize,
    /// Probability of a cell to be shown.
    pub shown: f64,
    /// Decides the masks.
    pub seed: u64,
}

impl RiseConfig {
    /// More masks than anyone has time for.
    pub const MOST_MASKS: usize = 100_000;

    /// The paper's: 6000 masks of 8 x 8 cells, of which a tenth is shown.
    pub fn paper() -> Self {
        Self { masks: 6000, grid: 8, shown: 0.1, seed: 0 }
    }
}

/// A grid of cells, shown or hidden, that is enlarged over an image.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GridMask {
    /// Shown cells, row by row.
    pub cells: Vec<bool>,
    /// Rows and columns by which the enlarged grid is moved up and left; less than a cell.
    pub shift: [usize; 2],
}

/// The masks of RISE, the same for every image.
#[derive(Clone, Debug)]
pub struct Rise {
    grid: usize,
    masks: Vec<GridMask>,
}

impl Rise {
    /// Draws masks for images of `[height, width]`.
    pub fn draw(config: &RiseConfig, size: [usize; 2]) -> Self {
        let grid = config.grid.max(1);
        let mut rng = ChaCha8Rng::seed_from_u64(config.seed);
        let masks = (0..config.masks).map(|_| GridMask {
            cells: (0..grid * grid).map(|_| rng.random_bool(config.shown)).collect(),
            shift: size.map(|side| rng.random_range(0..side.div_ceil(grid).max(1))),
        });
        Self { grid, masks: masks.collect() }
    }

    /// Masks of `grid` x `grid` cells that were drawn elsewhere; `None` where one has another number of cells.
    pub fn of(grid: usize, masks: Vec<GridMask>) -> Option<Self> {
        let square = grid > 0 && masks.iter().all(|mask| mask.cells.len() == grid * grid);
        square.then_some(Self { grid, masks })
    }

    /// The masks, in the order in which they are added up.
    pub fn masks(&self) -> &[GridMask] {
        &self.masks
    }

    /// The map of one image, `None` when `progress` stopped it. What a mask hides becomes mid-grey.
    pub fn map(&self, classifier: &Classifier, image: Tensor<4>, progress: Progress<'_>) -> Option<Tensor<4>> {
        // RISE divides by the number of masks and by the share that is shown, which the scaling undoes.
        self.sum(classifier, image, 0..self.masks.len(), progress).map(min_max)
    }

    /// The sum of the masks in a range, `[1, 1, height, width]`, each weighted with the classifier's probability for the image
    /// seen through it; `None` when `progress` stopped it. Ranges can be shared out: the map is the sum of all, scaled onto
    /// [0, 1].
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
            batch.iter().for_each(|mask| self.enlarge(mask, [height, width], &mut values));
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

    /// Appends the mask enlarged, by interpolation, to one cell more than the image, and of that the image's part.
    fn enlarge(&self, mask: &GridMask, [height, width]: [usize; 2], pixels: &mut Vec<f32>) {
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

    /// For each pixel of a side: the cells before and after it, and its place between their centres. Beyond the outermost
    /// centres the grid is mirrored.
    fn positions(&self, side: usize, shift: usize) -> Vec<(usize, usize, f32)> {
        let cell = side.div_ceil(self.grid) as f32;
        let enlarged = (self.grid + 1) as f32 * cell;
        let last = self.grid - 1;
        let position = |pixel: usize| {
            let place = (pixel as f32 + 0.5) * self.grid as f32 / enlarged - 0.5;
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
