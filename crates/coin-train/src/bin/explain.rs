//! Explains scans with a model file.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use anyhow::Context as _;
use clap::Parser;
use coin_imaging::picture::Picture;
use coin_imaging::{Fit, Limits, Scan, ScanError, Slice, Window, write};
use coin_train::device::DeviceChoice;
use coin_train::evaluation::Masking;
use coin_train::files;
use coin_train::model::Model;
use coin_train::program::{self, BadInput};
use serde::Serialize;

/// Explain slices: verdict before and after, counterfactual, difference map and mask. Research use only.
#[derive(Parser)]
#[command(
    version,
    after_help = "Examples:
  explain --model models/coin-phantom/coin-phantom.safetensors slice.png --out explained
  explain --model MODEL volume.nii.gz --slice 40 --out explained"
)]
struct Arguments {
    /// The model file.
    #[arg(long)]
    model: PathBuf,
    /// PNG, JPEG, DICOM or NIfTI files.
    #[arg(required = true)]
    inputs: Vec<PathBuf>,
    /// Only this slice of each volume, from 0.
    #[arg(long)]
    slice: Option<usize>,
    /// HU that black and white of a picture mean, instead of the model's window.
    #[arg(long, num_args = 2, value_names = ["LOW", "HIGH"], allow_negative_numbers = true)]
    greys: Option<Vec<f32>>,
    /// Threshold of the mask instead of the model's.
    #[arg(long)]
    threshold: Option<f32>,
    /// Open, close and keep the largest component of each mask.
    #[arg(long)]
    postprocess: bool,
    /// Where to compute: auto, cpu, vulkan or cuda[:N].
    #[arg(long, default_value = "auto")]
    device: DeviceChoice,
    /// Folder for the results; each input gets a folder in it.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Print the summaries as one JSON array on stdout.
    #[arg(long)]
    json: bool,
}

/// `summary.json` of one slice.
#[derive(Serialize)]
struct Summary {
    input: String,
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
    tracing_subscriber::fmt().with_writer(std::io::stderr).without_time().init();
    program::run(|| explain(&Arguments::parse()))
}

#[allow(clippy::print_stdout)]
fn explain(arguments: &Arguments) -> anyhow::Result<()> {
    let model = Model::open(&arguments.model, arguments.device)?;
    let greys = match arguments.greys.as_deref() {
        Some(&[low, high]) => Window::new(low, high).map_err(|reason| BadInput(format!("--greys: {reason}")))?,
        _ => model.window,
    };
    let masking = Masking {
        threshold: arguments.threshold.unwrap_or(model.card.threshold),
        postprocess: arguments.postprocess || model.card.postprocess,
    };
    let mut summaries = Vec::new();
    for input in &arguments.inputs {
        let name = input.display().to_string();
        let bytes = std::fs::read(input).map_err(|reason| BadInput(format!("{name}: {reason}")))?;
        let scan = Scan::open(&bytes, &name, greys, &Limits::default())?;
        let stem = input.file_name().unwrap_or_default().to_string_lossy();
        let stem = stem.split('.').next().unwrap_or("scan");
        let wanted = arguments.slice.map_or(0..scan.slice_count(), |slice| slice..slice + 1);
        for index in wanted {
            let slice = scan.slice(index)?;
            let folder = match scan.slice_count() {
                1 => arguments.out.join(stem),
                _ => arguments.out.join(stem).join(format!("slice-{index:04}")),
            };
            let summary = explain_slice(&model, slice, masking, &folder, (&name, index))?;
            eprintln!(
                "{name} slice {index}: abnormal {:.3} before, {:.3} after, {} mask pixels, {}",
                summary.before,
                summary.after,
                summary.mask_pixels,
                folder.display()
            );
            summaries.push(summary);
        }
    }
    if arguments.json {
        println!("{}", serde_json::to_string(&summaries)?);
    }
    Ok(())
}

fn explain_slice(
    model: &Model,
    slice: &Slice,
    masking: Masking,
    folder: &Path,
    (name, index): (&str, usize),
) -> anyhow::Result<Summary> {
    let size = model.card.size;
    let started = Instant::now();
    let input = model.window.normalise_slice(&Fit::of(slice, size).apply(slice));
    let explanations = model.explainer.explain(input.clone(), size, &model.device)?.read()?;
    let explanation = explanations.into_iter().next().context("the device gave no explanation")?;
    let seconds = started.elapsed().as_secs_f64();
    let empty = || ScanError::NoSlice { name: name.into(), index, count: 0 };
    let mask = masking.apply(&explanation.difference, size).ok_or_else(empty)?;

    let shown = Picture::of_normalised(&input, size, size);
    let save = |file: &str, picture: Picture| -> anyhow::Result<()> {
        files::write(&folder.join(file), &write::png(&picture.with_notice())?)
    };
    save("input.png", shown.clone())?;
    save("counterfactual.png", Picture::of_normalised(&explanation.counterfactual, size, size))?;
    save("difference.png", Picture::of_difference(&explanation.difference, size, size))?;
    save("overlay.png", shown.with_mask(&mask, None))?;
    let mask_greys = mask.as_slice().iter().map(|&inside| if inside { 255 } else { 0 }).collect();
    files::write(&folder.join("mask.png"), &write::grey_png(size, size, mask_greys)?)?;
    files::write(&folder.join("difference.npy"), &npy(&explanation.difference, size))?;
    let summary = Summary {
        input: name.to_owned(),
        slice: index,
        model: model.card.name.clone(),
        size,
        before: explanation.before,
        after: explanation.after,
        threshold: masking.threshold,
        mask_pixels: mask.count(),
        seconds,
        notice: "Research use only",
    };
    files::write(&folder.join("summary.json"), &serde_json::to_vec_pretty(&summary)?)?;
    Ok(summary)
}

/// A square f32 map as NumPy's .npy, version 1: exact values for further work.
fn npy(map: &[f32], size: usize) -> Vec<u8> {
    let mut header = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({size}, {size}), }}");
    // Magic, version and length take 10 bytes; the whole header ends on a multiple of 64.
    let padded = (10 + header.len() + 1).next_multiple_of(64) - 10;
    header.push_str(&" ".repeat(padded - 1 - header.len()));
    header.push('\n');
    let mut bytes = b"\x93NUMPY\x01\x00".to_vec();
    bytes.extend((padded as u16).to_le_bytes());
    bytes.extend(header.bytes());
    bytes.extend(map.iter().flat_map(|value| value.to_le_bytes()));
    bytes
}
