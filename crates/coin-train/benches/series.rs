//! Reading of a DICOM series from its folder, grouped, sorted and in HU, versus pydicom and SimpleITK.

#![allow(clippy::print_stdout)]

mod baselines;
#[path = "baselines/python.rs"]
mod python;

use anyhow::Context as _;
use clap::Parser;
use coin_imaging::Window;
use coin_train::{files, inputs};
use serde::Deserialize;

const SLICES: usize = 1000;
const SIDE: usize = 256;
const RUNS: usize = 5;
const PACKAGES: [&str; 3] = ["pydicom", "SimpleITK", "numpy"];

#[derive(Parser)]
struct Arguments {
    #[command(flatten)]
    options: baselines::Options,
}

/// Seconds of each run.
#[derive(Deserialize)]
struct Answer {
    pydicom: Vec<f64>,
    simpleitk: Vec<f64>,
}

fn main() -> anyhow::Result<()> {
    let Arguments { options } = Arguments::parse();
    if !options.wants("series") {
        return Ok(());
    }
    options.limit_threads()?;
    let folder = tempfile::tempdir()?;
    let at = folder.path().to_string_lossy().into_owned();
    // The script writes the files, too, because pydicom writes them as scanners do.
    let make = ["make".into(), at.clone(), SLICES.to_string(), SIDE.to_string()];
    if python::run::<usize>("series.py", &PACKAGES, &make)?.is_none() {
        return Ok(());
    }
    let runs = options.runs(RUNS);
    let ours = baselines::seconds(runs, || {
        let input = inputs::all(&[folder.path().to_owned()])?.pop().context("no series")?;
        let opened = files::open_together(&files::read_together(&input.files)?, Window::ABDOMEN)?;
        let scan = opened.scans.first().context("no scan")?;
        anyhow::ensure!(scan.slice_count() == SLICES, "{} slices", scan.slice_count());
        Ok(())
    })?;
    let read = ["read".into(), at, runs.to_string()];
    let theirs: Option<Answer> = python::run("series.py", &PACKAGES, &read)?;
    let what = format!("series of {SLICES} slices of {SIDE} x {SIDE}");
    options.compare(&what, "pydicom", &ours, theirs.as_ref().map(|answer| answer.pydicom.as_slice()));
    options.compare(&what, "SimpleITK", &ours, theirs.as_ref().map(|answer| answer.simpleitk.as_slice()));
    Ok(())
}
