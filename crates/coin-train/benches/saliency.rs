//! RISE with 1000 masks at 256x256 on the classifiers of the shipped models, versus PyTorch with the same weights, masks and
//! threads, on the CPU or a GPU. Fails if the maps differ.

#![allow(clippy::print_stdout)]

#[path = "baselines/agreement.rs"]
mod agreement;
mod baselines;
#[path = "baselines/device.rs"]
mod device;
#[path = "baselines/python.rs"]
mod python;

use anyhow::Context as _;
use burn::tensor::{Tensor, TensorData};
use clap::Parser;
use coin_core::attribution::{Rise, RiseConfig};
use coin_imaging::InputTransform;
use coin_imaging::phantom::Phantom;
use coin_train::model::{self, Model};
use serde::Deserialize;
use serde_json::json;

const SIZE: usize = 256;
const MODELS: [&str; 2] = ["coin-phantom", "coin-kidney-anomaly"];
const MASKS: usize = 1000;
const RUNS: usize = 3;

#[derive(Parser)]
struct Arguments {
    #[command(flatten)]
    options: baselines::Options,
    #[command(flatten)]
    device: device::DeviceOption,
    /// Number of random masks.
    #[arg(long, default_value_t = MASKS)]
    masks: usize,
}

#[derive(Deserialize)]
struct Answer {
    seconds: Vec<f64>,
    map: Vec<f32>,
    batch: usize,
}

fn main() -> anyhow::Result<()> {
    let Arguments { options, device, masks } = Arguments::parse();
    options.limit_threads()?;
    let device = device.open()?;
    let rise = Rise::draw(&RiseConfig { masks, ..RiseConfig::paper() }, [SIZE; 2]);
    MODELS.into_iter().filter(|name| options.wants(name)).try_for_each(|name| measure(&options, &device, &rise, name))
}

/// Times the classifier of a shipped model on both sides.
fn measure(options: &baselines::Options, device: &device::SharedDevice, rise: &Rise, name: &str) -> anyhow::Result<()> {
    let runs = options.runs(RUNS);
    let path = python::root().join(format!("models/{name}/{name}.safetensors"));
    let bundle = Model::bundle(&path)?;
    let classifier = bundle.explainer(&device.ours)?.classifier;
    let slice = Phantom::generate(1, SIZE).slice;
    let input = InputTransform::of(&slice, SIZE).input(&slice, model::picture_window(&bundle.card)?);
    let (grid, masks) = (RiseConfig::paper().grid, rise.masks());
    let image = Tensor::<4>::from_data(TensorData::new(input.clone(), [1, 1, SIZE, SIZE]), &device.ours);
    let mut map = Vec::new();
    let ours = baselines::seconds(runs, || {
        let found = rise.map(&classifier, image.clone(), &mut |_, _| true).context("RISE was stopped")?;
        map = found.try_into_vec_as::<f32>()?;
        Ok(())
    })?;

    let folder = tempfile::tempdir()?;
    let (picture, drawn) = (folder.path().join("input.f32"), folder.path().join("masks.json"));
    agreement::write_image(&picture, &input)?;
    let cells: Vec<Vec<u8>> = masks.iter().map(|mask| mask.cells.iter().map(|&shown| shown.into()).collect()).collect();
    let shifts: Vec<[usize; 2]> = masks.iter().map(|mask| mask.shift).collect();
    std::fs::write(&drawn, serde_json::to_vec(&json!({ "grid": grid, "cells": cells, "shifts": shifts }))?)?;
    let files = [&path, &picture, &drawn].map(|path| path.to_string_lossy().into_owned());
    let numbers = [SIZE, options.threads(), runs].map(|number| number.to_string());
    let arguments: Vec<String> = files.into_iter().chain(numbers).chain([device.theirs.into()]).collect();
    let theirs: Option<Answer> = python::run("rise.py", &["numpy", "torch"], &arguments)?;
    let what = format!("RISE, {} masks, {SIZE}x{SIZE}, {name}, on {}", masks.len(), device.name);
    if let Some(theirs) = &theirs {
        agreement::require(&what, "PyTorch", map.iter().zip(&theirs.map))?;
    }
    let baseline = theirs.as_ref().map_or("PyTorch".into(), |answer| format!("PyTorch in batches of {}", answer.batch));
    options.compare(&what, &baseline, &ours, theirs.as_ref().map(|answer| answer.seconds.as_slice()));
    Ok(())
}
