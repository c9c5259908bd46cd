//! Compares the networks' outputs with the reference (tests/golden/README.md), to 1e-5.

#![allow(clippy::unwrap_used)]

mod reference;

use burn::module::Module;
use burn::tensor::{Device, Tensor};
use coin_core::condition::Condition;
use coin_core::networks::{Fuse, InpainterConfig, Upsampling};
use reference::{Golden, classifier, difference, discriminator, inpainter, tiny};

const TOLERANCE: f32 = 1e-5;

#[track_caller]
fn assert_close<const D: usize>(ours: Tensor<D>, golden: &Golden, name: &str) {
    let error = difference(ours, golden.get(name));
    assert!(error <= TOLERANCE, "{name}: off by {error}");
}

fn files() -> (Golden, Golden, Golden) {
    (Golden::open("weights.safetensors"), Golden::open("inputs.safetensors"), Golden::open("forward.safetensors"))
}

#[test]
fn encoder_features_in_evaluation_and_training() {
    let (weights, inputs, forward) = files();
    for (mode, device) in [("eval", Device::flex()), ("train", Device::flex().autodiff())] {
        let net = inpainter(&tiny(), &[(&weights, "")], &device);
        let features = net.encoder.forward(inputs.tensor("x", &device));
        for (i, feature) in features.into_iter().enumerate() {
            assert_close(feature.inner_if_tracked(), &forward, &format!("enc.{mode}.feat{i}"));
        }
    }
}

trait InnerIfTracked {
    fn inner_if_tracked(self) -> Self;
}

impl<const D: usize> InnerIfTracked for Tensor<D> {
    fn inner_if_tracked(self) -> Self {
        if self.device().is_autodiff() { self.inner() } else { self }
    }
}

#[test]
fn counterfactual_for_every_upsampling_fuse_and_condition() {
    let (weights, inputs, forward) = files();
    let fuse_weights = Golden::open("fuse_weights.safetensors");
    let device = Device::flex();
    let x: Tensor<4> = inputs.tensor("x", &device);
    let mut compared = 0;
    for (upsampling, up) in [(Upsampling::Nearest, "nearest"), (Upsampling::Bilinear, "bilinear")] {
        for (fuse, name) in [
            (Fuse::SkipAddTanh, "skip_add_tanh"),
            (Fuse::SkipAddL2Tanh, "skip_add_l2_tanh"),
            (Fuse::SkipStack3x3ConvTanh, "skip_stack_3x3conv_tanh"),
            (Fuse::SkipTanhAvg, "skip_tanh_avg"),
            (Fuse::SkipTanhClamp, "skip_tanh_clamp"),
            (Fuse::None, "no_x"),
        ] {
            let config = InpainterConfig { upsampling, fuse, ..tiny() };
            let net = inpainter(&config, &[(&weights, ""), (&fuse_weights, &format!("{name}."))], &device);
            for condition in 0..2 {
                let golden = format!("gen.{up}.{name}.c{condition}");
                assert_close(net.forward(x.clone(), &Condition::All(condition)), &forward, &golden);
                let each = Condition::Each(Tensor::from_ints([condition as i32; 2], &device));
                assert_close(net.forward(x.clone(), &each), &forward, &golden);
                compared += 1;
            }
        }
    }
    assert_eq!(compared, 24);
}

/// The reference creates a convolution for this fuse but never applies it, so its output equals [`Fuse::None`]. Ours
/// intentionally applies it.
#[test]
fn one_by_one_stack_differs_from_the_reference_on_purpose() {
    let (weights, inputs, forward) = files();
    let fuse_weights = Golden::open("fuse_weights.safetensors");
    let device = Device::flex();
    assert_eq!(forward.get("gen.nearest.skip_stack_1x1conv_tanh.c0").values, forward.get("gen.nearest.no_x.c0").values);
    let config = InpainterConfig { fuse: Fuse::SkipStack1x1ConvTanh, ..tiny() };
    let net = inpainter(&config, &[(&weights, ""), (&fuse_weights, "skip_stack_1x1conv_tanh.")], &device);
    let ours = net.forward(inputs.tensor("x", &device), &Condition::All(0));
    assert!(difference(ours, forward.get("gen.nearest.skip_stack_1x1conv_tanh.c0")) > 1e-2);
}

#[test]
fn mixed_conditions_in_training() {
    let (weights, inputs, forward) = files();
    let device = Device::flex().autodiff();
    let net = inpainter(&tiny(), &[(&weights, "")], &device);
    let mixed = Condition::Each(Tensor::from_ints([0, 1], &device));
    let name = "gen.train.nearest.skip_add_tanh.mixed_labels_0_1";
    assert_close(net.forward(inputs.tensor("x", &device), &mixed).inner(), &forward, name);
}

#[test]
fn fewer_skip_connections() {
    let (_, inputs, _) = files();
    let device = Device::flex();
    for (file, skips) in [("skip_none.safetensors", vec![]), ("skip_1.safetensors", vec![1])] {
        let golden = Golden::open(file);
        let net = inpainter(&InpainterConfig { skips, ..tiny() }, &[(&golden, "")], &device);
        assert_close(net.forward(inputs.tensor("x", &device), &Condition::All(0)), &golden, "out.c0");
    }
}

#[test]
fn discriminator_logits_in_evaluation_and_training() {
    let (weights, inputs, forward) = files();
    for (mode, device) in [("eval", Device::flex()), ("train", Device::flex().autodiff())] {
        for condition in 0..2 {
            let net = discriminator(&weights, &device);
            let conditions = Tensor::from_ints([condition; 2], &device);
            let logits = net.forward(inputs.tensor("x", &device), conditions).inner_if_tracked();
            assert_close(logits, &forward, &format!("disc.{mode}.c{condition}"));
        }
    }
}

/// In training every call updates the singular vectors, as in the reference. In evaluation the reference updates them
/// too; ours intentionally does not, so the second call equals the first.
#[test]
fn spectral_norm_updates_in_training_only() {
    let (weights, inputs, forward) = files();
    for (mode, device) in [("train", Device::flex().autodiff()), ("eval", Device::flex())] {
        let net = discriminator(&weights, &device);
        let labels: Tensor<1, burn::tensor::Int> = Tensor::from_ints([0, 1], &device);
        let first = net.forward(inputs.tensor("x", &device), labels.clone()).inner_if_tracked();
        let second = net.forward(inputs.tensor("x", &device), labels).inner_if_tracked();
        let moved = difference(second.clone(), forward.get(&format!("disc.{mode}.call2")));
        assert_close(first.clone(), &forward, &format!("disc.{mode}.call1"));
        if mode == "train" {
            assert!(moved <= TOLERANCE, "second training call: off by {moved}");
        } else {
            assert!(moved > TOLERANCE, "the reference's second evaluation call should differ");
            assert_eq!((first - second).abs().max().into_scalar::<f32>(), 0.0);
        }
    }
}

#[test]
fn classifier_logits() {
    let (weights, inputs, forward) = files();
    let device = Device::flex();
    assert_close(classifier(&weights, &device).forward(inputs.tensor("x", &device)), &forward, "clf.logits");
}

#[test]
fn folding_the_spectral_norm_keeps_the_output() {
    let (weights, inputs, forward) = files();
    let device = Device::flex();
    let net = inpainter(&tiny(), &[(&weights, "")], &device).folded();
    let paths = coin_core::weights::collect(&net).unwrap();
    assert!(paths.keys().all(|path| !path.contains("spectral_norm")));
    assert!(net.num_params() > 0);
    let ours = net.forward(inputs.tensor("x", &device), &Condition::All(0));
    assert_close(ours, &forward, "gen.nearest.skip_add_tanh.c0");
}
