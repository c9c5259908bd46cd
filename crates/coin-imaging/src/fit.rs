//! How a slice of any shape goes on the model's square grid, and how results come back.

use crate::mask::Mask;
use crate::resample::{self, Axis};
use crate::slice::Slice;
use crate::spacing::Spacing;

/// HU around a slice that is padded to a square.
const AIR_HU: f32 = -1024.0;

/// The map between a slice's grid and a square grid of `size` x `size` pixels: the slice, centred in a square (in mm) with air around it, then resized.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Fit {
    columns: Axis,
    rows: Axis,
    spacing: Option<Spacing>,
}

impl Fit {
    /// The map for slices of this one's shape and spacing. `size` is at least 1.
    #[must_use]
    pub fn of(slice: &Slice, size: usize) -> Self {
        let spacing = slice.spacing_or_assumed();
        let fit = Self::of_grid(slice.width(), slice.height(), [spacing.row_mm(), spacing.column_mm()], size);
        Self { spacing: slice.spacing().and(fit.spacing), ..fit }
    }

    /// The map for grids of `width` x `height` pixels that are this far apart: rows, then columns. `size` is at least 1.
    #[must_use]
    pub fn of_grid(width: usize, height: usize, pixel: [f32; 2], size: usize) -> Self {
        let size = size.max(1);
        let [row_mm, column_mm] = pixel.map(f64::from);
        let width_mm = width as f64 * column_mm;
        let height_mm = height as f64 * row_mm;
        let side_mm = width_mm.max(height_mm);
        let axis = |pixels: usize, extent_mm: f64, pixel_mm: f64| Axis {
            input: pixels,
            output: size,
            edge: (extent_mm - side_mm) / (2.0 * pixel_mm),
            step: side_mm / pixel_mm / size as f64,
        };
        let side = (side_mm / size as f64) as f32;
        Self {
            columns: axis(width, width_mm, column_mm),
            rows: axis(height, height_mm, row_mm),
            spacing: Spacing::new(side, side).ok(),
        }
    }

    /// The slice on the square grid, bilinear.
    #[must_use]
    pub fn apply(&self, slice: &Slice) -> Slice {
        slice.resampled(self.columns, self.rows, self.spacing, AIR_HU)
    }

    /// A mask of the slice on the square grid, nearest neighbour.
    #[must_use]
    pub fn apply_mask(&self, mask: &Mask) -> Mask {
        resampled(mask, self.columns, self.rows)
    }

    /// Values of the square grid (row by row) on the slice's own grid, bilinear. The padding does not leak in; `outside` stands for values that are missing.
    #[must_use]
    pub fn undo(&self, values: &[f32], outside: f32) -> Vec<f32> {
        resample::bilinear_covered(values, self.columns.inverse(), self.rows.inverse(), outside)
    }

    /// A mask of the square grid on the slice's own grid, nearest neighbour.
    #[must_use]
    pub fn undo_mask(&self, mask: &Mask) -> Mask {
        resampled(mask, self.columns.inverse(), self.rows.inverse())
    }
}

fn resampled(mask: &Mask, columns: Axis, rows: Axis) -> Mask {
    let inside = resample::nearest(mask.as_slice(), columns, rows, false);
    Mask::new(columns.output, rows.output, inside)
        .unwrap_or_else(|| unreachable!("a flag for each pixel of a grid that has some"))
}
