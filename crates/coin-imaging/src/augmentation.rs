//! Random affine transforms of a slice and its masks, for training (paper section 4).

use image::{ImageBuffer, Luma, Pixel, Primitive};
use imageproc::definitions::Clamp;
use imageproc::geometric_transformations::{Border, Interpolation, Projection, warp};
use rand::{Rng, RngExt};
use serde::{Deserialize, Serialize};

use crate::{Mask, Slice};

/// How slices are moved. Shares of the slices, and bounds of what is drawn evenly.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Augmentation {
    /// Share that is mirrored left to right.
    pub horizontal_flip: f64,
    /// Share that is mirrored top to bottom.
    pub vertical_flip: f64,
    /// Share that is shifted, scaled and turned.
    pub affine: f64,
    /// Largest shift, in sides of the image.
    pub shift: f32,
    /// Largest change of scale.
    pub scale: f32,
    /// Largest turn in degrees.
    pub rotate: f32,
}

impl Augmentation {
    /// The paper's for classifiers.
    pub const PAPER: Self =
        Self { horizontal_flip: 0.5, vertical_flip: 0.1, affine: 0.5, shift: 0.07, scale: 0.1, rotate: 10.0 };

    /// What is wrong with these numbers, if anything: the key, a colon, and why.
    pub fn problem(&self) -> Option<String> {
        let Self { horizontal_flip, vertical_flip, affine, shift, scale, rotate } = *self;
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
    }

    /// Draws one affine transform for an image of `width` x `height` pixels.
    pub fn draw(&self, width: usize, height: usize, rng: &mut impl Rng) -> AffineAugmentation {
        let (width, height) = (width as f32, height as f32);
        let centre = [(width - 1.0) / 2.0, (height - 1.0) / 2.0];
        let mut within = |most: f32| (2.0 * rng.random::<f32>() - 1.0) * most;
        // All numbers are drawn whether they are used or not, so that the rest of a sample does not depend on it.
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

/// An affine transform of pixels.
#[derive(Clone, Copy, Debug)]
pub struct AffineAugmentation {
    projection: Projection,
}

impl AffineAugmentation {
    /// The slice, moved; what comes in from beyond its border is `border` HU.
    pub fn slice(&self, slice: &Slice, border: f32) -> Slice {
        let (width, height) = (slice.width(), slice.height());
        let moved = self.moved(width, height, slice.hu().to_vec(), border, Interpolation::Bilinear);
        // As many pixels as before, and bilinear means of finite HU are finite.
        moved.and_then(|moved| Slice::new(width, height, moved, slice.spacing()).ok()).unwrap_or_else(|| slice.clone())
    }

    /// The mask, moved alike.
    pub fn mask(&self, mask: &Mask) -> Mask {
        let (width, height) = (mask.width(), mask.height());
        let inside = mask.as_slice().iter().map(|&inside| u8::from(inside)).collect();
        let moved = self.moved(width, height, inside, 0, Interpolation::Nearest);
        let moved = moved.map(|moved| moved.into_iter().map(|inside| inside > 0).collect());
        moved.and_then(|moved| Mask::new(width, height, moved)).unwrap_or_else(|| mask.clone())
    }

    /// The values, moved; `None` where they are not `width` x `height`.
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

    const STILL: Augmentation =
        Augmentation { horizontal_flip: 0.0, vertical_flip: 0.0, affine: 0.0, shift: 0.0, scale: 0.0, rotate: 0.0 };

    fn moved(augmentation: Augmentation, seed: u64) -> (Slice, Slice, Mask, Mask) {
        let phantom = Phantom::generate(3, 64);
        let kidneys = phantom.mask(Organ::Kidney);
        let affine = augmentation.draw(64, 64, &mut ChaCha8Rng::seed_from_u64(seed));
        (affine.slice(&phantom.slice, -1000.0), phantom.slice, affine.mask(&kidneys), kidneys)
    }

    #[test]
    fn nothing_asked_for_changes_nothing() {
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
    fn the_paper_s_moves_by_its_seed_and_within_its_bounds() {
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
    fn impossible_numbers_are_named() {
        assert_eq!(Augmentation::PAPER.problem(), None);
        let problem = Augmentation { shift: -0.1, ..STILL }.problem().unwrap();
        assert!(problem.starts_with("shift: -0.1"), "{problem}");
    }
}
