//! Compares losses, gradients and parameters of training steps with the reference (tests/golden/README.md).

#![allow(clippy::unwrap_used)]

mod reference;

use burn::module::Module;
use burn::tensor::{Device, Tensor, activation::relu};
use coin_core::networks::{Family, Fuse, Inpainter, InpainterConfig};
use coin_core::pytorch::Network;
use coin_core::training::{
    Adversarial, ClassifierConfig, ClassifierTrainer, CounterfactualConfig, CounterfactualTrainer, Cycle, Distance,
};
use coin_core::weights;
use reference::steps::{self, AFTER_MORE_ROUNDING, TOLERANCES, coin_v2, singla, synthetic, tumour};
use reference::{Golden, classifier, difference, reference_name};

fn trainer(recipe: (InpainterConfig, CounterfactualConfig)) -> (CounterfactualTrainer, Tensor<4>) {
    steps::trainer(recipe, &Device::flex().autodiff())
}

fn assert_losses(
    recipe: (InpainterConfig, CounterfactualConfig),
    file: &str,
    steps: usize,
    tolerances: [f32; 3],
) -> CounterfactualTrainer {
    steps::assert_losses(recipe, file, steps, tolerances, &Device::flex().autodiff())
}

#[test]
fn losses_of_the_synthetic_recipe() {
    assert_losses(synthetic(), "train_inpaint_freq1.safetensors", 3, TOLERANCES);
}

#[test]
fn losses_of_the_tumour_recipe() {
    assert_losses(tumour(), "train_inpaint_tuh.safetensors", 3, TOLERANCES);
}

#[test]
fn losses_of_coin_v2_and_of_singla_et_al() {
    let without_perturbation = |(network, config)| (InpainterConfig { fuse: Fuse::None, ..network }, config);
    for (recipe, file) in [
        (coin_v2(), "train_inpaint_v2.safetensors"),
        (singla(Distance::Carl), "train_singla_carl.safetensors"),
        (without_perturbation(singla(Distance::L1)), "train_singla_l1_noptb.safetensors"),
    ] {
        let trainer = assert_losses(recipe, file, 3, AFTER_MORE_ROUNDING);
        assert_some_parameters(&trainer, file);
    }
}

#[test]
fn losses_of_the_other_adversarial_losses() {
    let (network, config) = synthetic();
    let hinge = CounterfactualConfig { adversarial: Adversarial::Hinge, cycle: Cycle::Off, ..config.clone() };
    let lsgan = CounterfactualConfig { adversarial: Adversarial::Lsgan, ..config };
    for (config, file) in
        [(hinge, "train_inpaint_nocyclic_hinge.safetensors"), (lsgan, "train_inpaint_true_mse.safetensors")]
    {
        let trainer = assert_losses((network.clone(), config), file, 3, AFTER_MORE_ROUNDING);
        assert_some_parameters(&trainer, file);
    }
}

/// The tensors in the smaller golden files: the stem, and the statistics of the first and last normalisation.
fn assert_some_parameters(trainer: &CounterfactualTrainer, file: &str) {
    let golden = Golden::open(file);
    let Inpainter { encoder, generator } = &trainer.objective.inpainter;
    let found =
        [worst_parameter(encoder, "enc", &golden, "after3"), worst_parameter(generator, "gen", &golden, "after3")];
    assert_eq!(found.iter().map(|worst| worst.compared).sum::<usize>(), 5, "{file}");
    found.iter().for_each(Worst::assert_small);
}

#[test]
fn losses_and_statistics_with_the_generator_every_fifth_step() {
    let (network, config) = synthetic();
    let recipe = (network, CounterfactualConfig { generator_frequency: 5, ..config });
    let trainer = assert_losses(recipe, "train_inpaint_freq5.safetensors", 6, TOLERANCES);
    let golden = Golden::open("train_inpaint_freq5.safetensors");
    let worst = worst_parameter(&trainer.objective.inpainter.encoder, "enc", &golden, "after6");
    assert_eq!(worst.compared, worst.all);
    worst.assert_small();
}

/// The largest difference from golden parameters and statistics.
struct Worst {
    name: String,
    error: f32,
    /// Number of tensors in the file, and in the network.
    compared: usize,
    all: usize,
}

impl Worst {
    /// Adam's first steps are about as long as the learning rate for any gradient, so a tiny gradient may go either
    /// way: 2 x 2e-4 in each of three steps.
    fn assert_small(&self) {
        assert!(self.error <= 1.2e-3, "{}: off by {}", self.name, self.error);
    }
}

/// The largest difference between network `net` and the golden parameters in the file.
fn worst_parameter<M: Module>(module: &M, net: &str, golden: &Golden, prefix: &str) -> Worst {
    let weights = weights::collect(&module.valid()).unwrap();
    let mut worst = Worst { name: String::new(), error: 0.0, compared: 0, all: weights.len() };
    for (path, weight) in weights {
        let name = format!("{prefix}.{}", reference_name(net, &path));
        if !golden.has(&name) {
            continue;
        }
        let theirs = &golden.get(&name).values;
        let error = weight.values.iter().zip(theirs).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        worst.compared += 1;
        if error >= worst.error {
            worst = Worst { name, error, ..worst };
        }
    }
    worst
}

#[test]
fn parameters_after_three_steps() {
    let golden = Golden::open("train_inpaint_freq1.safetensors");
    let trainer = assert_losses(synthetic(), "train_inpaint_freq1.safetensors", 3, TOLERANCES);
    let Inpainter { encoder, generator } = &trainer.objective.inpainter;
    for worst in [
        worst_parameter(encoder, "enc", &golden, "after3"),
        worst_parameter(generator, "gen", &golden, "after3"),
        worst_parameter(&trainer.objective.discriminator, "disc", &golden, "after3"),
    ] {
        assert_eq!(worst.compared, worst.all, "of the network of {}", worst.name);
        worst.assert_small();
    }
}

#[test]
fn the_classifiers_first_three_steps() {
    let (device, golden) = (Device::flex().autodiff(), Golden::open("train_classifier.safetensors"));
    let (weights, inputs) = (Golden::open("weights.safetensors"), Golden::open("inputs.safetensors"));
    let x = inputs.tensor::<4>("x", &device);
    // In training mode, with batch statistics.
    assert!(difference(classifier(&weights, &device).forward(x.clone()), golden.get("logits_train0")) < 1e-5);

    let config = ClassifierConfig { learning_rate: 1e-3, weight_decay: 0.0, label_smoothing: 0.0 };
    let mut trainer = ClassifierTrainer::new(classifier(&weights, &device), config);
    let theirs = golden.get("loss").values.clone();
    for (step, theirs) in theirs.into_iter().enumerate() {
        let ours = trainer.step(x.clone(), &[false, true], 1.0).unwrap();
        // From the second step on the two images are separated, and the remaining loss depends on rounding.
        let allowed = if step == 0 { 2e-5 } else { 2e-4 };
        assert!((ours - theirs).abs() <= allowed, "step {step}: {ours} against {theirs}");
    }
    let mut compared = 0;
    for (path, weight) in weights::collect(&trainer.trained()).unwrap() {
        let name = Network::Classifier(Family::ResNet18).name(&path);
        if golden.has(&format!("after3.{name}")) {
            let theirs = &golden.get(&format!("after3.{name}")).values;
            let error = weight.values.iter().zip(theirs).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            // Three steps of 1e-3 in either direction, and a running mean of the resulting activations.
            assert!(error <= 6e-3, "{name}: off by {error}");
            compared += 1;
        }
    }
    assert_eq!(compared, 8);
}

#[test]
fn a_resumed_training_is_identical() {
    let recipe = || {
        let (network, config) = synthetic();
        (network, CounterfactualConfig { average_decay: 0.9, ..config })
    };
    let (mut whole, x) = trainer(recipe());
    let (mut first, _) = trainer(recipe());
    for _ in 0..2 {
        whole.step(x.clone(), 1.0).unwrap();
        first.step(x.clone(), 1.0).unwrap();
    }
    let state = first.state().unwrap();
    let (second, _) = trainer(recipe());
    let mut second = second.load_state(&state).unwrap();
    assert_eq!(whole.step(x.clone(), 1.0).unwrap(), second.step(x.clone(), 1.0).unwrap());
    assert_eq!(weights::collect(&whole.trained()).unwrap(), weights::collect(&second.trained()).unwrap());
}

#[test]
fn calibration_uses_only_the_statistics_of_its_inputs() {
    let (mut trainer, x) = trainer(synthetic());
    for _ in 0..3 {
        trainer.step(x.clone(), 1.0).unwrap();
    }
    let stem = |network: &Inpainter| {
        let encoder = &network.encoder;
        let maps = relu(encoder.stem.forward(x.clone().without_autodiff()));
        let mean: Tensor<1> = maps.mean_dims(&[0, 2, 3]).flatten(0, 3);
        (mean - encoder.stem_norm.as_ref().unwrap().statistics.running_mean.value()).abs().max().into_scalar::<f32>()
    };
    let trained = trainer.trained();
    assert!(stem(&trained) > 1e-3, "three steps in, the running mean has not arrived");
    assert!(stem(&trainer.calibrated(vec![x.clone(); 150])) < 1e-5);
    assert_eq!(weights::collect(&trained).unwrap(), weights::collect(&trainer.trained()).unwrap());
}
