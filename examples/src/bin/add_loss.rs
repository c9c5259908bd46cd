//! Adds a loss of your own to the training of an inpainter: a sparsity term, which keeps the change to few pixels.
//!
//! ```text
//! cargo run --release -p coin-examples --bin add_loss [STEPS]
//! ```
//!
//! This is a training loop to try an idea in. To put a loss into the recipes, see "A loss term" in `docs/extending.md`.

use anyhow::Context as _;
use burn::module::Module as _;
use burn::optim::{AdamConfig, GradientsParams};
use burn::tensor::{Device, Tensor};
use coin_core::condition::Condition;
use coin_core::method::Method;
use coin_core::training::loss;
use coin_train::data::{BatchRequest, Dataset, Subset};
use coin_train::pictures;
use coin_train::recipe::Recipe;

const WEIGHT_KL: f64 = 1.0;
const WEIGHT_SPARSITY: f64 = 2.0;
const LEARNING_RATE: f64 = 2e-3;

/// The mean square root of the absolute change, which prefers few large changes to many small ones; a scalar.
fn sparsity(x: Tensor<4>, counterfactual: Tensor<4>) -> Tensor<1> {
    ((x - counterfactual).abs() + 1e-3).sqrt().mean()
}

#[allow(clippy::print_stdout)]
fn main() -> anyhow::Result<()> {
    let steps: u64 = match std::env::args().nth(1) {
        Some(steps) => steps.parse().context("STEPS is not a number")?,
        None => 50,
    };
    let small = ["input.size=64", "counterfactual.discriminator.downsample_blocks=5", "data.train=64"];
    let recipe = Recipe::load("quick", &small.map(String::from))?;
    let data = Dataset::open(&recipe.protocol(), None, &[Subset::Train])?;

    let device = Device::flex().autodiff();
    device.seed(recipe.seed);
    let mut inpainter = recipe.counterfactual.inpainter.init(&device);
    let classifier = recipe.classifier.network.init(&device).freeze();
    let mut optimizer = AdamConfig::new().init();

    for step in 0..steps {
        let request = BatchRequest { seed: recipe.seed, step, size: 4, normal: false };
        let samples = data.batch(&recipe.anomaly, None, request)?;
        let values = samples.iter().flat_map(|sample| sample.input.iter().copied()).collect();
        // `[batch, 1, size, size]` in [-1, 1].
        let x = pictures::tensor(values, recipe.input.size, &device);

        let verdict = Method::Coin.verdict(classifier.forward(x.clone()), 2);
        let counterfactual = inpainter.forward(x.clone(), &Condition::All(0));
        let kl = loss::kl_on_probabilities(classifier.forward(counterfactual.clone()), verdict.desired);
        let sparsity = sparsity(x, counterfactual);
        let total = kl.clone() * WEIGHT_KL + sparsity.clone() * WEIGHT_SPARSITY;

        let gradients = GradientsParams::from_grads(total.backward(), &inpainter);
        inpainter = optimizer.step(LEARNING_RATE, inpainter, gradients);
        println!("step {step}: kl {:.4}, sparsity {:.4}", number(kl), number(sparsity));
    }
    Ok(())
}

fn number(scalar: Tensor<1>) -> f32 {
    scalar.into_scalar()
}
