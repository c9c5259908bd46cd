//! Compares gradients, computed in f64 so that rounding hides no difference, with the reference.
//!
//! A separate test binary, because a device's default precision can be set only once.

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

/// Number of parameters of encoder and generator.
const INPAINTER: usize = 67;
/// Number of parameters of the discriminator.
const DISCRIMINATOR: usize = 37;

/// Allowed error, as a fraction of the tensor's largest gradient and of the network's largest gradient, because some
/// gradients are sums of large values that cancel.
#[derive(Clone, Copy)]
struct Tolerance {
    of_tensor: f64,
    of_network: f64,
}

/// For golden values computed in f64.
const DOUBLE: Tolerance = Tolerance { of_tensor: 1e-7, of_network: 1e-14 };
/// For golden values computed in f32.
const SINGLE: Tolerance = Tolerance { of_tensor: 1e-4, of_network: 1e-6 };

/// For golden values of the L1 distance alone computed in f32: its gradient is a sign, which may differ where a pixel
/// hardly changes, and each of the 8192 pixels contributes 2.4e-4.
const SIGNS: Tolerance = Tolerance { of_tensor: 1e-3, of_network: 1e-6 };

static DEVICE: LazyLock<Device> = LazyLock::new(|| {
    let mut device = Device::flex();
    device.configure(FloatDType::F64).unwrap();
    device.autodiff()
});

#[test]
fn inpainter_gradients_of_the_synthetic_recipe() {
    let (trainer, x) = trainer(synthetic(), &DEVICE);
    let (gradients, _) = gradients(&trainer, x);
    assert_inpainter(&trainer, &gradients, "train_inpaint_freq1_f64.safetensors", DOUBLE);
}

#[test]
fn inpainter_gradients_of_the_tumour_recipe() {
    let (trainer, x) = trainer(tumour(), &DEVICE);
    let (gradients, _) = gradients(&trainer, x);
    assert_inpainter(&trainer, &gradients, "train_inpaint_tuh.safetensors", SINGLE);
}

#[test]
fn inpainter_gradients_of_singla_et_al() {
    let (trainer, _) = trainer(singla(Distance::Carl), &DEVICE);
    let (gradients, _) = gradients(&trainer, batch_with_regions(&DEVICE));
    assert_some(&trainer, &gradients, "train_singla_carl.safetensors", SINGLE);
}

/// Each term of the generator's loss on its own.
#[test]
fn inpainter_gradients_of_each_loss_alone() {
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

/// In the first step the discriminator's gradients do not depend on the loss weights, so this fixture has only one set.
#[test]
fn discriminator_gradients() {
    let (trainer, x) = trainer(synthetic(), &DEVICE);
    let (_, gradients) = gradients(&trainer, x);
    let found = Gradients::of(&trainer.objective.discriminator, "disc", &gradients);
    assert_eq!(found.len(), DISCRIMINATOR);
    assert_close(&found, "train_inpaint_only_adv.safetensors", SINGLE);
}

/// Gradients of the generator's and the discriminator's losses.
fn gradients(trainer: &CounterfactualTrainer, batch: impl Into<Batch>) -> (GradientsParams, GradientsParams) {
    let found = trainer.objective.gradients(&batch.into(), true, 1.0);
    (found.generator.unwrap().gradients, found.discriminator.gradients)
}

/// Compares the six tensors, from all depths, in the smaller golden files.
fn assert_some(trainer: &CounterfactualTrainer, gradients: &GradientsParams, file: &str, tolerance: Tolerance) {
    let golden = Golden::open(file);
    let found = inpainter(trainer, gradients).into_iter().filter(|(name, _)| golden.has(name)).collect::<Vec<_>>();
    assert_eq!(found.len(), 6, "{file}");
    assert_close(&found, file, tolerance);
}

#[test]
fn classifier_gradients() {
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

/// Gradients of a network's parameters, with the reference's names.
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
