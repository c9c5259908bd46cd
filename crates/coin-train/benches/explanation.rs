//! One explanation (verdict, counterfactual, verdict again) at 256x256 on the CPU, against onnxruntime on the same
//! weights and threads. Stops when the two do not agree: then it would not be the same work.

#![allow(clippy::print_stdout)]

mod rivals;

use anyhow::{Context as _, ensure};
use coin_imaging::Fit;
use coin_imaging::phantom::Phantom;
use coin_train::device::DeviceChoice;
use coin_train::model::Model;
use coin_train::onnx;
use serde::Deserialize;

const SIZE: usize = 256;
const RUNS: usize = 30;
const MODELS: [&str; 2] = ["coin-phantom", "coin-kidney-anomaly"];
/// Largest difference in [-1, 1] that summing in another order explains.
const AGREEMENT: f32 = 1e-3;

#[derive(Deserialize)]
struct Answer {
    seconds: Vec<f64>,
    before: f32,
    after: f32,
    counterfactual: Vec<f32>,
}

fn main() -> anyhow::Result<()> {
    for name in MODELS {
        let path = rivals::root().join(format!("models/{name}/{name}.safetensors"));
        let model = Model::open(&path, DeviceChoice::Cpu)?;
        let slice = Phantom::generate(1, SIZE).slice;
        let input = Fit::of(&slice, SIZE).input(&slice, model.window);

        let explain = || {
            let explanations = model.explainer.explain(input.clone(), SIZE, &model.device)?.read()?;
            explanations.into_iter().next().context("the device gave no explanation")
        };
        let ours = rivals::seconds(RUNS, || explain().map(drop))?;

        let folder = tempfile::tempdir()?;
        let exported = folder.path().join("model.onnx");
        std::fs::write(&exported, onnx::export(&Model::bundle(&path)?)?)?;
        let file = folder.path().join("input.f32");
        std::fs::write(&file, input.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>())?;
        let arguments = [
            exported.to_string_lossy().into_owned(),
            file.to_string_lossy().into_owned(),
            SIZE.to_string(),
            rivals::threads().to_string(),
            RUNS.to_string(),
        ];
        let packages = ["numpy", "onnxruntime"];
        let theirs: Option<Answer> = rivals::run("onnx_explanation.py", &packages, &arguments)?;
        if let Some(theirs) = &theirs {
            let found = explain()?;
            let pairs = found.counterfactual.iter().zip(&theirs.counterfactual);
            let pairs = pairs.chain([(&found.before, &theirs.before), (&found.after, &theirs.after)]);
            let worst = pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            ensure!(worst < AGREEMENT, "{name}: onnxruntime differs by {worst}");
        }
        let theirs = theirs.as_ref().map(|answer| answer.seconds.as_slice());
        rivals::compare(&format!("explanation {SIZE}x{SIZE}, {name}"), "onnxruntime", &ours, theirs);
    }
    Ok(())
}
