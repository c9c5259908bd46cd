//! The generator's condition for each method, in training and inference.

#![allow(clippy::unwrap_used)]

mod reference;

use burn::tensor::{Device, Tensor, TensorData};
use coin_core::condition::Condition;
use coin_core::explanation::Explainer;
use coin_core::method::Method;
use reference::{Golden, classifier, inpainter, tiny};

fn column(values: &[f32]) -> Tensor<2> {
    Tensor::from_data(TensorData::new(values.to_vec(), [values.len(), 1]), &Device::flex())
}

#[test]
fn coin_targets_normal_and_singla_et_al_the_opposite() {
    let logits = column(&[-2.0, 0.5, 4.0]);
    for (method, desired, bins) in [
        (Method::Coin, [0.119_203, 1e-6, 1e-6], [0, 0, 0]),
        (Method::CoinV2, [0.119_203, 1e-6, 1e-6], [0, 0, 0]),
        (Method::Singla, [0.880_797, 0.377_541, 0.017_986], [1, 0, 0]),
    ] {
        let verdict = method.verdict(logits.clone(), 2);
        let found = verdict.desired.try_into_vec_as::<f32>().unwrap();
        assert!(found.iter().zip(desired).all(|(a, b)| (a - b).abs() < 1e-6), "{method:?}: {found:?}");
        assert_eq!(verdict.bins.try_into_vec_as::<i64>().unwrap(), [0, 1, 1]);
        assert_eq!(verdict.desired_bins.try_into_vec_as::<i64>().unwrap(), bins, "{method:?}");
    }
}

#[test]
fn reached_means_normal_or_the_opposite() {
    let reached =
        |method: Method| [(0.9, 0.1), (0.1, 0.2), (0.1, 0.9), (0.9, 0.8)].map(|(b, a)| method.reached(b, a, 2));
    assert_eq!(reached(Method::Coin), [true, true, false, false]);
    assert_eq!(reached(Method::Singla), [true, false, true, false]);
}

#[test]
fn an_explanation_uses_the_condition_of_its_method() {
    let device = Device::flex();
    let weights = Golden::open("weights.safetensors");
    let x: Tensor<4> = Golden::open("inputs.safetensors").tensor("x", &device);
    let networks = (inpainter(&tiny(), &[(&weights, "")], &device), classifier(&weights, &device));
    let logits = networks.1.forward(x.clone());
    for method in [Method::Coin, Method::CoinV2, Method::Singla] {
        let explainer = Explainer::new(networks.0.clone(), networks.1.clone(), method);
        let images = x.clone().try_into_vec_as::<f32>().unwrap();
        let explanations = explainer.explain(images, 64, &device).unwrap().read().unwrap();
        let verdict = method.verdict(logits.clone(), 2);
        let bins = match method {
            Method::Coin => verdict.bins.zeros_like(),
            Method::CoinV2 => verdict.bins,
            Method::Singla => verdict.desired_bins,
        };
        let expected = networks.0.forward(x.clone(), &Condition::Each(bins)).try_into_vec_as::<f32>().unwrap();
        let found = explanations.iter().flat_map(|explanation| &explanation.counterfactual);
        let error = found.zip(&expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(error < 1e-5, "{method:?}: off by {error}");
    }
}
