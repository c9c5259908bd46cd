//! Data loading for classifier training from KiTS volumes with the paper's augmentation: the first epoch, which extracts the
//! slices, and later epochs; versus nibabel, albumentations and PyTorch's DataLoader.

#![allow(clippy::print_stdout)]

mod baselines;
#[path = "baselines/python.rs"]
mod python;
#[path = "../tests/volumes/mod.rs"]
mod volumes;

use std::path::Path;
use std::time::Instant;

use clap::Parser;
use coin_imaging::augmentation::Augmentation;
use coin_imaging::phantom::{Organ, Phantom};
use coin_train::data::source::SourceKind;
use coin_train::data::{BatchRequest, DataOptions, DataSpec, Dataset, Subset};
use coin_train::recipe::Recipe;
use serde::Deserialize;

const CASES: u64 = 4;
/// Columns, rows and slices of each volume.
const SIDES: [usize; 3] = [512, 512, 24];
const SIZE: usize = 256;
const BATCH: usize = 16;
/// Batches per epoch.
const BATCHES: u64 = 12;
const EPOCHS: usize = 4;

#[derive(Parser)]
struct Arguments {
    #[command(flatten)]
    options: baselines::Options,
}

#[derive(Deserialize)]
struct Answer {
    first: Vec<f64>,
    later: Vec<f64>,
}

fn main() -> anyhow::Result<()> {
    let Arguments { options } = Arguments::parse();
    if !options.wants("loading") {
        return Ok(());
    }
    options.limit_threads()?;
    let folder = tempfile::tempdir()?;
    let kits = folder.path().join("kits");
    (0..CASES).for_each(|case| patient(&kits.join(format!("case_{case:05}")), case));

    let changes = [format!("size={SIZE}"), "data.split={kind=\"ratio\", validation=0.0, test=0.0}".into()];
    let recipe = Recipe::load("kits23-anomalies", &changes)?;
    let started = Instant::now();
    let spec = DataSpec::Folder(SourceKind::Kits, kits.clone());
    let source = DataOptions { specs: vec![spec], cache: Some(folder.path().join("cache")), ..DataOptions::default() };
    let data =
        Dataset::open(&recipe.protocol(), source.table(&recipe.protocol().wanted())?.as_ref(), &[Subset::Train])?;
    let mut taken = 0;
    let mut epoch = || -> anyhow::Result<()> {
        for step in taken..taken + BATCHES {
            let request = BatchRequest { seed: 1, step, size: BATCH, normal: false };
            data.batch(&recipe.anomaly, Some(&Augmentation::PAPER), request)?;
        }
        taken += BATCHES;
        Ok(())
    };
    epoch()?;
    let first = started.elapsed().as_secs_f64();
    let epochs = options.runs(EPOCHS);
    let later = baselines::seconds(epochs, epoch)?;

    let arguments = [
        kits.to_string_lossy().into_owned(),
        SIZE.to_string(),
        BATCH.to_string(),
        BATCHES.to_string(),
        epochs.to_string(),
        options.threads().to_string(),
    ];
    let packages = ["nibabel", "albumentations", "torch"];
    let theirs: Option<Answer> = python::run("loading.py", &packages, &arguments)?;
    let slices = BATCH as u64 * BATCHES;
    let baseline = "nibabel + albumentations";
    let (their_first, their_later) = match &theirs {
        Some(answer) => (Some(answer.first.as_slice()), Some(answer.later.as_slice())),
        None => (None, None),
    };
    options.compare(&format!("first epoch of {slices} slices, with extraction"), baseline, &[first], their_first);
    options.compare(&format!("later epoch of {slices} slices"), baseline, &later, their_later);
    Ok(())
}

/// Writes a KiTS case with a stack of phantoms.
fn patient(folder: &Path, case: u64) {
    let slices: Vec<Phantom> = (0..SIDES[2] as u64).map(|z| Phantom::generate(100 * case + z, SIDES[0])).collect();
    let kidneys: Vec<_> = slices.iter().map(|phantom| phantom.mask(Organ::Kidney)).collect();
    volumes::write(&folder.join("imaging.nii.gz"), SIDES, false, |x, y, z| {
        slices[z].slice.hu()[y * SIDES[0] + x].round()
    });
    volumes::write(&folder.join("segmentation.nii.gz"), SIDES, true, |x, y, z| {
        f32::from(u8::from(kidneys[z].get(x, y)))
    });
}
