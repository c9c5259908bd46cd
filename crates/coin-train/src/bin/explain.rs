//! Explains scans with a model file.

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use coin_imaging::{Limits, Scan, Window};
use coin_train::explained::{ExplainedSlice, ExplainedVolume};
use coin_train::files;
use coin_train::model::ModelOptions;
use coin_train::program::{self, BadInput};
use serde::Serialize;

/// Explain slices: verdict before and after, counterfactual, difference map and mask. Research use only.
#[derive(Parser)]
#[command(
    version,
    after_help = "Examples:
  explain --model models/coin-phantom/coin-phantom.safetensors slice.png --out explained
  explain --model MODEL volume.nii.gz --slice 80 --out explained"
)]
struct Arguments {
    #[command(flatten)]
    model: ModelOptions,
    /// PNG, JPEG, DICOM or NIfTI files.
    #[arg(required = true)]
    inputs: Vec<PathBuf>,
    /// Only this slice of each volume; the first is 1.
    #[arg(long, value_name = "N")]
    slice: Option<NonZeroUsize>,
    /// HU that black and white of a picture mean, instead of the model's window.
    #[arg(long, num_args = 2, value_names = ["LOW", "HIGH"], allow_negative_numbers = true)]
    greys: Option<Vec<f32>>,
    /// Folder for the results; each input gets a folder in it.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Print the summaries as one JSON array on stdout.
    #[arg(long)]
    json: bool,
}

/// Endings that a result's folder does without; the longer ones first.
const ENDINGS: [&str; 8] = [".nii.gz", ".nii", ".png", ".jpeg", ".jpg", ".dicom", ".dcm", ".ima"];

/// `summary.json` of one slice.
#[derive(Serialize)]
struct Summary {
    input: String,
    /// From 1, as the page counts.
    slice: usize,
    model: String,
    size: usize,
    /// Probability of "abnormal".
    before: f32,
    after: f32,
    threshold: f32,
    mask_pixels: usize,
    seconds: f64,
    notice: &'static str,
}

fn main() -> ExitCode {
    program::run(|| explain(&Arguments::parse()))
}

#[allow(clippy::print_stdout)]
fn explain(arguments: &Arguments) -> anyhow::Result<()> {
    let (model, masking) = arguments.model.open()?;
    let greys = match arguments.greys.as_deref() {
        Some(&[low, high]) => Window::new(low, high).map_err(|reason| BadInput(format!("--greys: {reason}")))?,
        _ => model.window,
    };
    let mut summaries = Vec::new();
    let limits = Limits::default();
    for (input, folder) in arguments.inputs.iter().zip(folders(&arguments.inputs)) {
        let name = input.display().to_string();
        let scan = Scan::open(&files::read_limited(input, limits.bytes)?, &name, greys, &limits)?;
        let folder = arguments.out.join(folder);
        let wanted = arguments.slice.map_or(1..=scan.slice_count(), |slice| slice.get()..=slice.get());
        let mut volume = ExplainedVolume::of(&scan);
        for number in wanted {
            let index = number - 1;
            let slice = scan.slice(index)?;
            let folder = match scan.slice_count() {
                1 => folder.clone(),
                _ => folder.join(format!("slice-{number:04}")),
            };
            let started = Instant::now();
            let explained = ExplainedSlice::of(&model, slice, masking)?;
            let seconds = started.elapsed().as_secs_f64();
            explained.write(&folder)?;
            if let Some(volume) = &mut volume {
                volume.put(index, slice, &explained);
            }
            let summary = Summary {
                input: name.clone(),
                slice: number,
                model: model.card.name.clone(),
                size: model.card.size,
                before: explained.explanation.before,
                after: explained.explanation.after,
                threshold: masking.threshold,
                mask_pixels: explained.mask.count(),
                seconds,
                notice: "Research use only",
            };
            files::write(&folder.join("summary.json"), &serde_json::to_vec_pretty(&summary)?)?;
            eprintln!(
                "{name} slice {number}: abnormal {:.3} before, {:.3} after, {} mask pixels, {}",
                summary.before,
                summary.after,
                summary.mask_pixels,
                folder.display()
            );
            summaries.push(summary);
        }
        if let Some(volume) = volume {
            volume.write(&folder)?;
        }
    }
    if arguments.json {
        println!("{}", serde_json::to_string(&summaries)?);
    }
    Ok(())
}

/// A folder for each input: its name without the ending, numbered where two inputs share it.
fn folders(inputs: &[PathBuf]) -> Vec<String> {
    let mut taken: Vec<String> = Vec::with_capacity(inputs.len());
    for input in inputs {
        let name = input.file_name().unwrap_or_default().to_string_lossy();
        let stem = ENDINGS.iter().find_map(|ending| {
            let cut = name.len().checked_sub(ending.len())?;
            let (stem, found) = (name.get(..cut)?, name.get(cut..)?);
            (found.eq_ignore_ascii_case(ending) && !stem.is_empty()).then_some(stem)
        });
        let stem = stem.unwrap_or(&name);
        let numbered = (2..).map(|i| format!("{stem}-{i}"));
        let free = std::iter::once(stem.to_owned()).chain(numbered).find(|folder| !taken.contains(folder));
        taken.extend(free);
    }
    taken
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_input_has_a_folder_of_its_own() {
        let inputs = ["a/x.png", "b/x.png", "1.2.840.1.dcm", "1.2.840.2.dcm", "v.nii.gz", ".png", "no-ending"];
        let inputs: Vec<PathBuf> = inputs.iter().map(PathBuf::from).collect();
        assert_eq!(folders(&inputs), ["x", "x-2", "1.2.840.1", "1.2.840.2", "v", ".png", "no-ending"]);
    }
}
