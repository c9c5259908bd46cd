//! Explains scans with a model file.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use coin_imaging::{CounterfactualVolume, File, Limits, Opened, Scan, Window, open_all};
use coin_train::evaluation::MaskRule;
use coin_train::explained::{self, ExplainedSlice};
use coin_train::files::{self, FileError};
use coin_train::inputs::{self, Input, Shard};
use coin_train::model::{self, Model, ModelOptions};
use coin_train::program::{self, BadInput};
use serde::Serialize;
use sha2::{Digest as _, Sha256};

/// What a whole result of a share holds last.
const COMPLETE: &str = "complete.txt";

/// Explain slices: verdict before and after, counterfactual, difference map and mask. Research use only.
#[derive(Parser)]
#[command(
    version,
    after_help = "Examples:
  explain --model models/coin-phantom/coin-phantom.safetensors slice.png --out explained
  explain --model MODEL volume.nii.gz --slice 80 --out explained
  explain --model MODEL study.zip --out explained              or the folder of a DICOM series
  explain --model MODEL archive --shard 3/16 --out explained   the third of 16 machines; again goes on"
)]
struct Arguments {
    #[command(flatten)]
    model: ModelOptions,
    /// DICOM, NIfTI, NRRD, MetaImage, PNG, JPEG, TIFF or BMP files, ZIP archives, or folders of them; the DICOM files of a
    /// folder are put together to their series.
    #[arg(required = true)]
    inputs: Vec<PathBuf>,
    /// Only this slice of each volume; the first is 1.
    #[arg(long, value_name = "N")]
    slice: Option<NonZeroUsize>,
    /// What black and white of a picture mean, instead of the model's window.
    #[arg(long, num_args = 2, value_names = ["LOW", "HIGH"], allow_negative_numbers = true)]
    picture_window: Option<Vec<f32>>,
    /// Only the I-th of N shares of the inputs; those whose results are whole already are passed over, and those that
    /// cannot be read are named and left out.
    #[arg(long, value_name = "I/N")]
    shard: Option<Shard>,
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
    /// From 1, as the page counts.
    slice: usize,
    model: String,
    size: usize,
    /// Probability of "abnormal".
    before: f32,
    after: f32,
    threshold: f32,
    /// Pieces of the mask exceed this somewhere; 0 keeps all.
    seed_threshold: f32,
    postprocess: bool,
    /// Where the model's grid lies on the slice: left and upper edge, width and height in the slice's pixels.
    square: [f64; 4],
    mask_pixels: usize,
    /// How unlike the training data the slice is, in multiples of what the model takes as alike; beyond 1 it warns.
    #[serde(skip_serializing_if = "Option::is_none")]
    ood_score: Option<f32>,
    seconds: f64,
    notice: &'static str,
}

fn main() -> ExitCode {
    program::compute(|| explain(&Arguments::parse_from(program::arguments())))
}

#[allow(clippy::print_stdout)]
fn explain(arguments: &Arguments) -> anyhow::Result<()> {
    let (model, mask_rule) = arguments.model.open()?;
    let picture_window = match &arguments.picture_window {
        Some(bounds) => program::window("--picture-window", bounds)?,
        None => model::picture_window(&model.card)?,
    };
    let out = std::path::absolute(&arguments.out)?;
    for input in arguments.inputs.iter().filter(|input| input.is_dir()) {
        if out.starts_with(std::path::absolute(input)?) {
            let (out, input) = (arguments.out.display(), input.display());
            let reason = format!("--out {out}: it lies in {input}, whose files are explained; choose another folder");
            return Err(BadInput(reason).into());
        }
    }
    let task = Task { arguments, model, mask_rule, picture_window };
    let (mut summaries, mut failed) = (Vec::new(), 0_usize);
    for input in arguments.shard.unwrap_or(Shard::WHOLE).take(inputs::all(&arguments.inputs)?) {
        match task.explain(&input) {
            Ok(found) => summaries.extend(found),
            // An archive has files that are no scans: the others are explained all the same.
            Err(reason) if arguments.shard.is_some() && !cannot_write(&reason) => {
                tracing::warn!("{reason:#}; left out");
                failed += 1;
            }
            Err(reason) => return Err(reason),
        }
    }
    if arguments.json {
        println!("{}", serde_json::to_string(&summaries)?);
    }
    match failed {
        0 => Ok(()),
        _ => Err(BadInput(format!("{failed} of the files could not be explained; each is named above")).into()),
    }
}

/// Whether it is the results' folder that fails, which no other input can mend.
fn cannot_write(reason: &anyhow::Error) -> bool {
    reason.chain().any(|cause| matches!(cause.downcast_ref(), Some(FileError::Write { .. })))
}

/// What every input is explained with.
struct Task<'a> {
    arguments: &'a Arguments,
    model: Model,
    mask_rule: MaskRule,
    picture_window: Window,
}

impl Task<'_> {
    /// Explains an input, unless its results are there already and whole; its summaries.
    fn explain(&self, input: &Input) -> anyhow::Result<Vec<Summary>> {
        let folder = self.arguments.out.join(&input.folder);
        let (name, limits) = (input.name.display().to_string(), Limits::VOLUMES);
        let read = input.read(limits.bytes)?;
        let complete = folder.join(COMPLETE);
        let fingerprint = self.arguments.shard.map(|_| self.fingerprint(&read));
        let before = std::fs::read_to_string(&complete).ok();
        if fingerprint.is_some() && before == fingerprint {
            eprintln!("{name}: explained before, {}", folder.display());
            return Ok(Vec::new());
        }
        // From here on the folder is not whole until the end.
        if before.is_some() {
            std::fs::remove_file(&complete).map_err(|reason| FileError::Write { path: complete.clone(), reason })?;
        }
        let read: Vec<File<'_>> = read.iter().map(|(name, bytes)| File { name, bytes }).collect();
        let Opened { scans, notes } = open_all(&read, self.picture_window, &limits)?;
        for note in notes.iter().chain(scans.iter().flat_map(Scan::notes)) {
            tracing::warn!("{name}: {note}");
        }
        let mut summaries = Vec::new();
        for (i, scan) in scans.iter().enumerate() {
            let (name, folder) = match scans.len() {
                1 => (name.clone(), folder.clone()),
                _ => (format!("{name} series {}", i + 1), folder.join(format!("series-{}", i + 1))),
            };
            summaries.extend(self.explain_scan(&name, scan, &folder)?);
        }
        if let Some(fingerprint) = fingerprint {
            files::write(&complete, fingerprint.as_bytes())?;
        }
        Ok(summaries)
    }

    fn explain_scan(&self, name: &str, scan: &Scan, folder: &Path) -> anyhow::Result<Vec<Summary>> {
        let wanted = self.arguments.slice.map_or(1..=scan.slice_count(), |slice| slice.get()..=slice.get());
        let mut volume = CounterfactualVolume::of(scan);
        let mut summaries = Vec::new();
        if let Some(warning) = self.model.other_modality(scan) {
            tracing::warn!("{name}: {warning}");
        }
        let window = self.model.windows(scan)?;
        for number in wanted {
            let index = number - 1;
            let slice = scan.slice(index)?;
            let folder = match scan.slice_count() {
                1 => folder.to_owned(),
                _ => folder.join(format!("slice-{number:04}")),
            };
            let started = Instant::now();
            let explained = ExplainedSlice::of(&self.model, slice, window(index)?, self.mask_rule)?;
            let seconds = started.elapsed().as_secs_f64();
            explained.write(&folder)?;
            if let Some(volume) = &mut volume {
                explained.put(volume, index, slice);
            }
            if explained.ood_score.is_some_and(|times| times > 1.0) {
                tracing::warn!(
                    "{name} slice {number}: it is unlike what the model was trained on; read its result with caution"
                );
            }
            let summary = Summary {
                input: name.to_owned(),
                slice: number,
                model: self.model.card.name.clone(),
                size: self.model.card.size,
                before: explained.explanation.before,
                after: explained.explanation.after,
                threshold: self.mask_rule.threshold,
                seed_threshold: self.mask_rule.seed_threshold,
                postprocess: self.mask_rule.postprocess,
                square: explained.square(),
                mask_pixels: explained.mask.count(),
                ood_score: explained.ood_score,
                seconds,
                notice: coin_train::NOTICE,
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
            explained::write_volume(&volume, folder, &self.model.card.name)?;
        }
        Ok(summaries)
    }

    /// Everything that decides the results.
    fn fingerprint(&self, files: &[(String, Vec<u8>)]) -> String {
        let mut digest = Sha256::new();
        files.iter().for_each(|(_, bytes)| digest.update(bytes));
        let (file, card) = (hex::encode(digest.finalize()), &self.model.card);
        let (mask_rule, window, slice) = (self.mask_rule, self.picture_window, self.arguments.slice);
        let grid = (card.size, card.crop_to_body);
        format!("{file} {} {grid:?} {mask_rule:?} {window:?} {slice:?}\n", card.weights_sha256)
    }
}
