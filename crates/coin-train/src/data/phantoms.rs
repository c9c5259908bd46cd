//! Phantom patients, as cases and as a slice folder.

use std::ops::Range;
use std::path::Path;

use coin_imaging::anomaly::{self, AnomalyStyle};
use coin_imaging::phantom::{Organ, Phantom};
use coin_imaging::{Window, write};

use super::table::{KIDNEY, Line, TUMOUR};
use super::{Case, DataError, Purpose};
use crate::files;

/// The patient of a seed.
pub fn case(seed: u64, size: usize) -> Case {
    let phantom = Phantom::generate(seed, size);
    let kidneys = phantom.mask(Organ::Kidney);
    let name = format!("phantom {seed}");
    Case { patient: name.clone(), name, slice: phantom.slice, kidneys, tumour: None }
}

/// Writes the patients of these seeds as a slice folder, their greys in [`Window::PHANTOM`]; every second one has an anomaly,
/// labelled as a tumour, and every second pair is for test.
pub fn write_set(seeds: Range<u64>, size: usize, out: &Path) -> Result<(), DataError> {
    let window = Window::PHANTOM;
    let mut table = csv::Writer::from_writer(Vec::new());
    let unwritten = |reason: String| DataError::folder(out.join("slices.csv"), reason);
    for seed in seeds {
        let phantom = Phantom::generate(seed, size);
        let kidneys = phantom.mask(Organ::Kidney);
        let planted = anomaly::plant(&phantom.slice, &kidneys, window, &AnomalyStyle::PHANTOM, seed);
        let spacing = phantom.slice.spacing_or_assumed().column_mm();
        let mut labels: Vec<u8> = kidneys.as_slice().iter().map(|&inside| if inside { KIDNEY } else { 0 }).collect();
        let slice = match planted.filter(|_| seed % 2 == 1) {
            Some(planted) => {
                let marked = labels.iter_mut().zip(planted.mask.as_slice()).filter(|(_, inside)| **inside);
                marked.for_each(|(label, _)| *label = TUMOUR);
                planted.slice
            }
            None => phantom.slice,
        };
        let count = |wanted: u8| labels.iter().filter(|&&label| label == wanted).count() as u32;
        let case = format!("phantom_{seed:05}");
        let split = if seed / 2 % 2 == 1 { Purpose::Test } else { Purpose::Train };
        let line = Line {
            file: format!("{case}.png"),
            case,
            split: split.name().into(),
            kidney_px: count(KIDNEY),
            tumour_px: count(TUMOUR),
            spacing_xy_mm: Some(spacing),
            low_hu: Some(window.low()),
            high_hu: Some(window.high()),
            ..Line::default()
        };
        let greys: Vec<u8> = slice.hu().iter().map(|&hu| window.grey(hu)).collect();
        files::write(&out.join("images").join(&line.file), &write::grey_png(size, size, &greys)?)?;
        files::write(&out.join("masks").join(&line.file), &write::grey_png(size, size, &labels)?)?;
        table.serialize(line).map_err(|reason| unwritten(reason.to_string()))?;
    }
    let table = table.into_inner().map_err(|reason| unwritten(reason.to_string()))?;
    Ok(files::write(&out.join("slices.csv"), &table)?)
}
