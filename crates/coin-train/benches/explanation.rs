//! One explanation (classification, counterfactual, classification of the counterfactual) at 256x256, with the shipped models
//! and with random networks of the paper's width, versus onnxruntime with the same weights and threads or GPU. Fails if the
//! results differ.

#![allow(clippy::print_stdout)]

#[path = "baselines/agreement.rs"]
mod agreement;
mod baselines;
#[path = "baselines/device.rs"]
mod device;
#[path = "baselines/python.rs"]
mod python;

use anyhow::Context as _;
use burn::tensor::Device;
use clap::Parser;
use coin_core::bundle::{Bundle, Networks};
use coin_imaging::InputTransform;
use coin_imaging::phantom::Phantom;
use coin_train::model::{self, Model};
use coin_train::recipe::Recipe;
use coin_train::{onnx, stage};
use serde::Deserialize;

const SIZE: usize = 256;
const MODELS: [&str; 2] = ["coin-phantom", "coin-kidney-anomaly"];
const RUNS: usize = 30;
/// The recipe with the paper's networks.
const PAPER: &str = "paper-synthetic";
const PAPER_RUNS: usize = 5;

#[derive(Parser)]
struct Arguments {
    #[command(flatten)]
    options: baselines::Options,
    #[command(flatten)]
    device: device::DeviceOption,
}

#[derive(Deserialize)]
struct Answer {
    seconds: Vec<f64>,
    before: f32,
    after: f32,
    counterfactual: Vec<f32>,
}

fn main() -> anyhow::Result<()> {
    let Arguments { options, device } = Arguments::parse();
    options.limit_threads()?;
    let device = device.open()?;
    for name in MODELS.into_iter().filter(|name| options.wants(name)) {
        let bundle = Model::bundle(&python::root().join(format!("models/{name}/{name}.safetensors")))?;
        measure(&options, &device, &bundle, options.runs(RUNS))?;
    }
    if options.wants(PAPER) {
        measure(&options, &device, &untrained(PAPER)?, options.runs(PAPER_RUNS))?;
    }
    Ok(())
}

/// Times a model on both sides.
fn measure(
    options: &baselines::Options,
    device: &device::SharedDevice,
    bundle: &Bundle,
    runs: usize,
) -> anyhow::Result<()> {
    let explainer = bundle.explainer(&device.ours)?;
    let slice = Phantom::generate(1, SIZE).slice;
    let input = InputTransform::of(&slice, SIZE).input(&slice, model::picture_window(&bundle.card)?);
    let explain = || {
        let explanations = explainer.explain(input.clone(), SIZE, &device.ours)?.read()?;
        explanations.into_iter().next().context("the device gave no explanation")
    };
    let ours = baselines::seconds(runs, || explain().map(drop))?;

    let folder = tempfile::tempdir()?;
    let (exported, image) = (folder.path().join("model.onnx"), folder.path().join("input.f32"));
    std::fs::write(&exported, onnx::export(bundle)?)?;
    agreement::write_image(&image, &input)?;
    let arguments = [
        exported.to_string_lossy().into_owned(),
        image.to_string_lossy().into_owned(),
        SIZE.to_string(),
        options.threads().to_string(),
        runs.to_string(),
        device.theirs.into(),
    ];
    let theirs: Option<Answer> = python::run("onnx_explanation.py", &["numpy", "onnxruntime"], &arguments)?;
    let what = format!("explanation {SIZE}x{SIZE}, {}, on {}", bundle.card.name, device.name);
    if let Some(theirs) = &theirs {
        let found = explain()?;
        let pixels = found.counterfactual.iter().zip(&theirs.counterfactual);
        let pairs = pixels.chain([(&found.before, &theirs.before), (&found.after, &theirs.after)]);
        agreement::require(&what, "onnxruntime", pairs)?;
    }
    options.compare(&what, "onnxruntime", &ours, theirs.as_ref().map(|answer| answer.seconds.as_slice()));
    Ok(())
}

/// The model of a recipe with random weights.
fn untrained(recipe: &str) -> anyhow::Result<Bundle> {
    let recipe = Recipe::load(recipe, &[])?;
    let device = Device::flex();
    device.seed(recipe.seed);
    let inpainter = recipe.counterfactual.inpainter.init(&device);
    let classifier = recipe.classifier.network.init(&device);
    let card = stage::card(&recipe)?;
    Ok(Bundle::pack(card, Networks { inpainter, classifier, segmenter: None }, &device)?)
}
