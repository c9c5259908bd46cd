//! Rendering of a patient: 2x2 samples per pixel for partial volume, then correlated noise.

use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::anatomy::{Patient, Within};
use super::{Organ, Phantom};
use crate::{Slice, Spacing, Window};

const FIELD_MM: f32 = 384.0;
const AIR_HU: f32 = -1000.0;
const SAMPLES: usize = 2;

pub(super) fn render(patient: &Patient, size: usize) -> Phantom {
    let fine = size * SAMPLES;
    let (hu, organs) = paint(patient, fine);
    let noise = noise(patient, size);
    let mut slice = Vec::with_capacity(size * size);
    let mut shown = Vec::with_capacity(size * size);
    for y in 0..size {
        for x in 0..size {
            let samples = [(0, 0), (1, 0), (0, 1), (1, 1)].map(|(dx, dy)| (y * SAMPLES + dy) * fine + x * SAMPLES + dx);
            let mean = samples.iter().map(|&i| hu[i]).sum::<f32>() / samples.len() as f32;
            // Noise is lower in air, where attenuation is low.
            let grain = if mean < -900.0 { 0.35 } else { 1.0 };
            slice.push(Window::SCANNER.clamp(mean + grain * noise[y * size + x]));
            shown.push(majority(samples.map(|i| organs[i])));
        }
    }
    let spacing = Spacing::clamped(FIELD_MM / size as f32, FIELD_MM / size as f32);
    let slice = Slice::new(size, size, slice, Some(spacing));
    Phantom { slice: slice.unwrap_or_else(|_| unreachable!("size * size values")), organs: shown }
}

fn paint(patient: &Patient, fine: usize) -> (Vec<f32>, Vec<Organ>) {
    let mut hu = vec![AIR_HU; fine * fine];
    let mut organs = vec![Organ::Outside; fine * fine];
    let mm = FIELD_MM / fine as f32;
    let (sin, cos) = patient.tilt.sin_cos();
    let half = FIELD_MM / 2.0;
    for shape in &patient.shapes {
        // The patient is rotated: rotate the centre into the image, and every sample back.
        let [x, y] = shape.centre;
        let centre = [x * cos - y * sin, x * sin + y * cos];
        let range = |middle: f32| {
            let low = ((middle - shape.reach() + half) / mm).floor().max(0.0) as usize;
            let high = ((middle + shape.reach() + half) / mm).ceil().max(0.0) as usize;
            low.min(fine)..high.min(fine)
        };
        for row in range(centre[1]) {
            let py = (row as f32 + 0.5) * mm - half;
            for column in range(centre[0]) {
                let px = (column as f32 + 0.5) * mm - half;
                let i = row * fine + column;
                let allowed = match shape.within {
                    Within::Anywhere => true,
                    Within::Cavity => organs[i] == Organ::VisceralFat,
                    Within::SameOrgan => organs[i] == shape.organ,
                };
                if allowed && shape.contains(px * cos + py * sin, py * cos - px * sin) {
                    hu[i] = shape.hu;
                    organs[i] = shape.organ;
                }
            }
        }
    }
    (hu, organs)
}

fn majority(samples: [Organ; 4]) -> Organ {
    let count = |organ: Organ| samples.iter().filter(|&&other| other == organ).count();
    samples.into_iter().max_by_key(|&organ| count(organ)).unwrap_or_default()
}

/// Gaussian noise with correlated neighbours, like that of a reconstruction kernel.
fn noise(patient: &Patient, size: usize) -> Vec<f32> {
    let mut rng = ChaCha8Rng::seed_from_u64(patient.noise_seed);
    let white: Vec<f32> = (0..size * size).map(|_| normal(&mut rng)).collect();
    let blurred = blur(&blur(&white, size, 1), size, size);
    // The kernel [1 2 1]/4 on both axes leaves 3/8 of the standard deviation.
    blurred.into_iter().map(|value| value * patient.noise_hu / 0.375).collect()
}

/// Approximately normal: the sum of four uniform numbers, scaled to unit variance.
fn normal(rng: &mut impl Rng) -> f32 {
    let sum: f32 = (0..4).map(|_| rng.random::<f32>()).sum();
    (sum - 2.0) * 3f32.sqrt()
}

/// Convolves with [1 2 1] / 4 along the axis with the given stride.
fn blur(values: &[f32], size: usize, stride: usize) -> Vec<f32> {
    let position = |i: usize| if stride == 1 { i % size } else { i / size };
    let at = |i: usize| {
        let before = if position(i) == 0 { i } else { i - stride };
        let after = if position(i) + 1 == size { i } else { i + stride };
        (values[before] + 2.0 * values[i] + values[after]) / 4.0
    };
    (0..values.len()).map(at).collect()
}
