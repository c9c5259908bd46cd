//! One COIN training step (generator and discriminator) of the recipe `quick` and of the paper's networks, versus PyTorch
//! with the same networks, losses, optimizers and threads, on the CPU or a GPU.

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
use coin_core::training::CounterfactualTrainer;
use coin_train::recipe::Recipe;
use serde::Deserialize;

/// A recipe, its overrides and the number of timed steps. The paper's recipe gets a smaller batch, so that it fits into
/// memory, and a generator update in every step instead of every fifth.
const ROWS: [(&str, &[&str], usize); 2] = [
    ("quick", &[], 10),
    ("paper-synthetic", &["counterfactual.batch=2", "counterfactual.training.generator_frequency=1"], 2),
];

#[derive(Parser)]
struct Arguments {
    #[command(flatten)]
    options: baselines::Options,
    #[command(flatten)]
    device: device::DeviceOption,
    /// Override a key of the recipes.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    changes: Vec<String>,
}

#[derive(Deserialize)]
struct Answer {
    seconds: Vec<f64>,
    inpainter: usize,
    discriminator: usize,
}

fn main() -> anyhow::Result<()> {
    let Arguments { options, device, changes } = Arguments::parse();
    options.limit_threads()?;
    let device = device.open()?;
    for (name, own, runs) in ROWS.into_iter().filter(|(name, ..)| options.wants(name)) {
        let changes: Vec<String> = own.iter().map(|&change| change.into()).chain(changes.clone()).collect();
        measure(&options, &device, &Recipe::load(name, &changes)?, options.runs(runs))?;
    }
    Ok(())
}

/// Times a recipe's step on both sides.
fn measure(
    options: &baselines::Options,
    device: &device::SharedDevice,
    recipe: &Recipe,
    runs: usize,
) -> anyhow::Result<()> {
    let (stage, size) = (&recipe.counterfactual, recipe.input.size);
    let ours = device.ours.clone().autodiff();
    let classifier = recipe.classifier.network.init(&ours);
    let (inpainter, discriminator) = (stage.inpainter.init(&ours), stage.discriminator.init(&ours));
    let parameters = (inpainter.num_params(), discriminator.num_params());
    let mut trainer = CounterfactualTrainer::new(inpainter, discriminator, classifier, stage.training.clone());
    let x = Tensor::<4>::random([stage.schedule.batch, 1, size, size], Distribution::Uniform(-1.0, 1.0), &ours);
    let ours = baselines::seconds(runs, || {
        ensure!(trainer.step(x.clone(), 1.0)?.is_finite(), "the step diverged");
        Ok(())
    })?;

    let folder = tempfile::tempdir()?;
    let file = folder.path().join("recipe.json");
    std::fs::write(&file, serde_json::to_vec(recipe)?)?;
    let arguments =
        [file.to_string_lossy().into_owned(), options.threads().to_string(), runs.to_string(), device.theirs.into()];
    let theirs: Option<Answer> = python::run("coin_step.py", &["torch"], &arguments)?;
    if let Some(theirs) = &theirs {
        ensure!(
            (theirs.inpainter, theirs.discriminator) == parameters,
            "the networks differ: ours have {parameters:?} parameters, PyTorch's {:?}",
            (theirs.inpainter, theirs.discriminator)
        );
    }
    let theirs = theirs.as_ref().map(|answer| answer.seconds.as_slice());
    let what =
        format!("COIN step of {} {size}x{size}, batch {}, on {}", recipe.name, stage.schedule.batch, device.name);
    options.compare(&what, "PyTorch", &ours, theirs);
    Ok(())
}
