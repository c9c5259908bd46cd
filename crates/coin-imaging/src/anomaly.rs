//! The paper's synthetic anomaly (section 4): a bright, distorted Gaussian blob inserted into an organ.

use std::f32::consts::SQRT_2;
use std::ops::Range;

use rand::seq::IndexedRandom;
use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use crate::texture::{Texture, smooth};
use crate::{Mask, Slice, Window};

/// Standard deviation of the blob, whose template spans [-1, 1].
const SIGMA: f32 = 0.4;
/// The mask of an anomaly is `template > 0.25`.
const MASK_LEVEL: f32 = 0.25;
/// Cell size of the fading texture.
const FADING_CELL_MM: Range<f32> = 4.0..12.0;
/// Smallest organ, in pixels, that gets an anomaly.
const MIN_ORGAN_PIXELS: usize = 32;

/// Size and brightness of synthetic anomalies.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AnomalyStyle {
    /// Template width before distortion, in mm; 30 in the paper (20 pixels of 1.5 mm).
    pub diameter_mm: f32,
    /// Range of the peak contrast as a fraction of the window; 0.9 to 0.9 in the paper.
    pub contrast: [f32; 2],
    /// Patchy fading: each anomaly locally loses up to a random fraction of its contrast between 0 and this; 0 in the
    /// paper. A classifier trained on faded anomalies does not accept a counterfactual that removes only part of one.
    #[serde(default)]
    pub fading: f32,
}

impl AnomalyStyle {
    /// The paper's style: 30 mm.
    pub const PAPER: Self = Self { diameter_mm: 30.0, contrast: [0.9, 0.9], fading: 0.0 };

    /// The style for phantoms: 42 mm, so that anomalies are visible at 128 pixels.
    pub const PHANTOM: Self = Self { diameter_mm: 42.0, ..Self::PAPER };

    /// Returns what is invalid, if anything, as `key: reason`.
    pub fn problem(&self) -> Option<String> {
        if !(1.0..=200.0).contains(&self.diameter_mm) {
            return Some(format!("diameter_mm: {} is not between 1 and 200 mm", self.diameter_mm));
        }
        if !(0.0..=1.0).contains(&self.fading) {
            return Some(format!("fading: {} is not between 0 and 1", self.fading));
        }
        let [low, high] = self.contrast;
        let rises = 0.0 <= low && low <= high && high <= 1.0;
        (!rises).then(|| format!("contrast: [{low}, {high}] does not rise from 0 or more to 1 or less"))
    }
}

/// A slice with a synthetic anomaly or lesion, and its mask.
#[derive(Clone, Debug)]
pub struct Inserted {
    /// The slice with the anomaly.
    pub slice: Slice,
    /// `template > 0.25` for an anomaly, opacity above one half for a lesion. Never empty.
    pub mask: Mask,
}

/// Inserts an anomaly at a random point strictly inside one of the two largest components of `organ`.
///
/// `None` if the organ is too small: fewer than 32 pixels, a bounding box no larger than the template, or no pixel
/// whose eight neighbours all belong to the organ.
pub fn insert(slice: &Slice, organ: &Mask, window: Window, style: &AnomalyStyle, seed: u64) -> Option<Inserted> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let diameter_px = style.diameter_mm / slice.spacing_or_assumed().column_mm();
    let centre = centre_in(organ, diameter_px, &mut rng)?;
    Some(insert_with(slice, window, style, centre, &mut rng))
}

/// Inserts an anomaly centred on pixel (x, y), whether or not it is inside an organ.
pub fn insert_at(slice: &Slice, window: Window, style: &AnomalyStyle, x: usize, y: usize, seed: u64) -> Inserted {
    insert_with(slice, window, style, (x, y), &mut ChaCha8Rng::seed_from_u64(seed))
}

fn centre_in(organ: &Mask, diameter_px: f32, rng: &mut impl Rng) -> Option<(usize, usize)> {
    let (left, top, right, bottom) = organ.bounding_box()?;
    let box_area = ((right - left + 1) * (bottom - top + 1)) as f32;
    if organ.count() < MIN_ORGAN_PIXELS || box_area <= diameter_px * diameter_px {
        return None;
    }
    let components = organ.largest_components(2);
    let chosen = components.choose(rng)?;
    let strictly_inside =
        |&(x, y): &(usize, usize)| x > 0 && y > 0 && (x - 1..=x + 1).all(|x| (y - 1..=y + 1).all(|y| chosen.get(x, y)));
    let inside: Vec<_> = chosen.pixels().filter(strictly_inside).collect();
    inside.choose(rng).copied()
}

fn insert_with(
    slice: &Slice,
    window: Window,
    style: &AnomalyStyle,
    centre: (usize, usize),
    rng: &mut impl Rng,
) -> Inserted {
    let template = Template::random(rng);
    let [low, high] = style.contrast;
    let contrast = low + (high - low) * rng.random::<f32>();
    let fading =
        (style.fading > 0.0).then(|| (Texture::random(FADING_CELL_MM, rng), style.fading * rng.random::<f32>()));
    add(slice, window, &template, style.diameter_mm / 2.0, contrast, fading.as_ref(), centre)
}

/// Adds a template of `radius` mm; its peak is `contrast` times the window, minus fading.
fn add(
    slice: &Slice,
    window: Window,
    template: &Template,
    radius: f32,
    contrast: f32,
    fading: Option<&(Texture, f32)>,
    (x, y): (usize, usize),
) -> Inserted {
    let spacing = slice.spacing_or_assumed();
    let (width, height) = (slice.width(), slice.height());
    // A rotated square reaches as far as half its diagonal.
    let reach = |centre: usize, pixel_mm: f32, pixels: usize| {
        let reach = (radius * SQRT_2 / pixel_mm).ceil() as usize + 1;
        centre.saturating_sub(reach)..(centre + reach + 1).min(pixels)
    };
    let (columns, rows) = (reach(x, spacing.column_mm(), width), reach(y, spacing.row_mm(), height));
    let mut inserted = slice.hu().to_vec();
    let mut inside = vec![false; inserted.len()];
    for row in rows {
        let v = (row as f32 - y as f32) * spacing.row_mm() / radius;
        for column in columns.clone() {
            let blob = template.at([(column as f32 - x as f32) * spacing.column_mm() / radius, v]);
            let i = row * width + column;
            if let (true, Some(hu), Some(inside)) = (blob > 0.0, inserted.get_mut(i), inside.get_mut(i)) {
                // Pixels above the window, such as bone, are unchanged.
                let left = fading.map_or(1.0, |(texture, share)| {
                    let u = (column as f32 - x as f32) * spacing.column_mm();
                    1.0 - share * smooth(0.5 + 1.5 * texture.at(u, v * radius))
                });
                *hu = window.hu_of_unit((window.unit(*hu) + contrast * left * blob).min(1.0)).max(*hu);
                *inside = blob > MASK_LEVEL;
            }
        }
    }
    // Both have one value per pixel of the slice.
    let slice = Slice::new(width, height, inserted, slice.spacing())
        .unwrap_or_else(|_| unreachable!("finite HU on its slice's own grid"));
    let mask = Mask::new(width, height, inside).unwrap_or_else(|| unreachable!("a mask on its slice's own grid"));
    Inserted { slice, mask }
}

/// A scaled, stretched and rotated Gaussian on [-1, 1]^2.
#[derive(Clone, Debug)]
struct Template {
    scale: f32,
    stretch: [f32; 2],
    /// Sine and cosine of the rotation angle.
    turn: (f32, f32),
}

impl Template {
    /// Scale in [0.75, 1]; with p = 0.5 a one-step grid distortion of up to 20 % per axis, which stretches away from
    /// the corner; with p = 0.5 a rotation within 90 degrees.
    fn random(rng: &mut impl Rng) -> Self {
        let scale = rng.random_range(0.75..=1.0);
        let distorted = rng.random_bool(0.5);
        let stretch = [(); 2].map(|()| rng.random_range(-0.2..=0.2f32));
        let rotated = rng.random_bool(0.5);
        let angle = rng.random_range(-90.0..=90.0f32).to_radians();
        let turn = if rotated { angle } else { 0.0 }.sin_cos();
        Self { scale, stretch: if distorted { stretch } else { [0.0; 2] }, turn }
    }

    /// The blob at (u, v); 0 outside the template.
    fn at(&self, [u, v]: [f32; 2]) -> f32 {
        let (sin, cos) = self.turn;
        let (u, v) = ((u * cos + v * sin) / self.scale, (v * cos - u * sin) / self.scale);
        if u.abs() > 1.0 || v.abs() > 1.0 {
            return 0.0;
        }
        let warp = |t: f32, stretch: f32| (t + 1.0) * (1.0 + stretch) - 1.0;
        let (u, v) = (warp(u, self.stretch[0]), warp(v, self.stretch[1]));
        (-(u * u + v * v) / (2.0 * SIGMA * SIGMA)).exp()
    }
}

#[cfg(test)]
#[path = "../tests/archive/mod.rs"]
mod archive;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::collections::HashSet;

    use super::*;
    use crate::Spacing;
    use crate::phantom::{Organ, Phantom};

    const WINDOW: Window = Window::ABDOMEN;

    fn patient() -> (Slice, Mask) {
        let phantom = Phantom::generate(3, 128);
        let kidneys = phantom.mask(Organ::Kidney);
        (phantom.slice, kidneys)
    }

    /// 64 x 64 pixels of 1.5 mm with HU given by column and row.
    fn slice(hu: impl Fn(usize, usize) -> f32) -> Slice {
        let hu = (0..64 * 64).map(|i| hu(i % 64, i / 64)).collect();
        Slice::new(64, 64, hu, Some(Spacing::new(1.5, 1.5).unwrap())).unwrap()
    }

    fn block(width: usize, height: usize) -> Mask {
        Mask::new(64, 64, (0..64 * 64).map(|i| (i % 64) < width && i / 64 < height).collect()).unwrap()
    }

    #[test]
    fn one_seed_gives_one_anomaly() {
        let (slice, kidneys) = patient();
        let inserted = |seed| {
            let style = AnomalyStyle { contrast: [0.2, 0.9], ..AnomalyStyle::PAPER };
            let inserted = insert(&slice, &kidneys, WINDOW, &style, seed).unwrap();
            (inserted.slice, inserted.mask)
        };
        for seed in 0..10 {
            assert_eq!(inserted(seed), inserted(seed));
            assert_ne!(inserted(seed), inserted(seed + 1));
        }
    }

    #[test]
    fn fading_reduces_contrast_locally_and_keeps_the_mask() {
        let black = slice(|_, _| WINDOW.low());
        let inserted = |fading, seed| {
            let style = AnomalyStyle { fading, ..AnomalyStyle::PAPER };
            insert_at(&black, WINDOW, &style, 32, 32, seed)
        };
        let mut least = 1.0_f32;
        for seed in 0..20 {
            let (whole, faded) = (inserted(0.0, seed), inserted(0.8, seed));
            assert_eq!(whole.mask, faded.mask);
            let left = whole.mask.pixels().map(|(x, y)| {
                let unit = |inserted: &Inserted| WINDOW.unit(inserted.slice.hu()[y * 64 + x]);
                unit(&faded) / unit(&whole)
            });
            let (low, high) = left.fold((1.0_f32, 0.0_f32), |(low, high), left| (low.min(left), high.max(left)));
            assert!(low >= 0.199 && high <= 1.001, "seed {seed}: {low} to {high}");
            assert!(high > low, "seed {seed} is faded evenly");
            least = least.min(low);
        }
        assert!(least < 0.5, "{least}");
    }

    #[test]
    fn the_centre_is_strictly_inside_either_kidney() {
        let (_, kidneys) = patient();
        let largest = kidneys.largest_components(2);
        let mut hit = HashSet::new();
        for seed in 0..100 {
            let (x, y) = centre_in(&kidneys, 10.0, &mut ChaCha8Rng::seed_from_u64(seed)).unwrap();
            let inside = |kidney: &Mask| (x - 1..=x + 1).all(|x| (y - 1..=y + 1).all(|y| kidney.get(x, y)));
            hit.insert(largest.iter().position(inside).unwrap());
        }
        assert_eq!(hit.len(), 2, "both kidneys are chosen");
    }

    #[test]
    fn pixels_outside_the_template_are_unchanged() {
        let plain = slice(|_, _| 50.0);
        let upright = Template { scale: 1.0, stretch: [0.2, -0.2], turn: (0.0, 1.0) };
        let outside = [[1.001, 0.0], [-1.001, 0.0], [0.0, 1.001], [0.9, -1.001]];
        assert!(outside.into_iter().all(|place| upright.at(place) == 0.0));
        assert!([[-1.0, -1.0], [1.0, 0.0], [0.0, 1.0]].into_iter().all(|place| upright.at(place) > 0.0));
        for seed in 0..50 {
            let inserted = insert_at(&plain, WINDOW, &AnomalyStyle::PAPER, 30, 34, seed);
            for (i, (&hu, &before)) in inserted.slice.hu().iter().zip(plain.hu()).enumerate() {
                // A rotated square of 20 pixels reaches half its diagonal.
                let distance = ((i % 64) as f32 - 30.0).hypot((i / 64) as f32 - 34.0);
                assert!(hu == before || distance <= 10.0 * 2f32.sqrt(), "seed {seed}: {distance} pixels away");
            }
        }
    }

    /// At any position and pixel shape, exactly the whole template is inserted.
    #[test]
    fn all_of_the_template_is_inserted() {
        let style = AnomalyStyle { contrast: [0.5, 0.5], ..AnomalyStyle::PAPER };
        for spacing in [[1.5, 1.5], [0.7, 2.3], [2.3, 0.7]] {
            let pixels = Spacing::new(spacing[0], spacing[1]).unwrap();
            let black = Slice::new(48, 40, vec![WINDOW.low(); 48 * 40], Some(pixels)).unwrap();
            for (seed, (x, y)) in [(24, 20), (0, 0), (47, 39), (3, 37), (30, 8)].into_iter().enumerate() {
                let inserted = insert_at(&black, WINDOW, &style, x, y, seed as u64);
                let template = Template::random(&mut ChaCha8Rng::seed_from_u64(seed as u64));
                for (i, (&hu, &inside)) in inserted.slice.hu().iter().zip(inserted.mask.as_slice()).enumerate() {
                    let across = ((i % 48) as f32 - x as f32) * pixels.column_mm() / 15.0;
                    let down = ((i / 48) as f32 - y as f32) * pixels.row_mm() / 15.0;
                    let blob = template.at([across, down]);
                    assert_eq!(inside, blob > MASK_LEVEL, "{spacing:?} seed {seed} pixel {i}");
                    assert!((WINDOW.unit(hu) - 0.5 * blob).abs() < 1e-5, "{spacing:?} seed {seed} pixel {i}");
                }
            }
        }
    }

    #[test]
    fn pixels_only_increase_up_to_the_window_maximum() {
        let (slice, kidneys) = patient();
        let spine = slice.hu().iter().position(|&hu| hu > 400.0).unwrap();
        let over_bone = insert_at(&slice, WINDOW, &AnomalyStyle::PAPER, spine % 128, spine / 128, 0);
        let over_kidney = (0..20).map(|seed| insert(&slice, &kidneys, WINDOW, &AnomalyStyle::PAPER, seed).unwrap());
        for inserted in over_kidney.chain([over_bone]) {
            let mut risen = 0;
            for (&hu, &before) in inserted.slice.hu().iter().zip(slice.hu()) {
                assert!(hu >= before && (hu == before || hu <= WINDOW.high()), "{before} became {hu} HU");
                risen += usize::from(hu > before);
            }
            assert!(risen > 0);
        }
    }

    #[test]
    fn a_kidney_that_is_too_small_gets_no_anomaly() {
        let plain = slice(|_, _| 120.0);
        let inserted = |kidney: &Mask, diameter_mm: f32| {
            let style = AnomalyStyle { diameter_mm, ..AnomalyStyle::PAPER };
            insert(&plain, kidney, WINDOW, &style, 0).is_some()
        };
        assert!(inserted(&block(21, 20), 30.0));
        assert!(!inserted(&block(20, 20), 30.0), "a box as large as the template");
        assert!(inserted(&block(8, 4), 3.0));
        assert!(!inserted(&block(31, 1), 3.0), "31 pixels");
        assert!(!inserted(&block(2, 40), 3.0), "no pixel strictly inside");
        assert!(!inserted(&block(0, 0), 3.0), "no pixel");
    }

    #[test]
    fn the_mask_is_where_the_template_exceeds_a_quarter() {
        let black = slice(|_, _| WINDOW.low());
        let style = AnomalyStyle { contrast: [0.5, 0.5], ..AnomalyStyle::PAPER };
        for seed in 0..20 {
            let inserted = insert_at(&black, WINDOW, &style, 32, 32, seed);
            for (&hu, &inside) in inserted.slice.hu().iter().zip(inserted.mask.as_slice()) {
                let template = WINDOW.unit(hu) / 0.5;
                assert!((template - 0.25).abs() < 1e-5 || inside == (template > 0.25), "{template}: {inside}");
            }
            assert!((20..200).contains(&inserted.mask.count()));
        }
    }

    /// The coordinate of pixel `i` of a template with `side` pixels, on the 20-pixel template that it was scaled from.
    fn place(side: usize, i: usize) -> f32 {
        let pixel = (i as f32 + 0.5) * 20.0 / side as f32 - 0.5;
        pixel * 2.0 / 19.0 - 1.0
    }

    /// The stretch factors that the reference drew are unknown, so search for them: with two factors within a fifth of
    /// 1 the whole image, and its mask, must match.
    #[test]
    fn stretched_templates_match_the_reference() {
        const SIDE: usize = 17;
        let pixels = || (0..SIDE * SIDE).map(|i| [i % SIDE, i / SIDE].map(|i| place(SIDE, i) * 0.85));
        for name in ["grid_-0.2_0.15", "grid_0.1_-0.05"] {
            let expected: Vec<f64> = archive::array("data.npz", &format!("{name}.img"));
            // The reference stretches 17 pixels over 16 steps and interpolates twice.
            let stretched = |[x, y]: [f32; 2]| {
                let stretch = [x, y].map(|factor| factor * 17.0 / 16.0 - 1.0);
                let template = Template { scale: 0.85, stretch, turn: (0.0, 1.0) };
                pixels().map(move |place| template.at(place))
            };
            let error = |factors| {
                let pairs = stretched(factors).zip(&expected);
                pairs.map(|(ours, theirs)| (ours - *theirs as f32).abs()).fold(0.0, f32::max)
            };
            let drawn = || (0..=80).map(|step| 0.8 + 0.005 * step as f32);
            let all = drawn().flat_map(|x| drawn().map(move |y| [x, y]));
            let best = all.min_by(|a, b| error(*a).total_cmp(&error(*b))).unwrap();
            assert!(error(best) < 0.04, "{name}: {} with {best:?}", error(best));
            assert!(error([1.0, 1.0]) > 0.1, "{name} is stretched");
            let mask: Vec<u8> = archive::array("data.npz", &format!("{name}.mask"));
            // The mask pixels were resampled twice with nearest neighbour: up to two steps apart, over which the blob
            // falls by 0.26.
            for (ours, theirs) in stretched(best).zip(mask) {
                assert!((ours > MASK_LEVEL) == (theirs == 1) || (ours - MASK_LEVEL).abs() < 0.26, "{name}: {ours}");
            }
        }
    }

    /// The reference scales and rotates pixels, while this implementation samples the template directly: they differ by
    /// interpolation smoothing.
    #[test]
    fn scaled_and_rotated_templates_match_the_reference() {
        let differences = |side: usize, degrees: f32, name: &str| {
            let scale = side as f32 / 20.0;
            let template = Template { scale, stretch: [0.0; 2], turn: degrees.to_radians().sin_cos() };
            let expected: Vec<f64> = archive::array("data.npz", name);
            let at = |i: usize| template.at([i % side, i / side].map(|i| place(side, i) * scale));
            let pairs = expected.into_iter().enumerate().map(|(i, expected)| (at(i), expected as f32));
            pairs.map(|(ours, theirs)| (ours - theirs).abs()).collect::<Vec<f32>>()
        };
        for side in 15..20 {
            let largest = differences(side, 0.0, &format!("scale{side}.img")).into_iter().fold(0.0, f32::max);
            assert!(largest < 0.02, "scaled to {side}: {largest}");
        }
        for (degrees, name) in
            [(-90.0, "rot-90.img"), (-37.5, "rot-37.5.img"), (30.0, "rot30.img"), (90.0, "rot90.img")]
        {
            let largest = differences(17, degrees, name).into_iter().fold(0.0, f32::max);
            assert!(largest < 0.04, "{name}: {largest}");
        }
    }

    /// The reference's outermost pixels lie on the edge of the template, ours inside it; everything else agrees. A
    /// template with an even size is centred between pixels, so the test uses a grid twice as fine.
    #[test]
    fn insertion_matches_the_reference() {
        let base: Vec<f32> = archive::array("data.npz", "inc.base");
        let (width, height) = (2 * 48, 2 * 40);
        let coarse = |i: usize| i % width / 2 + i / width / 2 * 48;
        let hu = (0..width * height).map(|i| WINDOW.hu_of_unit(base[coarse(i)])).collect();
        let before = Slice::new(width, height, hu, Some(Spacing::new(0.75, 0.75).unwrap())).unwrap();
        for (side, name) in [(15, "odd15"), (17, "odd17"), (20, "even20")] {
            let template = Template { scale: side as f32 / 20.0, stretch: [0.0; 2], turn: (0.0, 1.0) };
            let centre: Vec<i64> = archive::array("data.npz", &format!("inc.{name}.center_xy"));
            let expected: Vec<f32> = archive::array("data.npz", &format!("inc.{name}.img"));
            let inside: Vec<u8> = archive::array("data.npz", &format!("inc.{name}.mask"));
            let [x, y] = [centre[0], centre[1]].map(|at| 2 * at as usize - usize::from(side % 2 == 0));
            let inserted = add(&before, WINDOW, &template, 15.0, 0.9, None, (x, y));
            let (hu, mask) = (inserted.slice.hu(), inserted.mask.as_slice());
            let (mut largest, mut others) = (0.0_f32, 0);
            for (i, expected) in expected.iter().enumerate() {
                let fine = 2 * (i % 48) + 2 * (i / 48) * width;
                largest = largest.max((WINDOW.unit(hu[fine]) - expected).abs());
                others += usize::from(mask[fine] != (inside[i] > 0));
            }
            assert!(largest < 0.05, "{name}: {largest}");
            assert!(
                expected.iter().zip(&base).any(|(after, before)| after - before > 0.3),
                "{name}: nothing is inserted"
            );
            let border = (std::f32::consts::TAU * side as f32 / 4.0) as usize;
            assert!(others <= border, "{name}: {others} pixels of the mask, {border} are on its border");
        }
    }

    #[test]
    fn templates_match_the_reference_blobs() {
        let template = Template { scale: 1.0, stretch: [0.0; 2], turn: (0.0, 1.0) };
        for side in [20, 14] {
            let grid = |i: usize| (-1.0 + i as f64 * (2.0 / (side - 1) as f64)) as f32;
            let blob: Vec<f32> = (0..side * side).map(|i| template.at([grid(i % side), grid(i / side)])).collect();
            let expected: Vec<f64> = archive::array("data.npz", &format!("blob{side}"));
            assert!(blob.iter().zip(&expected).all(|(&a, b)| (f64::from(a) - b).abs() < 1e-6), "{side}");
            if side == 20 {
                let mask: Vec<u8> = archive::array("data.npz", "blob20.mask25");
                assert!(blob.iter().zip(&mask).all(|(&blob, &inside)| (blob > MASK_LEVEL) == (inside == 1)));
            }
        }
    }
}
