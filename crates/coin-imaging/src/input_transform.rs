//! The mapping of a slice to the model's square grid, and of results back.

use crate::mask::Mask;
use crate::resample::{self, Axis};
use crate::slice::Slice;
use crate::spacing::Spacing;
use crate::window::Window;

/// Muscle and organs lie above, fat below, even in windowed pictures in which fat is black.
const TISSUE_HU: f32 = -30.0;
/// Width and height of the grid on which the body is located.
const BODY_GRID: usize = 128;
/// Smallest component on that grid, in pixels, that counts as body.
const MIN_COMPONENT_PIXELS: usize = 20;
/// Margin around the body, as a fraction of its longer side.
const MARGIN: f64 = 0.02;
/// A smaller fraction of the slice's longer side does not count as a body.
const MIN_BODY_FRACTION: f64 = 0.25;

/// Maps a slice to a square grid of `size` x `size` pixels and results back: a crop or a padded square in mm, then
/// resampling.
///
/// ```
/// use coin_imaging::phantom::Phantom;
/// use coin_imaging::{InputTransform, Limits, Scan, Window, write};
///
/// // A PNG whose black and white are -100 and 300 HU.
/// let phantom = Phantom::generate(1, 96).slice;
/// let levels: Vec<u8> = phantom.hu().iter().map(|&hu| Window::ABDOMEN.grey(hu)).collect();
/// let png = write::png_8bit(96, 96, &levels).unwrap();
///
/// // Open it, and resample it to a model's input of 64 x 64 values in [-1, 1].
/// let scan = Scan::open(&png, "slice.png", Window::ABDOMEN, &Limits::default()).unwrap();
/// let slice = scan.slice(0).unwrap();
/// let transform = InputTransform::of(slice, 64);
/// let input = transform.input(slice, Window::ABDOMEN);
/// assert_eq!(input.len(), 64 * 64);
/// assert!(input.iter().all(|value| (-1.0..=1.0).contains(value)));
///
/// // Map a result back to the slice's grid.
/// assert_eq!(transform.undo(&input, -1.0).len(), 96 * 96);
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct InputTransform {
    columns: Axis,
    rows: Axis,
    /// Pixel spacing of the square grid; derived from the assumed field of view if the slice has no spacing.
    pixel: Spacing,
    known: bool,
}

impl InputTransform {
    /// The whole slice, centred in a square, for slices of this shape and spacing. A `size` of 0 counts as 1.
    #[must_use]
    pub fn of(slice: &Slice, size: usize) -> Self {
        let spacing = slice.spacing_or_assumed();
        let transform = Self::of_grid(slice.width(), slice.height(), [spacing.row_mm(), spacing.column_mm()], size);
        Self { known: slice.spacing().is_some(), ..transform }
    }

    /// The transform of a model: [`Self::around_body`] or [`Self::of`].
    #[must_use]
    pub fn for_model(slice: &Slice, size: usize, crop_to_body: bool) -> Self {
        if crop_to_body { Self::around_body(slice, size) } else { Self::of(slice, size) }
    }

    /// A square around the body: muscle and organs and everything they enclose, without outer fat, table and air.
    /// Patients get a similar size, and few pixels are spent on air. Falls back to [`Self::of`] if no body is found.
    #[must_use]
    pub fn around_body(slice: &Slice, size: usize) -> Self {
        let whole = Self::of(slice, BODY_GRID);
        let found = Mask::from_threshold(whole.apply(slice, Window::SCANNER).hu(), BODY_GRID, BODY_GRID, TISSUE_HU);
        let components = found.map(|tissue| tissue.opened().largest_components(usize::MAX)).unwrap_or_default();
        // Fat separates muscles and organs into several components; small ones may be the table.
        let boxes = components
            .iter()
            .filter(|component| component.count() >= MIN_COMPONENT_PIXELS)
            .filter_map(Mask::bounding_box);
        let around = boxes
            .reduce(|(l, t, r, b), (left, top, right, bottom)| (l.min(left), t.min(top), r.max(right), b.max(bottom)));
        let Some((left, top, right, bottom)) = around else { return Self::of(slice, size) };
        let side = (right - left).max(bottom - top) as f64 + 1.0;
        if side < MIN_BODY_FRACTION * BODY_GRID as f64 {
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

    /// The transform for grids of `width` x `height` pixels with spacing `pixel` (rows, columns) in mm. A `size` of 0
    /// counts as 1.
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

    /// Pixel spacing of the square grid; derived from the assumed field of view if the slice has no spacing.
    #[must_use]
    pub fn pixel_or_assumed(&self) -> Spacing {
        self.pixel
    }

    /// The square in pixels of the slice, from the outer corner of its first pixel: left, top, width and height.
    #[must_use]
    pub fn square(&self) -> [f64; 4] {
        let [width, height] = [self.columns, self.rows].map(|axis| axis.step * axis.output as f64);
        [self.columns.edge, self.rows.edge, width, height]
    }

    /// Pixel spacing of the square grid; `None` if the slice has no spacing.
    #[must_use]
    pub fn pixel(&self) -> Option<Spacing> {
        self.known.then_some(self.pixel)
    }

    /// Resamples the slice bilinearly to the square grid. Clipping to the window precedes resampling, as in the paper,
    /// so that a scan in HU and a picture of it in this window give the same input.
    #[must_use]
    pub fn apply(&self, slice: &Slice, window: Window) -> Slice {
        slice.resampled(self.columns, self.rows, self.pixel(), window)
    }

    /// The network input: `size * size` row-major values in [-1, 1].
    #[must_use]
    pub fn input(&self, slice: &Slice, window: Window) -> Vec<f32> {
        window.normalise_slice(&self.apply(slice, window))
    }

    /// Resamples a mask of the slice to the square grid with nearest neighbour.
    #[must_use]
    pub fn apply_mask(&self, mask: &Mask) -> Mask {
        resampled(mask, self.columns, self.rows)
    }

    /// Resamples row-major values of the square grid bilinearly to the slice's grid. Padding does not leak in; pixels
    /// outside the square become `outside`.
    #[must_use]
    pub fn undo(&self, values: &[f32], outside: f32) -> Vec<f32> {
        resample::bilinear_covered(values, self.columns.inverse(), self.rows.inverse(), outside)
    }

    /// Resamples a mask of the square grid to the slice's grid with nearest neighbour.
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

    /// The phantom `seed` on a table, at a position in a larger field of view of 1.5 mm pixels.
    fn placed(seed: u64, size: usize, [x, y]: [usize; 2]) -> Slice {
        const SIDE: usize = 320;
        let phantom = Phantom::generate(seed, size).slice;
        let mut hu = vec![AIR_HU; SIDE * SIDE];
        for row in 0..size {
            let start = (y + row) * SIDE + x;
            hu[start..start + size].copy_from_slice(&phantom.hu()[row * size..(row + 1) * size]);
        }
        // Two table feet that survive the opening but are small, away from the patient.
        for (row, foot) in (SIDE - 13..SIDE - 4).flat_map(|row| [(row, 10), (row, SIDE - 30)]) {
            hu[row * SIDE + foot..][..14].fill(200.0);
        }
        Slice::new(SIDE, SIDE, hu, Some(Spacing::new(1.5, 1.5).unwrap())).unwrap()
    }

    #[test]
    fn the_body_crop_does_not_depend_on_position_and_table() {
        let cropped = |slice: &Slice| InputTransform::around_body(slice, 96).apply(slice, Window::PHANTOM);
        for seed in 0..4 {
            let (here, there) = (cropped(&placed(seed, 192, [20, 10])), cropped(&placed(seed, 192, [90, 60])));
            let mean = |values: &mut dyn Iterator<Item = f32>| values.sum::<f32>() / here.hu().len() as f32;
            let apart = mean(&mut here.hu().iter().zip(there.hu()).map(|(a, b)| (a - b).abs()));
            // The shift is a whole number of coarse-grid pixels; otherwise the crops differ by up to one of them.
            assert!(apart < 15.0, "seed {seed}: {apart} HU");
            let shown = InputTransform::around_body(&placed(seed, 192, [20, 10]), 96);
            assert!(shown.pixel_or_assumed().column_mm() < 320.0 * 1.5 / 96.0 / 1.2, "seed {seed}: {shown:?}");
        }
    }

    #[test]
    fn a_scan_and_its_windowed_picture_give_the_same_input() {
        let scan = placed(3, 192, [20, 10]);
        let (window, transform) = (Window::ABDOMEN, InputTransform::of(&scan, 96));
        let shown = scan.hu().iter().map(|&hu| window.to_hu(window.normalise(hu))).collect();
        let picture = Slice::new(scan.width(), scan.height(), shown, scan.spacing()).unwrap();
        let [scan, picture] = [scan, picture].map(|slice| transform.apply(&slice, window));
        let apart = scan.hu().iter().zip(picture.hu()).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(apart < 1e-2, "{apart} HU");
    }

    #[test]
    fn without_a_body_the_whole_slice_is_used() {
        let air = Slice::new(40, 30, vec![AIR_HU; 1200], None).unwrap();
        assert_eq!(InputTransform::around_body(&air, 64), InputTransform::of(&air, 64));
        let speck = (0..1200).map(|i| if (10..15).contains(&(i % 40)) && i / 40 < 5 { 50.0 } else { AIR_HU }).collect();
        let speck = Slice::new(40, 30, speck, None).unwrap();
        assert_eq!(InputTransform::around_body(&speck, 64), InputTransform::of(&speck, 64));
    }

    #[test]
    fn undo_does_not_write_outside_the_crop() {
        let slice = placed(1, 192, [60, 60]);
        let transform = InputTransform::around_body(&slice, 96);
        let ones = transform.undo(&[1.0; 96 * 96], 0.0);
        let inside = ones.iter().filter(|&&value| value == 1.0).count();
        assert_eq!(inside + ones.iter().filter(|&&value| value == 0.0).count(), ones.len());
        // Pixel centres inside the square, along either axis.
        let side_px = transform.pixel_or_assumed().column_mm() * 96.0 / 1.5;
        assert!(((inside as f32).sqrt() - side_px).abs() <= 1.0, "{inside} pixels, {side_px} a side");
        assert!(!transform.undo_mask(&Mask::new(96, 96, vec![true; 96 * 96]).unwrap()).get(0, 0));
    }
}
