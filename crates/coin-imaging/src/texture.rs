//! Smooth value noise on a plane in mm.

use std::ops::Range;

use rand::{Rng, RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Value noise: pseudo-random lattice values, smoothly interpolated.
#[derive(Clone, Debug)]
pub(crate) struct Texture {
    seed: u32,
    cell_mm: f32,
}

impl Texture {
    /// Draws a seed and a cell size.
    pub(crate) fn random(cell_mm: Range<f32>, rng: &mut impl Rng) -> Self {
        Self { seed: rng.random(), cell_mm: rng.random_range(cell_mm) }
    }

    /// The value in [-1, 1] at a position in mm.
    pub(crate) fn at(&self, u_mm: f32, v_mm: f32) -> f32 {
        let (x, y) = (u_mm / self.cell_mm, v_mm / self.cell_mm);
        let (column, row) = (x.floor(), y.floor());
        let (s, t) = (smooth(x - column), smooth(y - row));
        let value = |dx: i32, dy: i32| self.lattice(column as i32 + dx, row as i32 + dy);
        let top = value(0, 0) * (1.0 - s) + value(1, 0) * s;
        let bottom = value(0, 1) * (1.0 - s) + value(1, 1) * s;
        top * (1.0 - t) + bottom * t
    }

    fn lattice(&self, column: i32, row: i32) -> f32 {
        let place = (u64::from(column as u32) << 32) | u64::from(row as u32);
        let mut rng = ChaCha8Rng::seed_from_u64(place.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ u64::from(self.seed));
        rng.random_range(-1.0..=1.0)
    }
}

/// Smoothstep: 0 below 0, 1 above 1, with zero slope at both.
pub(crate) fn smooth(t: f32) -> f32 {
    let t = t.clamp(0.0, 1.0);
    t * t * (3.0 - 2.0 * t)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_noise_is_smooth_and_spans_both_signs() {
        let texture = Texture::random(5.0..6.0, &mut ChaCha8Rng::seed_from_u64(1));
        let values: Vec<f32> = (0..2000).map(|i| texture.at(i as f32 * 0.1, i as f32 * 0.03 - 20.0)).collect();
        assert!(values.windows(2).all(|pair| (pair[1] - pair[0]).abs() < 0.2), "it jumps");
        let (low, high) = values.iter().fold((0.0_f32, 0.0_f32), |(low, high), v| (low.min(*v), high.max(*v)));
        assert!(low < -0.5 && high > 0.5 && low >= -1.0 && high <= 1.0, "{low} to {high}");
    }
}
