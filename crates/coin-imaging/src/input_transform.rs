//! How a slice of any shape goes on the model's square grid, and how results come back.

use crate::mask::Mask;
use crate::resample::{self, Axis};
use crate::slice::Slice;
use crate::spacing::Spacing;
use crate::window::Window;

/// Muscle and organs are above, fat is below, also in pictures whose black is fat.
const TISSUE_HU: f32 = -30.0;
/// The body is looked for on a grid of so many pixels a side.
const BODY_GRID: usize = 128;
/// Pixels of that grid that a component of the body has at least.
const SMALLEST_COMPONENT: usize = 20;
/// Left free around the body, as a share of its longer side.
const MARGIN: f64 = 0.02;
/// A body smaller than this share of the slice's longer side is none.
const SMALLEST_BODY: f64 = 0.25;

/// The map between a slice's grid and a square grid of `size` x `size` pixels: the slice, centred in a square (in mm) with black around it, then resized.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct InputTransform {
    columns: Axis,
    rows: Axis,
    /// Of the square grid; from the field of view that is assumed, where the slice does not know its own.
    pixel: Spacing,
    known: bool,
}

impl InputTransform {
    /// The map for slices of this one's shape and spacing. `size` is at least 1.
    #[must_use]
    pub fn of(slice: &Slice, size: usize) -> Self {
        let spacing = slice.spacing_or_assumed();
        let transform = Self::of_grid(slice.width(), slice.height(), [spacing.row_mm(), spacing.column_mm()], size);
        Self { known: slice.spacing().is_some(), ..transform }
    }

    /// The map for a model's input: around the body where it wants it cropped, else of the whole slice.
    #[must_use]
    pub fn for_model(slice: &Slice, size: usize, crop_to_body: bool) -> Self {
        if crop_to_body { Self::around_body(slice, size) } else { Self::of(slice, size) }
    }

    /// The map of a square around the body: muscle and organs with all that they enclose, without the fat, table and air
    /// around, so that patients come to one size and few pixels are spent on air. A slice without a body is taken whole.
    #[must_use]
    pub fn around_body(slice: &Slice, size: usize) -> Self {
        let whole = Self::of(slice, BODY_GRID);
        let found = Mask::from_threshold(whole.apply(slice, Window::SCANNER).hu(), BODY_GRID, BODY_GRID, TISSUE_HU);
        let components = found.map(|tissue| tissue.opened().largest_components(usize::MAX)).unwrap_or_default();
        // Fat parts muscles and organs from each other; what is small may be the table.
        let boxes = components
            .iter()
            .filter(|component| component.count() >= SMALLEST_COMPONENT)
            .filter_map(Mask::bounding_box);
        let around = boxes
            .reduce(|(l, t, r, b), (left, top, right, bottom)| (l.min(left), t.min(top), r.max(right), b.max(bottom)));
        let Some((left, top, right, bottom)) = around else { return Self::of(slice, size) };
        let side = (right - left).max(bottom - top) as f64 + 1.0;
        if side < SMALLEST_BODY * BODY_GRID as f64 {
            return Self::of(slice, size);
        }
        let side = side * (1.0 + 2.0 * MARGIN);
        let scale = side / size.max(1) as f64;
        let axis = |axis: Axis, first: usize, last: usize| Axis {
            output: size.max(1),
            edge: axis.edge + ((first + last + 1) as f64 - side) / 2.0 * axis.step,
            step: axis.step * scale,
            ..axis
        };
        let mm = whole.pixel.column_mm() * scale as f32;
        Self {
            columns: axis(whole.columns, left, right),
            rows: axis(whole.rows, top, bottom),
            pixel: Spacing::clamped(mm, mm),
            ..whole
        }
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
            pixel: Spacing::clamped(side, side),
            known: true,
        }
    }

    /// Size of the square grid's pixels: of the field of view that is assumed, where the slice does not know its own.
    #[must_use]
    pub fn pixel_or_assumed(&self) -> Spacing {
        self.pixel
    }

    /// The square in the slice's pixels, which count from the outer edge of the first: its left and upper edge, its width and
    /// its height.
    #[must_use]
    pub fn square(&self) -> [f64; 4] {
        let [width, height] = [self.columns, self.rows].map(|axis| axis.step * axis.output as f64);
        [self.columns.edge, self.rows.edge, width, height]
    }

    /// Size of the square grid's pixels, where the slice knows its own.
    #[must_use]
    pub fn pixel(&self) -> Option<Spacing> {
        self.known.then_some(self.pixel)
    }

    /// The slice on the square grid, bilinear: cut to the window first and then resized, as in the paper, so that on the same
    /// square a scan in HU becomes what its picture in this window becomes.
    #[must_use]
    pub fn apply(&self, slice: &Slice, window: Window) -> Slice {
        slice.resampled(self.columns, self.rows, self.pixel(), window)
    }

    /// What a model of this window sees of the slice: `size * size` values in [-1, 1], row by row.
    #[must_use]
    pub fn input(&self, slice: &Slice, window: Window) -> Vec<f32> {
        window.normalise_slice(&self.apply(slice, window))
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

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::phantom::Phantom;

    const AIR_HU: f32 = -1024.0;

    /// The phantom `seed` on a table, somewhere in a wider field of view of 1.5 mm.
    fn placed(seed: u64, size: usize, [x, y]: [usize; 2]) -> Slice {
        const SIDE: usize = 320;
        let phantom = Phantom::generate(seed, size).slice;
        let mut hu = vec![AIR_HU; SIDE * SIDE];
        for row in 0..size {
            let start = (y + row) * SIDE + x;
            hu[start..start + size].copy_from_slice(&phantom.hu()[row * size..(row + 1) * size]);
        }
        // A table that is thick enough to survive the opening, but small: its two feet, away from the patient.
        for (row, foot) in (SIDE - 13..SIDE - 4).flat_map(|row| [(row, 10), (row, SIDE - 30)]) {
            hu[row * SIDE + foot..][..14].fill(200.0);
        }
        Slice::new(SIDE, SIDE, hu, Some(Spacing::new(1.5, 1.5).unwrap())).unwrap()
    }

    #[test]
    fn around_the_body_a_patient_looks_the_same_wherever_and_on_whatever_table_he_lies() {
        let cropped = |slice: &Slice| InputTransform::around_body(slice, 96).apply(slice, Window::PHANTOM);
        for seed in 0..4 {
            let (here, there) = (cropped(&placed(seed, 192, [20, 10])), cropped(&placed(seed, 192, [90, 60])));
            let mean = |values: &mut dyn Iterator<Item = f32>| values.sum::<f32>() / here.hu().len() as f32;
            let apart = mean(&mut here.hu().iter().zip(there.hu()).map(|(a, b)| (a - b).abs()));
            // Moved by whole pixels of the coarse grid on which the body is looked for; in between the crops differ by up to one.
            assert!(apart < 15.0, "seed {seed}: {apart} HU");
            let shown = InputTransform::around_body(&placed(seed, 192, [20, 10]), 96);
            assert!(shown.pixel_or_assumed().column_mm() < 320.0 * 1.5 / 96.0 / 1.2, "seed {seed}: {shown:?}");
        }
    }

    #[test]
    fn a_scan_becomes_what_its_picture_becomes() {
        let scan = placed(3, 192, [20, 10]);
        let (window, transform) = (Window::ABDOMEN, InputTransform::of(&scan, 96));
        let shown = scan.hu().iter().map(|&hu| window.to_hu(window.normalise(hu))).collect();
        let picture = Slice::new(scan.width(), scan.height(), shown, scan.spacing()).unwrap();
        let [scan, picture] = [scan, picture].map(|slice| transform.apply(&slice, window));
        let apart = scan.hu().iter().zip(picture.hu()).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(apart < 1e-2, "{apart} HU");
    }

    #[test]
    fn without_a_body_the_slice_is_taken_whole() {
        let air = Slice::new(40, 30, vec![AIR_HU; 1200], None).unwrap();
        assert_eq!(InputTransform::around_body(&air, 64), InputTransform::of(&air, 64));
        let speck = (0..1200).map(|i| if (10..15).contains(&(i % 40)) && i / 40 < 5 { 50.0 } else { AIR_HU }).collect();
        let speck = Slice::new(40, 30, speck, None).unwrap();
        assert_eq!(InputTransform::around_body(&speck, 64), InputTransform::of(&speck, 64));
    }

    #[test]
    fn nothing_is_undone_beyond_the_crop() {
        let slice = placed(1, 192, [60, 60]);
        let transform = InputTransform::around_body(&slice, 96);
        let ones = transform.undo(&[1.0; 96 * 96], 0.0);
        let inside = ones.iter().filter(|&&value| value == 1.0).count();
        assert_eq!(inside + ones.iter().filter(|&&value| value == 0.0).count(), ones.len());
        // Centres of pixels that the square holds, in either direction.
        let side_px = transform.pixel_or_assumed().column_mm() * 96.0 / 1.5;
        assert!(((inside as f32).sqrt() - side_px).abs() <= 1.0, "{inside} pixels, {side_px} a side");
        assert!(!transform.undo_mask(&Mask::new(96, 96, vec![true; 96 * 96]).unwrap()).get(0, 0));
    }
}
