//! Segmentation of the patient's body.

use crate::Mask;

/// Segments the body in an image of `width * height` values, excluding table and surrounding air: the largest component
/// above `air`, with its holes filled. `None` if the number of values differs.
pub fn body(picture: &[f32], width: usize, height: usize, air: f32) -> Option<Mask> {
    let tissue = Mask::from_threshold(picture, width, height, air)?.opened();
    let Some(largest) = tissue.largest_components(1).pop() else { return Some(tissue) };
    let rest = Mask::new(width, height, largest.as_slice().iter().map(|inside| !inside).collect())?;
    let at_border = |(x, y): (usize, usize)| x == 0 || y == 0 || x + 1 == width || y + 1 == height;
    let mut inside = largest.as_slice().to_vec();
    for enclosed in rest.largest_components(usize::MAX).iter().filter(|part| !part.pixels().any(at_border)) {
        inside.iter_mut().zip(enclosed.as_slice()).for_each(|(inside, part)| *inside |= part);
    }
    Mask::new(width, height, inside)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::Window;
    use crate::phantom::{Organ, Phantom};

    #[test]
    fn the_phantoms_body_is_the_complement_of_outside() {
        for seed in 0..5 {
            let phantom = Phantom::generate(seed, 128);
            let outside = phantom.mask(Organ::Outside);
            // As a network sees it: everything below the window is black.
            let found = body(&Window::PHANTOM.normalise_slice(&phantom.slice), 128, 128, -1.0).unwrap();
            let differ = found.as_slice().iter().zip(outside.as_slice()).filter(|(body, outside)| body == outside);
            let differ = differ.count();
            assert!(differ * 50 < found.count(), "seed {seed}: {differ} of {} pixels", found.count());
        }
    }

    #[test]
    fn air_has_no_body() {
        assert_eq!(body(&[-1.0; 400], 20, 20, -1.0).unwrap().count(), 0);
        assert_eq!(body(&[-1.0; 400], 20, 21, -1.0), None);
    }
}
