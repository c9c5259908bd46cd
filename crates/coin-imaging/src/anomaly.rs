//! The paper's synthetic anomaly (section 4): a bright, distorted Gaussian blob planted inside a kidney.

use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;
use serde::{Deserialize, Serialize};

use crate::{Mask, Slice, Window};

/// Standard deviation of the blob on its template's [-1, 1].
const SIGMA: f32 = 0.4;
/// The mask of an anomaly is where its template exceeds this.
const MASK_LEVEL: f32 = 0.25;
/// Fewest kidney pixels for an anomaly.
const FEWEST_KIDNEY_PIXELS: usize = 32;

/// Size and brightness of planted anomalies.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AnomalyStyle {
    /// Width of the undistorted template in mm; 30 in the paper (20 pixels of 1.5 mm).
    pub diameter_mm: f32,
    /// Range of the blob's peak in units of the window; 0.9 to 0.9 in the paper.
    pub contrast: [f32; 2],
}

impl Default for AnomalyStyle {
    fn default() -> Self {
        Self { diameter_mm: 30.0, contrast: [0.9, 0.9] }
    }
}

/// A slice with an anomaly, and the truth about it.
#[derive(Clone, Debug)]
pub struct Planted {
    /// The slice with the anomaly added.
    pub slice: Slice,
    /// Where the template exceeds 0.25.
    pub mask: Mask,
}

/// Plants an anomaly at a random point strictly inside one of the two largest kidney components.
///
/// `None` where the kidney is too small: fewer than 32 pixels, or a bounding box not larger than the template.
pub fn plant(slice: &Slice, kidney: &Mask, window: Window, style: &AnomalyStyle, seed: u64) -> Option<Planted> {
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let (left, top, right, bottom) = kidney.bounding_box()?;
    let box_area = ((right - left + 1) * (bottom - top + 1)) as f32;
    let diameter = diameter_px(slice, style.diameter_mm);
    if kidney.count() < FEWEST_KIDNEY_PIXELS || box_area <= diameter * diameter {
        return None;
    }
    let mut components = kidney.components();
    components.truncate(2);
    let chosen = components.get(rng.random_range(0..components.len() as u32) as usize)?;
    let strictly_inside =
        |&(x, y): &(usize, usize)| x > 0 && y > 0 && (x - 1..=x + 1).all(|x| (y - 1..=y + 1).all(|y| chosen.get(x, y)));
    let inside: Vec<_> = chosen.pixels().filter(strictly_inside).collect();
    if inside.is_empty() {
        return None;
    }
    let &(x, y) = inside.get(rng.random_range(0..inside.len() as u32) as usize)?;
    Some(plant_with(slice, window, style, (x, y), &mut rng))
}

/// Plants an anomaly centred on pixel (x, y), inside a kidney or not.
pub fn plant_at(slice: &Slice, window: Window, style: &AnomalyStyle, x: usize, y: usize, seed: u64) -> Planted {
    plant_with(slice, window, style, (x, y), &mut ChaCha8Rng::seed_from_u64(seed))
}

fn diameter_px(slice: &Slice, diameter_mm: f32) -> f32 {
    diameter_mm / slice.spacing_or_assumed().column_mm()
}

fn plant_with(
    slice: &Slice,
    window: Window,
    style: &AnomalyStyle,
    (x, y): (usize, usize),
    rng: &mut impl Rng,
) -> Planted {
    let template = Template::random(rng);
    let [low, high] = style.contrast;
    let contrast = low + (high - low) * rng.random::<f32>();
    let spacing = slice.spacing_or_assumed();
    let radius = style.diameter_mm / 2.0;
    let blob = |px: usize, py: usize| {
        let u = (px as f32 - x as f32) * spacing.column_mm() / radius;
        let v = (py as f32 - y as f32) * spacing.row_mm() / radius;
        template.at(u, v)
    };
    let planted = slice.map(|px, py, hu| match blob(px, py) {
        0.0 => hu,
        blob => window.hu_of_unit((window.unit(hu) + contrast * blob).min(1.0)),
    });
    let inside = (0..slice.hu().len()).map(|i| blob(i % slice.width(), i / slice.width()) > MASK_LEVEL);
    let mask = Mask::new(slice.width(), slice.height(), inside.collect());
    // The mask has a flag for every pixel of the slice, so there is always one.
    let mask = mask.unwrap_or_else(|| unreachable!("a mask on its slice's own grid"));
    Planted { slice: planted, mask }
}

/// A scaled, stretched and rotated Gaussian on [-1, 1]^2.
#[derive(Clone, Debug)]
struct Template {
    scale: f32,
    stretch: [f32; 2],
    angle: f32,
}

impl Template {
    /// Scale in [0.75, 1]; with p = 0.5 a one-step grid distortion of up to 20 % an axis, which stretches away from
    /// the corner; with p = 0.5 a rotation within 90 degrees.
    fn random(rng: &mut impl Rng) -> Self {
        let scale = rng.random_range(0.75..=1.0);
        let distorted = rng.random_bool(0.5);
        let stretch = [(); 2].map(|()| rng.random_range(-0.2..=0.2f32));
        let rotated = rng.random_bool(0.5);
        let angle = rng.random_range(-90.0..=90.0f32).to_radians();
        Self { scale, stretch: if distorted { stretch } else { [0.0; 2] }, angle: if rotated { angle } else { 0.0 } }
    }

    /// The blob at (u, v), 0 outside the template's square.
    fn at(&self, u: f32, v: f32) -> f32 {
        let (sin, cos) = self.angle.sin_cos();
        let (u, v) = ((u * cos + v * sin) / self.scale, (v * cos - u * sin) / self.scale);
        if u.abs() > 1.0 || v.abs() > 1.0 {
            return 0.0;
        }
        let warp = |t: f32, stretch: f32| (t + 1.0) * (1.0 + stretch) - 1.0;
        let (u, v) = (warp(u, self.stretch[0]), warp(v, self.stretch[1]));
        (-(u * u + v * v) / (2.0 * SIGMA * SIGMA)).exp()
    }
}
