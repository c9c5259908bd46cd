//! Compares the classifiers with torchvision: tensor names, shapes, logits and input gradients.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;

use burn::tensor::{Device, Tensor, TensorData};
use coin_core::networks::{Classifier, ClassifierArchitecture, Family, INCEPTION_FEATURES, Inception};
use coin_core::pytorch::Network;
use coin_core::weights::{self, Weight};
use serde::Deserialize;

#[derive(Deserialize)]
struct Answers {
    parameters: usize,
    logits: Vec<f32>,
    gradient: Vec<f32>,
}

/// Results of `tests/golden/classifiers.py` for every network.
fn answers() -> BTreeMap<String, Answers> {
    serde_json::from_str(include_str!("../../../tests/golden/classifiers.json")).unwrap()
}

/// Results of the script for every family.
fn golden() -> BTreeMap<String, Answers> {
    let mut answers = answers();
    answers.remove(INCEPTION).unwrap();
    answers
}

const INCEPTION: &str = "inception-v3";

fn family(name: &str) -> ClassifierArchitecture {
    let width = match name {
        "efficientnet-v2-s" => 24,
        "convnext-tiny" => 96,
        _ => 64,
    };
    serde_json::from_value(serde_json::json!({ "family": name, "width": width })).unwrap()
}

/// `made` in the script.
fn made(name: &str, count: usize) -> impl Iterator<Item = f64> {
    let start = name.bytes().map(u64::from).sum::<u64>() * 7919;
    (start..start + count as u64).map(|mut x| {
        for multiplier in [0x85EB_CA6B_u64, 0xC2B2_AE35] {
            x = (x ^ (x >> 16)).wrapping_mul(multiplier) & 0xFFFF_FFFF;
        }
        (x ^ (x >> 16)) as f64 / f64::from(1_u32 << 31) - 1.0
    })
}

/// `weight` in the script.
fn weight(name: &str, shape: &[usize]) -> Weight {
    let count = shape.iter().product::<usize>();
    let fan_in = shape.iter().skip(1).product::<usize>() as f64;
    let value = |u: f64| match name.rsplit('.').next().unwrap() {
        "layer_scale" => 0.2 + 0.1 * u,
        "running_var" => 1.0 + 0.3 * u,
        "weight" if shape.len() == 1 => 1.0 + 0.2 * u,
        "weight" => u * (3.0 / fan_in).sqrt(),
        _ => 0.1 * u,
    };
    Weight { shape: shape.to_vec(), values: made(name, count).map(|u| value(u) as f32).collect() }
}

fn network(architecture: &ClassifierArchitecture, device: &Device) -> Classifier {
    let classifier = architecture.init(device);
    let network = Network::Classifier(architecture.family);
    let shapes: BTreeMap<String, Vec<usize>> = weights::collect(&classifier)
        .unwrap()
        .into_iter()
        .map(|(path, found)| (network.name(&path), found.shape))
        .collect();
    network.load(classifier, |name| Some(weight(name, &shapes[name]))).unwrap()
}

#[test]
fn every_family_matches_torchvisions_logits_and_gradients() {
    let device = Device::flex().autodiff();
    for (name, answers) in golden() {
        let architecture = family(&name);
        let classifier = burn::module::Module::freeze(network(&architecture, &device));
        let data = TensorData::new(made("input", 2 * 64 * 64).map(|u| u as f32).collect::<Vec<_>>(), [2, 1, 64, 64]);
        let x = Tensor::<4>::from_data(data, &device).require_grad();
        let logits = classifier.forward(x.clone());
        let found = logits.clone().try_into_vec_as::<f32>().unwrap();
        for (found, expected) in found.iter().zip(&answers.logits) {
            assert!((found - expected).abs() < 2e-5, "{name}: {found} is not {expected}");
        }
        let gradients = logits.sum().backward();
        let gradient = x.grad(&gradients).unwrap().try_into_vec_as::<f32>().unwrap();
        let largest = answers.gradient.iter().fold(0.0, |largest: f32, value| largest.max(value.abs()));
        for (found, expected) in gradient.iter().step_by(127).zip(&answers.gradient) {
            assert!((found - expected).abs() < 1e-3 * largest, "{name}: {found} is not {expected}, of {largest}");
        }
    }
}

#[test]
fn every_family_has_torchvisions_number_of_parameters() {
    for (name, answers) in golden() {
        let architecture = family(&name);
        let stored = weights::collect(&architecture.init(&Device::flex())).unwrap();
        let count = |wanted: &dyn Fn(&str) -> bool| {
            stored.iter().filter(|(path, _)| wanted(path)).map(|(_, weight)| weight.values.len()).sum::<usize>()
        };
        assert_eq!(count(&|path| !path.contains("running_")), answers.parameters, "{name}");
    }
}

#[test]
fn every_layer_of_every_family_continues_to_the_logit() {
    let device = Device::flex();
    for family in [Family::ResNet34, Family::ResNet50, Family::EfficientNetV2S, Family::ConvNeXtTiny] {
        let classifier = burn::module::Module::no_grad(ClassifierArchitecture { family, width: 4 }.init(&device));
        let data = made("input", 64 * 64).map(|u| u as f32).collect::<Vec<_>>();
        let x = Tensor::<4>::from_data(TensorData::new(data, [1, 1, 64, 64]), &device);
        let whole = classifier.forward(x.clone()).into_scalar::<f32>();
        let layers = classifier.layers();
        for (name, layer) in &layers {
            let found = classifier.logits(classifier.activations(x.clone(), *layer), *layer).into_scalar::<f32>();
            assert!((found - whole).abs() < 1e-6, "{family:?} {name}: {found} is not {whole}");
        }
        let (name, last) = layers.last().unwrap();
        assert_eq!(classifier.activations(x.clone(), *last).dims()[2..], [2, 2], "{family:?} ends with {name}");
    }
}

#[test]
fn inception_matches_torchvision_and_features_are_pooled_maps() {
    let device = Device::flex();
    // Shapes of the weights by name: output and input channels of each convolution.
    let stem = [("1a_3x3", 32, 3), ("2a_3x3", 32, 32), ("2b_3x3", 64, 32), ("3b_1x1", 80, 64), ("4a_3x3", 192, 80)];
    let shape = |name: &str| -> [usize; 4] {
        if let Some((part, outputs, inputs)) = stem.iter().find(|(part, _, _)| name.contains(part)) {
            let side = if part.ends_with("1x1") { 1 } else { 3 };
            return [*outputs, *inputs, side, side];
        }
        let (block, layer) = name.split_once('.').unwrap();
        let wide = match block {
            "Mixed_6b" => 128,
            "Mixed_6e" => 192,
            _ => 160,
        };
        let into = match block {
            "Mixed_5b" => 192,
            "Mixed_5c" => 256,
            "Mixed_5d" | "Mixed_6a" => 288,
            _ => 768,
        };
        match (block.starts_with("Mixed_5"), layer) {
            (true, "branch1x1") => [64, into, 1, 1],
            (true, "branch5x5_1") => [48, into, 1, 1],
            (true, "branch5x5_2") => [64, 48, 5, 5],
            (true, "branch_pool") => [if block == "Mixed_5b" { 32 } else { 64 }, into, 1, 1],
            (_, "branch3x3") => [384, into, 3, 3],
            (_, "branch3x3dbl_1") => [64, into, 1, 1],
            (_, "branch3x3dbl_2") => [96, 64, 3, 3],
            (_, "branch3x3dbl_3") => [96, 96, 3, 3],
            (_, "branch1x1" | "branch_pool") => [192, into, 1, 1],
            (_, "branch7x7_1" | "branch7x7dbl_1") => [wide, into, 1, 1],
            (_, "branch7x7_2" | "branch7x7dbl_3") => [wide, wide, 1, 7],
            (_, "branch7x7_3") => [192, wide, 7, 1],
            (_, "branch7x7dbl_5") => [192, wide, 1, 7],
            _ => [wide, wide, 7, 1],
        }
    };
    let named = |name: &str| {
        let (layer, leaf) = name.rsplit_once('.').unwrap();
        let convolution = shape(layer.rsplit_once('.').unwrap().0);
        Some(match leaf {
            "weight" if layer.ends_with(".conv") => weight(name, &convolution),
            _ => weight(name, &convolution[..1]),
        })
    };
    let inception = Inception::load(named, &device).unwrap();
    let data = made("input", 3 * 107 * 107).map(|u| u as f32).collect::<Vec<_>>();
    let maps = inception.maps(Tensor::from_data(TensorData::new(data, [1, 3, 107, 107]), &device));
    assert_eq!(maps.dims(), [1, 768, 5, 5]);
    let found = maps.try_into_vec_as::<f32>().unwrap();
    let expected = answers().remove(INCEPTION).unwrap().logits;
    let largest = expected.iter().fold(0.0, |largest: f32, value| largest.max(value.abs()));
    for (found, expected) in found.iter().step_by(97).zip(&expected) {
        assert!((found - expected).abs() < 1e-4 * largest, "{found} is not {expected}, of {largest}");
    }
    let grey = inception.features(&vec![0.5; 2 * 40 * 40], 40);
    assert_eq!(grey.dims(), [2, INCEPTION_FEATURES]);
    let [first, second] =
        grey.try_into_vec_as::<f32>().unwrap().chunks(768).map(<[f32]>::to_vec).collect::<Vec<_>>().try_into().unwrap();
    assert!(first == second && first.iter().any(|value| *value > 0.0));
    let missing = Inception::load(|_| None, &device).unwrap_err().to_string();
    assert!(missing.contains("Conv2d_1a_3x3.conv.weight is missing"), "{missing}");
}
