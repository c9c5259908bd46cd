//! Random augmentation: affine transforms of a slice and its masks (paper section 4), and gain of its intensities.

use image::{ImageBuffer, Luma, Pixel, Primitive};
use imageproc::definitions::Clamp;
use imageproc::geometric_transformations::{Border, Interpolation, Projection, warp};
use rand::{Rng, RngExt};
use serde::{Deserialize, Serialize};

use crate::{Mask, Slice, Window};

/// Probabilities of the transforms, and bounds of their uniformly drawn parameters.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Augmentation {
    /// Probability of a horizontal flip.
    pub horizontal_flip: f64,
    /// Probability of a vertical flip.
    pub vertical_flip: f64,
    /// Probability of shift, scale and rotation.
    pub affine: f64,
    /// Largest shift as a fraction of width and height.
    pub shift: f32,
    /// Largest relative change of scale.
    pub scale: f32,
    /// Largest rotation in degrees.
    pub rotate: f32,
    /// Largest relative change of the intensities above the lower end of the window, for images whose brightness differs between
    /// scanners.
    #[serde(default)]
    pub gain: f32,
}

impl Augmentation {
    /// The paper's parameters for classifiers.
    pub const PAPER: Self = Self {
        horizontal_flip: 0.5,
        vertical_flip: 0.1,
        affine: 0.5,
        shift: 0.07,
        scale: 0.1,
        rotate: 10.0,
        gain: 0.0,
    };

    /// Returns what is invalid, if anything, as `key: reason`.
    pub fn problem(&self) -> Option<String> {
        let Self { horizontal_flip, vertical_flip, affine, shift, scale, rotate, gain } = *self;
        let shares = [("horizontal_flip", horizontal_flip), ("vertical_flip", vertical_flip), ("affine", affine)];
        let beyond = |(name, value): (&str, f64), most: f64| {
            (!(0.0..=most).contains(&value)).then(|| format!("{name}: {value} is not between 0 and {most}"))
        };
        shares
            .into_iter()
            .find_map(|share| beyond(share, 1.0))
            .or_else(|| beyond(("shift", shift.into()), 1.0))
            .or_else(|| beyond(("scale", scale.into()), 0.9))
            .or_else(|| beyond(("rotate", rotate.into()), 180.0))
            .or_else(|| beyond(("gain", gain.into()), 0.9))
    }

    /// Draws the window that changes the intensities by a random gain. Without gain, it draws nothing, so that the random streams
    /// of recipes without it stay the same.
    pub fn draw_window(&self, window: Window, rng: &mut impl Rng) -> Window {
        if self.gain == 0.0 {
            return window;
        }
        let gain = 1.0 + (2.0 * rng.random::<f32>() - 1.0) * self.gain;
        Window::new(window.low(), window.low() + (window.high() - window.low()) / gain).unwrap_or(window)
    }

    /// Draws a transform for an image of `width` x `height` pixels.
    pub fn draw(&self, width: usize, height: usize, rng: &mut impl Rng) -> AffineAugmentation {
        let (width, height) = (width as f32, height as f32);
        let centre = [(width - 1.0) / 2.0, (height - 1.0) / 2.0];
        let mut within = |most: f32| (2.0 * rng.random::<f32>() - 1.0) * most;
        // Draw all numbers, used or not, so that the random stream does not depend on the outcome.
        let (dx, dy) = (within(self.shift) * width, within(self.shift) * height);
        let (scale, turn) = (1.0 + within(self.scale), within(self.rotate).to_radians());
        let [mirrored, upended, moved] =
            [self.horizontal_flip, self.vertical_flip, self.affine].map(|share| rng.random_bool(share));
        let sign = |flipped: bool| if flipped { -1.0 } else { 1.0 };
        let mut about_centre = Projection::scale(sign(mirrored), sign(upended));
        if moved {
            about_centre = about_centre
                .and_then(Projection::rotate(turn))
                .and_then(Projection::scale(scale, scale))
                .and_then(Projection::translate(dx, dy));
        }
        let [x, y] = centre;
        let from_centre = Projection::translate(-x, -y);
        AffineAugmentation { projection: from_centre.and_then(about_centre).and_then(Projection::translate(x, y)) }
    }
}

/// An affine transform of an image.
#[derive(Clone, Copy, Debug)]
pub struct AffineAugmentation {
    projection: Projection,
}

impl AffineAugmentation {
    /// Transforms the slice bilinearly; pixels from outside become `border` HU.
    pub fn slice(&self, slice: &Slice, border: f32) -> Slice {
        let (width, height) = (slice.width(), slice.height());
        let moved = self.moved(width, height, slice.hu().to_vec(), border, Interpolation::Bilinear);
        // The number of pixels is unchanged, and bilinear means of finite HU are finite.
        moved.and_then(|moved| Slice::new(width, height, moved, slice.spacing()).ok()).unwrap_or_else(|| slice.clone())
    }

    /// Transforms the mask with nearest neighbour.
    pub fn mask(&self, mask: &Mask) -> Mask {
        let (width, height) = (mask.width(), mask.height());
        let inside = mask.as_slice().iter().map(|&inside| u8::from(inside)).collect();
        let moved = self.moved(width, height, inside, 0, Interpolation::Nearest);
        let moved = moved.map(|moved| moved.into_iter().map(|inside| inside > 0).collect());
        moved.and_then(|moved| Mask::new(width, height, moved)).unwrap_or_else(|| mask.clone())
    }

    /// Warps `width` x `height` values; `None` if their number differs.
    fn moved<T>(&self, width: usize, height: usize, values: Vec<T>, border: T, by: Interpolation) -> Option<Vec<T>>
    where
        Luma<T>: Pixel<Subpixel = T>,
        T: Primitive + Into<f32> + Clamp<f32> + Send + Sync,
    {
        let image: ImageBuffer<Luma<T>, Vec<T>> = ImageBuffer::from_raw(width as u32, height as u32, values)?;
        Some(warp(&image, self.projection, by, Border::Constant(Luma([border]))).into_raw())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::phantom::{Organ, Phantom};
    use rand::SeedableRng as _;
    use rand_chacha::ChaCha8Rng;

    const STILL: Augmentation = Augmentation {
        horizontal_flip: 0.0,
        vertical_flip: 0.0,
        affine: 0.0,
        shift: 0.0,
        scale: 0.0,
        rotate: 0.0,
        gain: 0.0,
    };

    fn moved(augmentation: Augmentation, seed: u64) -> (Slice, Slice, Mask, Mask) {
        let phantom = Phantom::generate(3, 64);
        let kidneys = phantom.mask(Organ::Kidney);
        let affine = augmentation.draw(64, 64, &mut ChaCha8Rng::seed_from_u64(seed));
        (affine.slice(&phantom.slice, -1000.0), phantom.slice, affine.mask(&kidneys), kidneys)
    }

    #[test]
    fn without_transforms_the_slice_is_unchanged() {
        let (slice, before, kidneys, kidneys_before) = moved(STILL, 1);
        assert_eq!((slice.hu(), &kidneys), (before.hu(), &kidneys_before));
    }

    #[test]
    fn flips_mirror_slice_and_mask() {
        let flipped =
            |horizontal_flip, vertical_flip| moved(Augmentation { horizontal_flip, vertical_flip, ..STILL }, 1);
        let (across, before, kidneys, kidneys_before) = flipped(1.0, 0.0);
        for (y, x) in (0..64).flat_map(|y| (0..64).map(move |x| (y, x))) {
            assert!((across.hu()[y * 64 + x] - before.hu()[y * 64 + 63 - x]).abs() < 0.01, "{x}, {y}");
            assert_eq!(kidneys.get(x, y), kidneys_before.get(63 - x, y));
        }
        let (down, before, _, _) = flipped(0.0, 1.0);
        assert!((down.hu()[5 * 64 + 30] - before.hu()[58 * 64 + 30]).abs() < 0.01);
    }

    #[test]
    fn a_gain_scales_intensities_from_the_lower_end_of_the_window() {
        let window = Window::new(-100.0, 300.0).unwrap();
        let mut rng = ChaCha8Rng::seed_from_u64(1);
        let gains: Vec<f32> = (0..200)
            .map(|_| Augmentation { gain: 0.25, ..STILL }.draw_window(window, &mut rng))
            .map(|drawn| {
                assert_eq!(drawn.low(), window.low());
                400.0 / (drawn.high() - drawn.low())
            })
            .collect();
        let (least, most) = gains.iter().fold((f32::MAX, f32::MIN), |(a, b), &gain| (a.min(gain), b.max(gain)));
        assert!((0.75..0.76).contains(&least) && (1.24..=1.2501).contains(&most), "{least} to {most}");
        let (mut drawn, mut untouched) = (rng.clone(), rng);
        assert_eq!(STILL.draw_window(window, &mut drawn), window);
        assert_eq!(drawn.random::<u64>(), untouched.random::<u64>(), "no random number is drawn");
    }

    #[test]
    fn the_papers_augmentation_is_seeded_and_bounded() {
        let all = Augmentation { affine: 1.0, ..Augmentation::PAPER };
        assert_eq!(moved(all, 5).0.hu(), moved(all, 5).0.hu());
        assert_ne!(moved(all, 5).0.hu(), moved(all, 6).0.hu());
        for seed in 0..20 {
            let (_, _, kidneys, before) = moved(Augmentation { horizontal_flip: 0.0, vertical_flip: 0.0, ..all }, seed);
            let share = kidneys.count() as f32 / before.count() as f32;
            assert!((0.75..1.3).contains(&share), "seed {seed}: {share} of the kidneys");
        }
    }

    #[test]
    fn invalid_parameters_are_reported() {
        assert_eq!(Augmentation::PAPER.problem(), None);
        let problem = Augmentation { shift: -0.1, ..STILL }.problem().unwrap();
        assert!(problem.starts_with("shift: -0.1"), "{problem}");
    }
}
