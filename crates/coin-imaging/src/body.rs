//! The outline of the patient.

use crate::{Mask, Slice};

/// Fat is denser than this, lung and air are not.
const AIR_HU: f32 = -300.0;

/// The patient without table and air around: the largest piece of tissue, with all that it encloses.
pub fn body(slice: &Slice) -> Mask {
    let [width, height] = [slice.width(), slice.height()];
    let mask = |inside: Vec<bool>| Mask::new(width, height, inside).unwrap_or_else(|| unreachable!("a flag a pixel"));
    let tissue = mask(slice.hu().iter().map(|&hu| hu > AIR_HU).collect()).opened();
    let Some(largest) = tissue.largest_components(1).pop() else { return tissue };
    let rest = mask(largest.as_slice().iter().map(|inside| !inside).collect());
    let enclosed = |part: &Mask| {
        let touches = |(x, y): (usize, usize)| x == 0 || y == 0 || x + 1 == width || y + 1 == height;
        !part.pixels().any(touches)
    };
    let mut inside = largest.as_slice().to_vec();
    for part in rest.largest_components(usize::MAX).iter().filter(|part| enclosed(part)) {
        inside.iter_mut().zip(part.as_slice()).for_each(|(inside, part)| *inside |= part);
    }
    mask(inside)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::phantom::{Organ, Phantom};

    #[test]
    fn the_phantom_s_body_is_all_that_is_not_outside() {
        for seed in 0..5 {
            let phantom = Phantom::generate(seed, 128);
            let outside = phantom.mask(Organ::Outside);
            let found = body(&phantom.slice);
            let differ = found.as_slice().iter().zip(outside.as_slice()).filter(|(body, outside)| body == outside);
            let differ = differ.count();
            assert!(differ * 50 < found.count(), "seed {seed}: {differ} of {} pixels", found.count());
        }
    }

    #[test]
    fn air_has_no_body() {
        let air = Slice::new(20, 20, vec![-1000.0; 400], None).unwrap();
        assert_eq!(body(&air).count(), 0);
    }
}
