//! Synthetic masses and cysts for pretraining. They are procedural; no patient data is involved.

use std::f32::consts::TAU;
use std::ops::Range;

use rand::seq::IndexedRandom;
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use crate::anomaly::Inserted;
use crate::texture::{Texture, smooth};
use crate::{Mask, Slice, Window};

/// Lesion radii in mm, drawn uniformly over the clinical range.
const RADIUS_MM: Range<f32> = 8.0..45.0;
/// Cell sizes of the texture.
const TEXTURE_MM: Range<f32> = 3.0..18.0;
/// Outside the organ, brighter pixels are bone or vessels and stay in front.
const BONE_HU: f32 = 220.0;
/// A lesion with a smaller mean change would be a label without a visible finding.
const MIN_CHANGE_HU: f32 = 35.0;
/// Attempts to draw a visible lesion.
const MAX_ATTEMPTS: usize = 8;
/// Harmonics of the outline.
const WAVES: usize = 4;

/// Inserts a mass or a cyst at a random pixel of `organ`; a large one extends beyond it.
///
/// `None` without an organ, or if no drawn lesion is visible in `window`.
#[must_use]
pub fn insert(slice: &Slice, organ: &Mask, window: Window, seed: u64) -> Option<Inserted> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let pixels: Vec<_> =
        organ.largest_components(2).iter().flat_map(|part| part.pixels().collect::<Vec<_>>()).collect();
    (0..MAX_ATTEMPTS).find_map(|_| {
        let centre = *pixels.choose(&mut rng)?;
        let lesion = Lesion::random(&mut rng);
        lesion.insert(slice, organ, window, centre)
    })
}

/// A lesion around (0, 0), with lengths in mm.
#[derive(Clone, Debug)]
struct Lesion {
    outline: Outline,
    /// Mean HU of the tissue.
    hu: f32,
    texture: Texture,
    /// Amplitude of the texture in HU.
    texture_hu: f32,
    core: Option<Core>,
    /// Additional HU of the rim.
    rim_hu: f32,
    /// Width of the edge transition.
    edge_mm: f32,
}

/// An outline in polar coordinates.
#[derive(Clone, Debug)]
struct Outline {
    radius_mm: f32,
    /// Ratio of the shorter to the longer axis, and the angle of the longer one.
    aspect: f32,
    turn: f32,
    /// Amplitude and phase of each harmonic.
    waves: [(f32, f32); WAVES],
}

/// A necrotic core.
#[derive(Clone, Debug)]
struct Core {
    /// Radius as a fraction of the lesion's.
    share: f32,
    /// HU below the surrounding tissue.
    darker: f32,
}

impl Lesion {
    fn random(rng: &mut impl Rng) -> Self {
        let outline = Outline::random(rng);
        let edge_mm: f32 = rng.random_range(0.8..3.0);
        let texture = Texture::random(TEXTURE_MM, rng);
        // A cyst: fluid, homogeneous, sharply bounded.
        if rng.random_bool(0.25) {
            let hu = rng.random_range(-5.0..30.0);
            let smooth = Outline { waves: [(0.0, 0.0); WAVES], ..outline };
            let texture_hu = rng.random_range(0.0..4.0);
            return Self {
                outline: smooth,
                hu,
                texture,
                texture_hu,
                core: None,
                rim_hu: 0.0,
                edge_mm: edge_mm.min(1.5),
            };
        }
        // A mass: barely to strongly enhancing, with optional necrosis and rim.
        let hu = rng.random_range(30.0..190.0);
        let texture_hu = rng.random_range(4.0..35.0);
        let core = rng
            .random_bool(0.4)
            .then(|| Core { share: rng.random_range(0.25..0.75), darker: rng.random_range(20.0..90.0) });
        let rim_hu = if rng.random_bool(0.3) { rng.random_range(10.0..60.0) } else { 0.0 };
        Self { outline, hu, texture, texture_hu, core, rim_hu, edge_mm }
    }

    fn insert(&self, slice: &Slice, organ: &Mask, window: Window, (x, y): (usize, usize)) -> Option<Inserted> {
        let spacing = slice.spacing_or_assumed();
        let (width, height) = (slice.width(), slice.height());
        let reach_mm = self.outline.reach_mm() + self.edge_mm;
        let reach = |centre: usize, pixel_mm: f32, pixels: usize| {
            let reach = (reach_mm / pixel_mm).ceil() as usize + 1;
            centre.saturating_sub(reach)..(centre + reach + 1).min(pixels)
        };
        let (mut inserted, mut inside) = (slice.hu().to_vec(), vec![false; width * height]);
        let (mut change, mut covered) = (0.0, 0);
        for row in reach(y, spacing.row_mm(), height) {
            let v = (row as f32 - y as f32) * spacing.row_mm();
            for column in reach(x, spacing.column_mm(), width) {
                let u = (column as f32 - x as f32) * spacing.column_mm();
                let i = row * width + column;
                let (Some(hu), Some(inside)) = (inserted.get_mut(i), inside.get_mut(i)) else { continue };
                if *hu > BONE_HU && !organ.get(column, row) {
                    continue;
                }
                let (share, depth_mm) = self.outline.depth(u, v);
                let opaque = smooth((depth_mm / self.edge_mm + 1.0) / 2.0);
                let before = *hu;
                *hu += opaque * (self.at(u, v, share, depth_mm) - before);
                *inside = opaque > 0.5;
                if *inside {
                    let seen = |hu: f32| hu.clamp(window.low(), window.high());
                    change += (seen(*hu) - seen(before)).abs();
                    covered += 1;
                }
            }
        }
        if covered == 0 || change / (covered as f32) < MIN_CHANGE_HU {
            return None;
        }
        let slice = Slice::new(width, height, inserted, slice.spacing()).ok()?;
        Some(Inserted { slice, mask: Mask::new(width, height, inside)? })
    }

    /// HU at (u, v), given its distance from the centre relative to the outline, and its depth inside the outline in
    /// mm.
    fn at(&self, u: f32, v: f32, share: f32, depth_mm: f32) -> f32 {
        let core = self.core.as_ref().map_or(0.0, |core| core.darker * smooth((core.share - share) * 4.0 + 0.5));
        let rim = self.rim_hu * (1.0 - smooth(depth_mm / 3.0));
        self.hu + self.texture_hu * self.texture.at(u, v) - core + rim
    }
}

impl Outline {
    fn random(rng: &mut impl Rng) -> Self {
        let radius_mm = rng.random_range(RADIUS_MM);
        let uneven = rng.random_range(0.0..0.12f32);
        let waves = [(); WAVES].map(|()| (uneven * rng.random_range(-1.0..1.0f32), rng.random_range(0.0..TAU)));
        Self { radius_mm, aspect: rng.random_range(0.65..1.0), turn: rng.random_range(0.0..TAU), waves }
    }

    fn reach_mm(&self) -> f32 {
        self.radius_mm * (1.0 + self.waves.iter().map(|(amplitude, _)| amplitude.abs()).sum::<f32>())
    }

    /// The distance of (u, v) from the centre relative to the outline, and its depth inside the outline in mm.
    fn depth(&self, u: f32, v: f32) -> (f32, f32) {
        let (sin, cos) = self.turn.sin_cos();
        let (along, across) = (u * cos + v * sin, (v * cos - u * sin) / self.aspect);
        let angle = across.atan2(along);
        let wave = |(k, (amplitude, phase)): (usize, &(f32, f32))| amplitude * ((k + 2) as f32 * angle + phase).cos();
        let outline = self.radius_mm * (1.0 + self.waves.iter().enumerate().map(wave).sum::<f32>());
        let distance = along.hypot(across);
        (distance / outline, outline - distance)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::phantom::{Organ, Phantom};

    fn inserted() -> Vec<(Slice, Mask, Inserted)> {
        let of = |seed: u64| {
            let phantom = Phantom::generate(seed % 8, 128);
            let kidneys = phantom.mask(Organ::Kidney);
            let inserted = insert(&phantom.slice, &kidneys, Window::PHANTOM, seed)?;
            Some((phantom.slice, kidneys, inserted))
        };
        (0..120).filter_map(of).collect()
    }

    #[test]
    fn most_seeds_give_a_visible_lesion_in_a_kidney() {
        let inserted = inserted();
        assert!(inserted.len() > 100, "{}", inserted.len());
        for (slice, kidneys, Inserted { slice: with, mask }) in &inserted {
            let changed = |i: usize| (with.hu()[i] - slice.hu()[i]).abs();
            let inside: Vec<usize> = (0..slice.hu().len()).filter(|&i| mask.as_slice()[i]).collect();
            let mean = inside.iter().map(|&i| changed(i)).sum::<f32>() / inside.len() as f32;
            assert!(mean >= MIN_CHANGE_HU - 1e-3, "{mean} HU");
            assert!(inside.iter().any(|&i| kidneys.as_slice()[i]), "it touches no kidney");
            let bone = (0..slice.hu().len()).filter(|&i| slice.hu()[i] > BONE_HU && !kidneys.as_slice()[i]);
            assert!(bone.map(changed).all(|change| change == 0.0), "it covers bone");
        }
    }

    #[test]
    fn lesions_vary_in_brightness_and_size() {
        let inserted = inserted();
        let darker = |(slice, _, found): &&(Slice, Mask, Inserted)| {
            found.slice.hu().iter().sum::<f32>() < slice.hu().iter().sum::<f32>()
        };
        let dark = inserted.iter().filter(darker).count();
        assert!((10..inserted.len() - 10).contains(&dark), "{dark} of {}", inserted.len());
        let area = |(_, _, found): &(Slice, Mask, Inserted)| {
            let spacing = found.slice.spacing_or_assumed();
            found.mask.count() as f32 * spacing.row_mm() * spacing.column_mm()
        };
        let (small, large) = inserted.iter().map(area).fold((f32::MAX, 0.0_f32), |(s, l), a| (s.min(a), l.max(a)));
        assert!(small < 300.0 && large > 4200.0, "{small} to {large} mm2");
    }

    #[test]
    fn one_seed_gives_one_lesion() {
        let phantom = Phantom::generate(2, 128);
        let kidneys = phantom.mask(Organ::Kidney);
        let of = |seed| insert(&phantom.slice, &kidneys, Window::PHANTOM, seed).map(|found| found.slice);
        assert_eq!(of(5), of(5));
        assert_ne!(of(5), of(6));
        let none = Mask::new(128, 128, vec![false; 128 * 128]).unwrap();
        assert!(insert(&phantom.slice, &none, Window::PHANTOM, 5).is_none());
    }
}
