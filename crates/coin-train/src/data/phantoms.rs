//! Phantom patients as cases.

use coin_imaging::phantom::{Organ, Phantom};
use rayon::prelude::*;

use super::Case;

/// `count` patients from seed `first` on.
pub fn cases(first: u64, count: usize, size: usize) -> Vec<Case> {
    (first..first + count as u64)
        .into_par_iter()
        .map(|seed| {
            let phantom = Phantom::generate(seed, size);
            let kidneys = phantom.mask(Organ::Kidney);
            Case { name: format!("phantom {seed}"), slice: phantom.slice, kidneys }
        })
        .collect()
}
