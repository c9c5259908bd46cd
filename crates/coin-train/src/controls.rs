//! A model on images in which there is nothing to be found.

use std::path::Path;

use anyhow::Context as _;
use coin_imaging::{File, Limits, Slice, open_all};

use crate::data::Cases;
use crate::evaluation::{Control, ControlTally, Masking};
use crate::explained::ExplainedSlice;
use crate::inputs;
use crate::model::Model;

/// On slices of a data set, on the model's grid already; `None` where there are none.
pub fn of_cases(model: &Model, cases: &Cases, masking: Masking) -> anyhow::Result<Option<Control>> {
    let mut tally = ControlTally::default();
    for index in 0..cases.len() {
        let input = model.window.normalise_slice(&cases.get(index)?.slice);
        add(&mut tally, &ExplainedSlice::of_input(model, input, masking)?, masking);
    }
    Ok(tally.control())
}

/// On every slice of a file or of a folder of files.
///
/// # Errors
/// When a file cannot be read.
pub fn of_files(model: &Model, path: &Path, masking: Masking) -> anyhow::Result<Control> {
    let mut tally = ControlTally::default();
    for input in inputs::all(&[path.to_owned()])? {
        let limits = Limits::VOLUMES;
        let read = input.read(limits.bytes)?;
        let files: Vec<File<'_>> = read.iter().map(|(name, bytes)| File { name, bytes }).collect();
        for scan in open_all(&files, model.window, &limits)?.scans {
            for index in 0..scan.slice_count() {
                let slice: &Slice = scan.slice(index)?;
                add(&mut tally, &ExplainedSlice::of(model, slice, masking)?, masking);
            }
        }
    }
    tally.control().with_context(|| format!("{}: no image lies in it", path.display()))
}

fn add(tally: &mut ControlTally, explained: &ExplainedSlice, masking: Masking) {
    tally.add(&explained.explanation, explained.size(), masking, explained.unfamiliarity);
}
