//! Our gradients, computed in f64, are the reference's: rounding hides no difference.
//!
//! A program of its own, because a device takes its precision once.

#![allow(clippy::unwrap_used)]

mod reference;

use std::sync::LazyLock;

use burn::module::{Module, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::{Device, FloatDType, Tensor, TensorData};
use coin_core::training::loss::binary_cross_entropy;
use coin_core::training::{Batch, CounterfactualTrainer, Distance};
use reference::steps::{batch_with_regions, singla, synthetic, trainer, tumour, with_weights};
use reference::{Golden, classifier, reference_name};

/// Parameters of E and G.
const INPAINTER: usize = 67;
/// Parameters of D.
const DISCRIMINATOR: usize = 37;

/// Allowed error: a share of the tensor's largest gradient, and a share of the network's largest, because some
/// gradients are sums of values as large as that which cancel to nothing.
#[derive(Clone, Copy)]
struct Tolerance {
    of_tensor: f64,
    of_network: f64,
}

/// For golden numbers made in f64.
const DOUBLE: Tolerance = Tolerance { of_tensor: 1e-7, of_network: 1e-14 };
/// For golden numbers made in f32.
const SINGLE: Tolerance = Tolerance { of_tensor: 1e-4, of_network: 1e-6 };

/// For golden numbers made in f32 of the L1 distance alone: its gradient is a sign, which f32 and f64 see differently where a
/// pixel hardly changes, and each of 8192 pixels is 2.4e-4 of it.
const SIGNS: Tolerance = Tolerance { of_tensor: 1e-3, of_network: 1e-6 };

static DEVICE: LazyLock<Device> = LazyLock::new(|| {
    let mut device = Device::flex();
    device.configure(FloatDType::F64).unwrap();
    device.autodiff()
});

#[test]
fn of_the_inpainter_by_the_synthetic_recipe() {
    let (trainer, x) = trainer(synthetic(), &DEVICE);
    let (gradients, _) = gradients(&trainer, x);
    assert_inpainter(&trainer, &gradients, "train_inpaint_freq1_f64.safetensors", DOUBLE);
}

#[test]
fn of_the_inpainter_by_the_tumour_recipe() {
    let (trainer, x) = trainer(tumour(), &DEVICE);
    let (gradients, _) = gradients(&trainer, x);
    assert_inpainter(&trainer, &gradients, "train_inpaint_tuh.safetensors", SINGLE);
}

#[test]
fn of_the_inpainter_by_singla_et_al() {
    let (trainer, _) = trainer(singla(Distance::Carl), &DEVICE);
    let (gradients, _) = gradients(&trainer, batch_with_regions(&DEVICE));
    assert_some(&trainer, &gradients, "train_singla_carl.safetensors", SINGLE);
}

/// Each term of the generator's loss alone.
#[test]
fn of_the_inpainter_by_each_loss_alone() {
    for (loss, weights) in [
        ("adv", [1.0, 0.0, 0.0, 0.0]),
        ("kl", [0.0, 5.0, 0.0, 0.0]),
        ("rec", [0.0, 0.0, 1.0, 0.0]),
        ("tv", [0.0, 0.0, 0.0, 0.05]),
    ] {
        let (trainer, x) = trainer(with_weights(weights), &DEVICE);
        let (gradients, _) = gradients(&trainer, x);
        let tolerance = if loss == "rec" { SIGNS } else { SINGLE };
        assert_some(&trainer, &gradients, &format!("train_inpaint_only_{loss}.safetensors"), tolerance);
    }
}

/// The first step's do not depend on the weights of the generator's losses, of which this fixture has only one.
#[test]
fn of_the_discriminator() {
    let (trainer, x) = trainer(synthetic(), &DEVICE);
    let (_, gradients) = gradients(&trainer, x);
    let found = Gradients::of(&trainer.objective.discriminator, "disc", &gradients);
    assert_eq!(found.len(), DISCRIMINATOR);
    assert_close(&found, "train_inpaint_only_adv.safetensors", SINGLE);
}

/// Of the generator's losses and of the discriminator's.
fn gradients(trainer: &CounterfactualTrainer, batch: impl Into<Batch>) -> (GradientsParams, GradientsParams) {
    let found = trainer.objective.gradients(&batch.into(), true, 1.0);
    (found.generator.unwrap().gradients, found.discriminator.gradients)
}

/// Compares the six tensors, of all depths, that the smaller golden files keep.
fn assert_some(trainer: &CounterfactualTrainer, gradients: &GradientsParams, file: &str, tolerance: Tolerance) {
    let golden = Golden::open(file);
    let found = inpainter(trainer, gradients).into_iter().filter(|(name, _)| golden.has(name)).collect::<Vec<_>>();
    assert_eq!(found.len(), 6, "{file}");
    assert_close(&found, file, tolerance);
}

#[test]
fn of_the_classifier() {
    let (weights, inputs) = (Golden::open("weights.safetensors"), Golden::open("inputs.safetensors"));
    let network = classifier(&weights, &DEVICE);
    let targets = Tensor::from_data(TensorData::from([[0.0], [1.0]]), &*DEVICE);
    let loss = binary_cross_entropy(network.forward(inputs.tensor("x", &DEVICE)), targets);
    let gradients = GradientsParams::from_grads(loss.backward(), &network);
    let golden = Golden::open("train_classifier.safetensors");
    let found = Gradients::of(&network, "classifier_f", &gradients).into_iter();
    let found = found.map(|(name, values)| (name.replace("classifier_f.", ""), values));
    let found: Vec<_> = found.filter(|(name, _)| golden.has(name)).collect();
    assert_eq!(found.len(), 7);
    assert_close(&found, "train_classifier.safetensors", SINGLE);
}

fn assert_inpainter(trainer: &CounterfactualTrainer, gradients: &GradientsParams, file: &str, tolerance: Tolerance) {
    assert_close(&inpainter(trainer, gradients), file, tolerance);
}

fn inpainter(trainer: &CounterfactualTrainer, gradients: &GradientsParams) -> Vec<(String, Vec<f64>)> {
    let mut found = Gradients::of(&trainer.objective.inpainter.encoder, "enc", gradients);
    found.extend(Gradients::of(&trainer.objective.inpainter.generator, "gen", gradients));
    assert_eq!(found.len(), INPAINTER);
    found
}

fn assert_close(found: &[(String, Vec<f64>)], file: &str, tolerance: Tolerance) {
    let golden = Golden::open(file);
    let largest =
        |name: &str| golden.get(name).values.iter().fold(0.0, |largest: f64, &g| largest.max(f64::from(g).abs()));
    let of_network = tolerance.of_network * found.iter().map(|(name, _)| largest(name)).fold(0.0, f64::max);
    for (name, ours) in found {
        let theirs = &golden.get(name).values;
        assert_eq!(ours.len(), theirs.len(), "{name}");
        let error = ours.iter().zip(theirs).map(|(a, &b)| (a - f64::from(b)).abs()).fold(0.0, f64::max);
        let allowed = tolerance.of_tensor * largest(name) + of_network;
        assert!(error <= allowed, "{name}: off by {error}, more than {allowed}");
    }
}

/// Gradients of a network's parameters, by the reference's names.
struct Gradients<'a> {
    net: &'a str,
    gradients: &'a GradientsParams,
    path: Vec<String>,
    found: Vec<(String, Vec<f64>)>,
}

impl<'a> Gradients<'a> {
    fn of<M: Module>(module: &M, net: &'a str, gradients: &'a GradientsParams) -> Vec<(String, Vec<f64>)> {
        let mut visitor = Self { net, gradients, path: Vec::new(), found: Vec::new() };
        module.visit(&mut visitor);
        visitor.found
    }
}

impl ModuleVisitor for Gradients<'_> {
    fn enter_module(&mut self, name: &str, container: &str) {
        if !container.starts_with("Enum:") {
            self.path.push(name.to_owned());
        }
    }

    fn exit_module(&mut self, _name: &str, container: &str) {
        if !container.starts_with("Enum:") {
            self.path.pop();
        }
    }

    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        if let Some(gradient) = self.gradients.get::<D>(param.id) {
            let name = format!("grad0.{}", reference_name(self.net, &self.path.join(".")));
            self.found.push((name, gradient.try_into_vec_as().unwrap()));
        }
    }
}
