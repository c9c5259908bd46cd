//! Fused networks compute the same as the original ones.

#![cfg(feature = "train")]
#![allow(clippy::unwrap_used)]

use burn::module::Module as _;
use burn::tensor::{Device, Distribution, Tensor};
use coin_core::condition::Condition;
use coin_core::networks::{ClassifierArchitecture, Family, Fuse, InpainterConfig, Upsampling};

fn images(device: &Device) -> Tensor<4> {
    Tensor::random([3, 1, 32, 32], Distribution::Uniform(-1.0, 1.0), device)
}

fn assert_close(found: Tensor<4>, expected: Tensor<4>) {
    let largest = expected.clone().abs().max().into_scalar::<f32>();
    let error = (found - expected).abs().max().into_scalar::<f32>();
    assert!(largest > 0.01 && error <= 1e-5 * largest.max(1.0), "off by {error}, values up to {largest}");
}

#[test]
fn an_inpainter_with_trained_statistics() {
    for (upsampling, spectral_norm) in [(Upsampling::Nearest, false), (Upsampling::Bilinear, true)] {
        let config = InpainterConfig {
            stem: 5,
            widths: vec![6, 8],
            conditions: 2,
            skips: vec![1],
            upsampling,
            fuse: Fuse::SkipAddTanh,
            spectral_norm,
            zero_head: false,
        };
        let device = Device::flex().autodiff();
        let inpainter = config.init(&device);
        // Running statistics that differ from the initial ones.
        for _ in 0..3 {
            inpainter.forward(images(&device) * 2.0 + 0.5, &Condition::All(1));
        }
        let inpainter = inpainter.valid();
        let x = images(&Device::flex());
        let expected = inpainter.forward(x.clone(), &Condition::All(1));
        let fused = inpainter.fused();
        assert_close(fused.forward(x.clone(), &Condition::All(1)), expected.clone());
        assert_close(fused.fused().forward(x, &Condition::All(1)), expected);
    }
}

#[test]
fn classifiers_with_trained_statistics() {
    for family in [Family::ResNet18, Family::ResNet50, Family::EfficientNetV2S] {
        let device = Device::flex().autodiff();
        let classifier = ClassifierArchitecture { family, width: 6 }.init(&device);
        for _ in 0..3 {
            classifier.forward(images(&device) * 2.0 + 0.5);
        }
        let classifier = classifier.valid();
        let x = images(&Device::flex());
        let expected = classifier.last_activations(x.clone());
        assert_close(classifier.fused().last_activations(x), expected);
    }
}
