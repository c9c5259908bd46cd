//! One training step of a ResNet-18 (forward, binary cross-entropy, backward, Adam), narrow and with the paper's width, versus
//! PyTorch with the same network, optimizer and threads, on the CPU or a GPU.

#![allow(clippy::print_stdout)]

mod baselines;
#[path = "baselines/device.rs"]
mod device;
#[path = "baselines/python.rs"]
mod python;

use anyhow::ensure;
use burn::module::Module as _;
use burn::tensor::{Distribution, Tensor};
use clap::Parser;
use coin_core::networks::ClassifierArchitecture;
use coin_core::training::{ClassifierConfig, ClassifierTrainer};
use serde::Deserialize;

/// A benchmark configuration.
struct Benchmark {
    name: &'static str,
    width: usize,
    size: usize,
    batch: usize,
    runs: usize,
}

const ROWS: [Benchmark; 2] = [
    Benchmark { name: "width-16", width: 16, size: 128, batch: 32, runs: 10 },
    Benchmark { name: "width-64", width: 64, size: 256, batch: 8, runs: 5 },
];

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
    parameters: usize,
}

fn main() -> anyhow::Result<()> {
    let Arguments { options, device } = Arguments::parse();
    options.limit_threads()?;
    let device = device.open()?;
    ROWS.iter().filter(|row| options.wants(row.name)).try_for_each(|row| measure(&options, &device, row))
}

/// Times a row on both sides.
fn measure(options: &baselines::Options, device: &device::SharedDevice, row: &Benchmark) -> anyhow::Result<()> {
    let &Benchmark { name, width, size, batch, runs } = row;
    let runs = options.runs(runs);
    let ours = device.ours.clone().autodiff();
    let classifier = ClassifierArchitecture::resnet_18(width).init(&ours);
    let parameters = classifier.num_params();
    let config = ClassifierConfig { learning_rate: 1e-3, weight_decay: 0.0, label_smoothing: 0.0 };
    let mut trainer = ClassifierTrainer::new(classifier, config);
    let x = Tensor::<4>::random([batch, 1, size, size], Distribution::Uniform(-1.0, 1.0), &ours);
    let labels: Vec<bool> = (0..batch).map(|i| i % 2 == 1).collect();
    let ours = baselines::seconds(runs, || {
        ensure!(trainer.step(x.clone(), &labels, 1.0)?.is_finite(), "the step diverged");
        Ok(())
    })?;

    let numbers = [width, size, batch, options.threads(), runs].map(|number| number.to_string());
    let arguments: Vec<String> = numbers.into_iter().chain([device.theirs.into()]).collect();
    let theirs: Option<Answer> = python::run("classifier_step.py", &["torch"], &arguments)?;
    if let Some(Answer { parameters: found, .. }) = theirs {
        ensure!(found == parameters, "the networks differ: ours has {parameters} parameters, PyTorch's {found}");
    }
    let theirs = theirs.as_ref().map(|answer| answer.seconds.as_slice());
    let what = format!("step of ResNet-18 of {name}, {size}x{size}, batch {batch}, on {}", device.name);
    options.compare(&what, "PyTorch", &ours, theirs);
    Ok(())
}
