//! One COIN step (generator and discriminator) of the recipe `quick`, against PyTorch with the same networks, losses,
//! optimizers and threads, on the CPU or a graphics card.

#![allow(clippy::print_stdout)]

mod rivals;

use anyhow::{bail, ensure};
use burn::module::Module as _;
use burn::tensor::{Distribution, Tensor};
use clap::Parser;
use coin_core::training::CounterfactualTrainer;
use coin_train::device::{self, DeviceChoice};
use coin_train::recipe::Recipe;
use serde::Deserialize;

const RUNS: usize = 10;

#[derive(Parser)]
struct Arguments {
    /// Where we compute: cpu, vulkan[:N] or cuda[:N]; PyTorch takes the CPU or its own graphics card.
    #[arg(long, default_value = "cpu")]
    device: DeviceChoice,
    /// Change a key of the recipe.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    changes: Vec<String>,
    /// What cargo says to every benchmark.
    #[arg(long, hide = true)]
    bench: bool,
}

#[derive(Deserialize)]
struct Answer {
    seconds: Vec<f64>,
    inpainter: usize,
    discriminator: usize,
}

fn main() -> anyhow::Result<()> {
    let Arguments { device, changes, .. } = Arguments::parse();
    let recipe = Recipe::load("quick", &changes)?;
    let (stage, size) = (&recipe.counterfactual, recipe.size);
    let theirs = match device {
        DeviceChoice::Auto => bail!("--device auto: name one, so that PyTorch takes the same"),
        DeviceChoice::Cpu => "cpu",
        DeviceChoice::Vulkan(_) | DeviceChoice::Cuda(_) => "cuda",
    };
    let device = device.open()?;
    let name = device::name(&device);
    let device = device.autodiff();
    let classifier = recipe.classifier.network.init(&device);
    let (inpainter, discriminator) = (stage.inpainter.init(&device), stage.discriminator.init(&device));
    let parameters = (inpainter.num_params(), discriminator.num_params());
    let mut trainer = CounterfactualTrainer::new(inpainter, discriminator, classifier, stage.training.clone());
    let x = Tensor::<4>::random([stage.pace.batch, 1, size, size], Distribution::Uniform(-1.0, 1.0), &device);
    let ours = rivals::seconds(RUNS, || {
        ensure!(trainer.step(x.clone(), 1.0)?.is_finite(), "the step diverged");
        Ok(())
    })?;

    let folder = tempfile::tempdir()?;
    let file = folder.path().join("recipe.json");
    std::fs::write(&file, serde_json::to_vec(&recipe)?)?;
    let arguments =
        [file.to_string_lossy().into_owned(), rivals::threads().to_string(), RUNS.to_string(), theirs.into()];
    let theirs: Option<Answer> = rivals::run("torch_step.py", &["torch"], &arguments)?;
    if let Some(theirs) = &theirs {
        ensure!(
            (theirs.inpainter, theirs.discriminator) == parameters,
            "the networks differ: ours hold {parameters:?} numbers, PyTorch's {:?}",
            (theirs.inpainter, theirs.discriminator)
        );
    }
    let theirs = theirs.as_ref().map(|answer| answer.seconds.as_slice());
    rivals::compare(
        &format!("COIN step {size}x{size}, batch {}, on {name}", stage.pace.batch),
        "PyTorch",
        &ours,
        theirs,
    );
    Ok(())
}
