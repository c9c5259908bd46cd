//! Negative controls: evaluates a model on images without the finding.

use std::path::{Path, PathBuf};

use coin_imaging::{InputTransform, Scan};

use crate::Error;
use crate::data::Cases;
use crate::evaluation::{self, MaskRule, NegativeControl, NegativeControlTally};
use crate::files;
use crate::inputs::{self, Input};
use crate::model::{self, Model};

/// Image files that form one negative control.
#[derive(Clone, Debug)]
pub struct ControlFiles {
    /// Name in reports.
    pub name: String,
    path: PathBuf,
    inputs: Vec<Input>,
}

impl ControlFiles {
    /// Collects the file `path`, or all files in the folder `path`.
    ///
    /// # Errors
    /// If the file is missing or the folder is empty.
    pub fn find(name: &str, path: &Path) -> anyhow::Result<Self> {
        let inputs = if path.exists() { inputs::all(&[path.to_owned()])? } else { Vec::new() };
        if inputs.is_empty() {
            return Err(Error::Usage(format!(
                "--negative-control {name}={}: no file found; name an image file or a folder with images",
                path.display()
            ))
            .into());
        }
        Ok(Self { name: name.into(), path: path.into(), inputs })
    }
}

/// Evaluates the model on slices of a data set that are on the model's grid; `None` if there are none.
///
/// # Errors
/// If a slice cannot be read or the device fails.
pub fn of_cases(model: &Model, cases: &Cases, mask_rule: MaskRule) -> anyhow::Result<Option<NegativeControl>> {
    let mut tally = NegativeControlTally::default();
    for index in 0..cases.len() {
        let case = cases.get(index)?;
        add(&mut tally, model, case.window.normalise_slice(&case.slice), mask_rule)?;
    }
    Ok(tally.control())
}

/// Evaluates the model on every slice of the files. Files that are not images are skipped with a warning.
///
/// # Errors
/// If a file cannot be read, or none of them is an image.
pub fn of_files(model: &Model, images: &ControlFiles, mask_rule: MaskRule) -> anyhow::Result<NegativeControl> {
    let mut tally = NegativeControlTally::default();
    for input in &images.inputs {
        let read = files::read_together(&input.files)?;
        let name = input.name.display();
        let opened = match files::open_together(&read, model::picture_window(&model.card)?) {
            Ok(opened) => opened,
            Err(reason) => {
                tracing::warn!("{name}: {reason}; skipped");
                continue;
            }
        };
        for note in opened.notes.iter().chain(opened.scans.iter().flat_map(Scan::notes)) {
            tracing::warn!("{name}: {note}");
        }
        for scan in &opened.scans {
            let window = model.windows(scan)?;
            for index in 0..scan.slice_count() {
                let slice = scan.slice(index)?;
                let transform = InputTransform::for_model(slice, model.card.size, model.card.crop_to_body);
                add(&mut tally, model, transform.input(slice, window(index)?), mask_rule)?;
            }
        }
    }
    let none = || {
        Error::Usage(format!(
            "--negative-control {}={}: no readable image found; name an image file or a folder with images",
            images.name,
            images.path.display()
        ))
        .into()
    };
    tally.control().ok_or_else(none)
}

fn add(tally: &mut NegativeControlTally, model: &Model, input: Vec<f32>, mask_rule: MaskRule) -> anyhow::Result<()> {
    let (size, ood_score) = (model.card.size, model.explainer.ood_score(&input));
    let found = evaluation::explain(&model.explainer, &[&input], size, &model.device)?;
    found.iter().for_each(|explanation| tally.add(explanation, size, mask_rule, ood_score));
    Ok(())
}
