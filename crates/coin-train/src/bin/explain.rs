//! Explains the classifications of scans with a model file.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use coin_core::calibration::Temperature;
use coin_core::explanation::ABNORMAL;
use coin_core::ood::OodScore;
use coin_imaging::{Components, CounterfactualVolume, Opened, Scan, Window};
use coin_train::Error;
use coin_train::evaluation::MaskRule;
use coin_train::explained::{self, ExplainedSlice};
use coin_train::files;
use coin_train::inputs::{self, Input, Shard};
use coin_train::model::{self, MaskSource, Model, ModelOptions};
use coin_train::program;
use coin_train::scan_table::{self, MOST_COMPONENTS, ScanRow, ScanTable, VoxelSize};
use serde::Serialize;
use sha2::{Digest as _, Sha256};

/// Marker file, written last, of the complete results of an input; it contains their fingerprint.
const COMPLETE: &str = "complete.txt";

/// Explain slices: classifier score before and after, counterfactual, difference map and mask. Research use only.
#[derive(Parser)]
#[command(
    version,
    after_help = "Examples:
  explain --model models/coin-phantom/coin-phantom.safetensors slice.png --out explained
  explain --model MODEL volume.nii.gz --slice 80 --out explained
  explain --model MODEL study.zip --out explained              or a folder with a DICOM series
  explain --model MODEL archive --shard 3/16 --out explained   machine 3 of 16; rerun to resume"
)]
struct Arguments {
    #[command(flatten)]
    model: ModelOptions,
    /// DICOM, NIfTI, NRRD, MetaImage, PNG, JPEG, TIFF or BMP files, ZIP archives, or folders of them. DICOM files of a series
    /// are opened together. Files that are no scans are left out with a warning.
    #[arg(required = true)]
    inputs: Vec<PathBuf>,
    /// Explain only this slice of each volume, counted from 1.
    #[arg(long, value_name = "N")]
    slice: Option<NonZeroUsize>,
    /// Threshold this map for the mask. Default: the segmenter's probabilities if the model has a segmenter, which was trained on
    /// COIN's masks.
    #[arg(long, value_enum, value_name = "MAP")]
    mask_from: Option<MaskSource>,
    /// Intensities of black and white in picture files. Default: the model's window.
    #[arg(long, num_args = 2, value_names = ["LOW", "HIGH"], allow_negative_numbers = true)]
    picture_window: Option<Vec<f32>>,
    /// Process only shard I of N. Inputs with complete results are skipped.
    #[arg(long, value_name = "I/N")]
    shard: Option<Shard>,
    /// Output folder, with one subfolder per input.
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
    /// Print all summaries as one JSON array on stdout.
    #[arg(long)]
    json: bool,
}

/// `summary.json` of one slice.
#[derive(Serialize)]
struct Summary {
    input: String,
    /// Counted from 1.
    slice: usize,
    model: String,
    size: usize,
    /// Predicted probability of "abnormal" for the input.
    before: f32,
    /// Predicted probability of "abnormal" for the counterfactual.
    after: f32,
    /// Temperature that calibrated both.
    #[serde(skip_serializing_if = "Option::is_none")]
    temperature: Option<Temperature>,
    /// The map whose values above the threshold are the mask.
    mask_from: MaskSource,
    threshold: f32,
    /// Each component of the mask exceeds this at least once; 0 keeps all components.
    seed_threshold: f32,
    postprocess: bool,
    /// Position of the model's input on the slice: left, top, width and height in slice pixels.
    square: [f64; 4],
    mask_pixels: usize,
    /// Out-of-distribution score relative to the warning threshold: `explain` warns above 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    ood_score: Option<OodScore>,
    seconds: f64,
    notice: &'static str,
}

fn main() -> ExitCode {
    program::compute(|| explain(&Arguments::parse_from(program::arguments())))
}

#[allow(clippy::print_stdout)]
fn explain(arguments: &Arguments) -> anyhow::Result<()> {
    let (model, mask_from, mask_rule) = arguments.model.open_from(arguments.mask_from)?;
    let picture_window = match &arguments.picture_window {
        Some(bounds) => program::window("--picture-window", bounds)?,
        None => model::picture_window(&model.card)?,
    };
    let out = std::path::absolute(&arguments.out)?;
    for input in arguments.inputs.iter().filter(|input| input.is_dir()) {
        if out.starts_with(std::path::absolute(input)?) {
            let (out, input) = (arguments.out.display(), input.display());
            let reason =
                format!("--out {out}: the output folder is inside the input folder {input}; choose another one");
            return Err(Error::Usage(reason).into());
        }
    }
    let inputs = inputs::all(&arguments.inputs)?;
    let settings = Settings { arguments, model, mask_from, mask_rule, picture_window, among_others: inputs.len() > 1 };
    if inputs.is_empty() {
        let folders: Vec<String> = arguments.inputs.iter().map(|input| input.display().to_string()).collect();
        return Err(Error::Usage(format!("{}: no file is in it", folders.join(", "))).into());
    }
    // Shards may share the output folder.
    let table = arguments.shard.map_or("scans.csv".into(), |shard| format!("scans-{shard}.csv"));
    let mut table = ScanTable::open(&arguments.out.join(table))?;
    let inputs = arguments.shard.unwrap_or(Shard::WHOLE).take(inputs);
    let (summaries, _) = usable(inputs.map(|input| settings.explain(&input, &mut table)))?;
    if arguments.json {
        println!("{}", serde_json::to_string(&summaries)?);
    }
    Ok(())
}

/// Results of inputs, and whether all inputs were usable.
type Usable = (Vec<Summary>, bool);

/// The results that could be computed, with a warning for each unusable input: a folder can contain files that are no scans.
///
/// # Errors
/// If no input is usable: the error of the last; there are warnings for the others. If a device fails or results cannot be
/// written, which would fail again.
fn usable(results: impl Iterator<Item = anyhow::Result<Vec<Summary>>>) -> anyhow::Result<Usable> {
    let (mut found, mut last, mut all, mut explained) = (Vec::new(), None, true, false);
    let warn = |reason: Option<anyhow::Error>| reason.iter().for_each(|reason| tracing::warn!("{reason:#}; left out"));
    for result in results {
        match result {
            Ok(summaries) => {
                found.extend(summaries);
                explained = true;
            }
            Err(reason) if program::is_input(&reason) && !cannot_write(&reason) => {
                warn(last.replace(reason));
                all = false;
            }
            Err(reason) => {
                warn(last);
                return Err(reason);
            }
        }
        if explained {
            warn(last.take());
        }
    }
    last.map_or(Ok((found, all)), Err)
}

/// Whether results could not be written.
fn cannot_write(reason: &anyhow::Error) -> bool {
    reason.chain().any(|cause| matches!(cause.downcast_ref(), Some(Error::Write { .. })))
}

/// Settings shared by all inputs.
struct Settings<'a> {
    arguments: &'a Arguments,
    model: Model,
    mask_from: MaskSource,
    mask_rule: MaskRule,
    picture_window: Window,
    /// Whether there are several inputs.
    among_others: bool,
}

impl Settings<'_> {
    /// Explains an input and returns its summaries; none if complete results already exist.
    fn explain(&self, input: &Input, table: &mut ScanTable) -> anyhow::Result<Vec<Summary>> {
        let folder = self.arguments.out.join(&input.folder);
        let name = input.name.display().to_string();
        let read = files::read_together(&input.files)?;
        let complete = folder.join(COMPLETE);
        let fingerprint = self.arguments.shard.map(|_| self.fingerprint(&read));
        let before = std::fs::read_to_string(&complete).ok();
        if fingerprint.is_some() && before == fingerprint {
            eprintln!("{name}: already complete in {}", folder.display());
            return Ok(Vec::new());
        }
        // The results are incomplete until the marker is written again.
        if before.is_some() {
            std::fs::remove_file(&complete).map_err(Error::write(&complete))?;
        }
        let Opened { scans, notes } = files::open_together(&read, self.picture_window)?;
        // As in an archive, where it lies beside others.
        if self.among_others && scans.iter().all(Scan::is_scout) {
            let reason = "it is a scout image (ImageType LOCALIZER); open it alone to explain it".to_owned();
            return Err(Error::Folder { path: input.name.clone(), reason }.into());
        }
        for note in &notes {
            tracing::warn!("{name}: {note}");
        }
        let explained = scans.iter().enumerate().map(|(i, scan)| {
            let (name, folder) = match scans.len() {
                1 => (name.clone(), folder.clone()),
                _ => (format!("{name} volume {}", i + 1), folder.join(format!("series-{}", i + 1))),
            };
            self.explain_scan(&name, scan, &folder, table)
        });
        let (summaries, all) = usable(explained)?;
        if let Some(fingerprint) = fingerprint.filter(|_| all) {
            files::write(&complete, fingerprint.as_bytes())?;
        }
        Ok(summaries)
    }

    /// The row of `scans.csv`, unless no slice was explained.
    fn row(
        &self,
        name: &str,
        scan: &Scan,
        summaries: &[Summary],
        components: &Components,
        size: VoxelSize,
    ) -> Option<ScanRow> {
        let most_abnormal =
            summaries.iter().reduce(|most, next| if next.before > most.before { next } else { most })?;
        let largest = components.largest.first();
        let warns = |summary: &&Summary| summary.ood_score.is_some_and(OodScore::is_warning);
        Some(ScanRow {
            scan: name.to_owned(),
            model: self.model.card.name.clone(),
            mask_from: self.mask_from,
            threshold: self.mask_rule.threshold,
            slices: summaries.len(),
            abnormal_slices: summaries.iter().filter(|summary| summary.before >= ABNORMAL).count(),
            most_abnormal_slice: most_abnormal.slice,
            before: most_abnormal.before,
            after: most_abnormal.after,
            temperature: self.model.card.temperature,
            mask_mm3: size.volume(components.voxels),
            mask_mm2: size.area(components.voxels),
            mask_voxels: components.voxels,
            components: components.total,
            largest_key_slice: largest.map(|largest| largest.key_slice + 1),
            largest_mm3: largest.and_then(|largest| size.volume(largest.voxels)),
            largest_longest_mm: largest.and_then(|largest| size.length(largest.diameters.longest.length())),
            largest_perpendicular_mm: largest.and_then(|largest| size.length(largest.diameters.perpendicular.length())),
            ood_warnings: summaries.iter().filter(warns).count(),
            other_modality: self.model.other_modality(scan.modality()).is_some(),
            seconds: summaries.iter().map(|summary| summary.seconds).sum(),
        })
    }

    fn explain_scan(
        &self,
        name: &str,
        scan: &Scan,
        folder: &Path,
        table: &mut ScanTable,
    ) -> anyhow::Result<Vec<Summary>> {
        let wanted = self.arguments.slice.map_or(1..=scan.slice_count(), |slice| slice.get()..=slice.get());
        for note in scan.notes() {
            tracing::warn!("{name}: {note}");
        }
        let mut volume = CounterfactualVolume::new(scan);
        let mut summaries = Vec::new();
        if let Some(warning) = self.model.other_modality(scan.modality()) {
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
            let explained = ExplainedSlice::of(&self.model, slice, window(index)?, self.mask_from, self.mask_rule)?;
            let seconds = started.elapsed().as_secs_f64();
            explained.write(&folder)?;
            explained.put(&mut volume, index, slice);
            if explained.ood_score.is_some_and(OodScore::is_warning) {
                tracing::warn!(
                    "{name} slice {number}: out of distribution; the model was not trained on similar images, so its result may be wrong"
                );
            }
            let summary = Summary {
                input: name.to_owned(),
                slice: number,
                model: self.model.card.name.clone(),
                size: self.model.card.size,
                before: self.model.explainer.calibrated(explained.explanation.before),
                after: self.model.explainer.calibrated(explained.explanation.after),
                temperature: self.model.card.temperature,
                mask_from: self.mask_from,
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
                "{name} slice {number}: abnormal {:.3} before, {:.3} after; {} mask pixels; {}",
                summary.before,
                summary.after,
                summary.mask_pixels,
                folder.display()
            );
            summaries.push(summary);
        }
        explained::write_volume(&volume, folder, &self.model.card.name)?;
        let (components, size) = (volume.components(MOST_COMPONENTS), VoxelSize::of(scan));
        files::write(&folder.join("components.csv"), &scan_table::components_csv(&components, size)?)?;
        self.row(name, scan, &summaries, &components, size).map_or(Ok(()), |row| table.put(row))?;
        Ok(summaries)
    }

    /// A key that changes with every input and option that affects the results.
    fn fingerprint(&self, files: &[(String, Vec<u8>)]) -> String {
        let mut digest = Sha256::new();
        files.iter().for_each(|(_, bytes)| digest.update(bytes));
        let (file, card) = (hex::encode(digest.finalize()), &self.model.card);
        let (mask_rule, window, slice) = ((self.mask_from, self.mask_rule), self.picture_window, self.arguments.slice);
        let (grid, rules) = ((card.size, card.crop_to_body), (card.verification, card.temperature));
        format!("{file} {} {grid:?} {mask_rule:?} {rules:?} {window:?} {slice:?}\n", card.weights_sha256)
    }
}
