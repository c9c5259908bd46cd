//! Phantom patients as cases and as slice folders.

use std::ops::Range;
use std::path::Path;

use coin_imaging::anomaly::{self, AnomalyStyle};
use coin_imaging::phantom::{Organ, Phantom};
use coin_imaging::{Window, write};

use super::description::{Intensity, Labels, Unit};
use super::{Case, Description, NewSlice, SliceFolder, Subset};
use crate::Error;

/// Mask values.
const KIDNEY: u8 = 1;
const TUMOUR: u8 = 2;

/// The phantom patient with seed `seed` on a grid of `size` x `size` pixels.
pub fn case(seed: u64, size: usize, window: Window) -> Case {
    let phantom = Phantom::generate(seed, size);
    let organ = phantom.mask(Organ::Kidney);
    let name = format!("phantom {seed}");
    Case { patient: name.clone(), name, slice: phantom.slice, window, unit: Unit::Hu, organ, finding: None }
}

/// Writes phantom patients with these seeds as a slice folder with intensities in [`Window::PHANTOM`]. Every second patient
/// has a synthetic anomaly, labelled as a tumour; every second pair of patients is in the test split.
///
/// # Errors
/// If a file cannot be written.
pub fn write_set(seeds: Range<u64>, size: usize, out: &Path) -> Result<(), Error> {
    let window = Window::PHANTOM;
    let intensity = Intensity { unit: Unit::Hu, low: Some(window.low()), high: Some(window.high()) };
    let labels = Labels::new([("kidney", KIDNEY), ("tumour", TUMOUR)]);
    let description = Description { intensity: Some(intensity), ..Description::of_ct("phantoms", labels) };
    let mut folder = SliceFolder::create(out, &description)?;
    for seed in seeds {
        let phantom = Phantom::generate(seed, size);
        let kidneys = phantom.mask(Organ::Kidney);
        let inserted = anomaly::insert(&phantom.slice, &kidneys, window, &AnomalyStyle::PHANTOM, seed);
        let spacing = phantom.slice.spacing_or_assumed();
        let mut labels: Vec<u8> = kidneys.as_slice().iter().map(|&inside| if inside { KIDNEY } else { 0 }).collect();
        let slice = match inserted.filter(|_| seed % 2 == 1) {
            Some(inserted) => {
                let marked = labels.iter_mut().zip(inserted.mask.as_slice()).filter(|(_, inside)| **inside);
                marked.for_each(|(label, _)| *label = TUMOUR);
                inserted.slice
            }
            None => phantom.slice,
        };
        let case = format!("phantom_{seed:05}");
        let intensities: Vec<u8> = slice.hu().iter().map(|&hu| window.grey(hu)).collect();
        folder.add(&NewSlice {
            file: &format!("{case}.png"),
            case: &case,
            split: Some(if seed / 2 % 2 == 1 { Subset::Test } else { Subset::Train }),
            spacing: Some(spacing),
            intensities: window,
            image: &write::png_8bit(size, size, &intensities)?,
            size: [size, size],
            labels: &labels,
        })?;
    }
    folder.finish()
}
