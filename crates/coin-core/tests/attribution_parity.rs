//! Compares saliency maps with the reference (tests/golden/attribution.npz).

#![allow(clippy::unwrap_used)]

mod archive;
mod reference;

use archive::Archive;
use burn::module::Module as _;
use burn::tensor::{Device, Tensor};
use coin_core::attribution::{self, GridMask, Rise, RiseConfig};
use coin_core::networks::{Classifier, ClassifierArchitecture, Family, Layer};
use reference::{Golden, classifier};

/// The classifier, the image of the reference's maps, and layer4.
fn case() -> (Classifier, Tensor<4>, Layer) {
    let device = Device::flex();
    let classifier = classifier(&Golden::open("weights.safetensors"), &device);
    let images: Tensor<4> = Golden::open("inputs.safetensors").tensor("x", &device);
    let layer = layer(&classifier, "layer4");
    (classifier, images.narrow(0, 1, 1), layer)
}

fn layer(classifier: &Classifier, name: &str) -> Layer {
    classifier.layers().into_iter().find(|(known, _)| known == name).unwrap().1
}

#[track_caller]
fn assert_map(map: Tensor<4>, expected: &[f32], tolerance: f32) {
    let map = map.try_into_vec_as::<f32>().unwrap();
    assert_eq!(map.len(), expected.len());
    let error = map.iter().zip(expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(error <= tolerance, "off by {error}");
}

#[test]
fn rise_with_the_reference_masks() {
    let golden = Archive::open("attribution.npz");
    let (classifier, image, _) = case();
    let cells = golden.bytes("rise.grid");
    let shifts = golden.integers("rise.shift_xy_rows_cols");
    let masks = cells.chunks(64).zip(shifts.chunks(2)).map(|(cells, shift)| GridMask {
        cells: cells.iter().map(|&cell| cell == 1).collect(),
        shift: [shift[0] as usize, shift[1] as usize],
    });
    let rise = Rise::of(8, masks.collect()).unwrap();
    let mut seen = Vec::new();
    let map = rise.map(&classifier, image, &mut |done, all| {
        seen.push((done, all));
        true
    });
    assert_eq!(seen, [(16, 48), (32, 48), (48, 48)]);
    assert_map(map.unwrap(), &golden.floats("rise.map"), 1e-4);
}

#[test]
fn score_cam_and_layer_cam() {
    let golden = Archive::open("attribution.npz");
    let (classifier, image, layer) = case();
    let map = attribution::score_cam(&classifier, image.clone(), layer, &mut |_, _| true);
    assert_map(map.unwrap(), &golden.floats("scorecam.map"), 1e-4);
    assert_map(attribution::layer_cam(&classifier, image.clone(), layer), &golden.floats("layercam.map"), 1e-4);
    let closed = attribution::last_layer_cam(&classifier, image);
    assert_map(closed.unwrap(), &golden.floats("layercam.map"), 1e-4);
}

#[test]
fn the_closed_form_at_the_last_layer_matches_autodiff() {
    let device = Device::flex();
    let image: Tensor<4> = Golden::open("inputs.safetensors").tensor("x", &device);
    let image = image.narrow(0, 0, 1);
    for (family, width, closed) in
        [(Family::ResNet18, 8, true), (Family::EfficientNetV2S, 8, true), (Family::ConvNeXtTiny, 8, false)]
    {
        let classifier = ClassifierArchitecture { family, width }.init(&device).no_grad();
        let (_, last) = classifier.layers().pop().unwrap();
        let pairs = [
            (
                attribution::last_layer_cam(&classifier, image.clone()),
                attribution::layer_cam(&classifier, image.clone(), last),
            ),
            (
                attribution::last_grad_cam(&classifier, image.clone()),
                attribution::grad_cam(&classifier, image.clone(), last),
            ),
        ];
        for (found, expected) in pairs {
            assert_eq!(found.is_some(), closed, "{family:?}");
            let expected = expected.try_into_vec_as::<f32>().unwrap();
            found.into_iter().for_each(|found| assert_map(found, &expected, 1e-4));
        }
    }
}

#[test]
fn activations_and_logits_compose_at_every_layer() {
    let golden = Archive::open("attribution.npz");
    let (classifier, image, layer) = case();
    assert_map(classifier.activations(image.clone(), layer), &golden.floats("layer4.activations"), 1e-5);
    let whole = classifier.forward(image.clone());
    let layers = classifier.layers();
    assert_eq!(layers.len(), 2 + 8 + 4);
    for (name, layer) in layers {
        let logit = classifier.logits(classifier.activations(image.clone(), layer), layer);
        assert_eq!(logit.to_data(), whole.to_data(), "{name}");
    }
}

/// At layer4 the logit is linear in the activations, so a channel's mean gradient is its gradient.
#[test]
fn grad_cam_is_the_weighted_sum_of_the_channels() {
    let golden = Archive::open("attribution.npz");
    let (classifier, image, layer) = case();
    let [activations, gradients] = ["layer4.activations", "layer4.grad_of_logit"].map(|name| golden.floats(name));
    let cell = |i: usize| (0..32).map(|c| activations[4 * c + i] * gradients[4 * c]).sum::<f32>().max(0.0);
    let cells: Vec<f32> = (0..4).map(cell).collect();
    let [least, most] = [f32::min, f32::max].map(|pick| cells.iter().copied().reduce(pick).unwrap());
    let map = attribution::grad_cam(&classifier, image, layer).try_into_vec_as::<f32>().unwrap();
    for (corner, cell) in [0, 63, 63 * 64, 63 * 65].into_iter().zip(cells) {
        assert!((map[corner] - (cell - least) / (most - least)).abs() < 1e-5);
    }
}

#[test]
fn masks_are_seeded_and_a_map_can_be_cancelled() {
    let (classifier, image, layer) = case();
    let config = RiseConfig { masks: 40, ..RiseConfig::paper() };
    let map = |seed| {
        let rise = Rise::draw(&RiseConfig { seed, ..config }, [64, 64]);
        rise.map(&classifier, image.clone(), &mut |_, _| true).unwrap().to_data()
    };
    assert_eq!(map(1), map(1));
    assert_ne!(map(1), map(2));
    let rise = Rise::draw(&config, [64, 64]);
    assert!(rise.map(&classifier, image.clone(), &mut |done, _| done < 32).is_none());
    assert!(attribution::score_cam(&classifier, image, layer, &mut |_, _| false).is_none());
}
