//! Pretraining: synthetic lesions are localised and removed.
#![allow(clippy::unwrap_used)]

use burn::module::Module as _;
use burn::tensor::module::adaptive_avg_pool2d;
use burn::tensor::{Device, Tensor, TensorData};
use coin_core::condition::Condition;
use coin_core::networks::{ClassifierArchitecture, Fuse, InpainterConfig, Upsampling};
use coin_core::training::{InpaintingConfig, InpaintingTrainer, LocalisationConfig, LocalisationTrainer, Localiser};

const SIDE: usize = 96;
const SQUARE: usize = 20;
const BATCH: usize = 8;
const LEARNING_RATE: f64 = 3e-3;
const WEIGHT: f64 = 20.0;

fn device() -> Device {
    let device = Device::flex().autodiff();
    device.seed(5);
    device
}

/// Striped images, with a bright square in every second one at a position given by `step`: the images, the same without
/// squares, and the masks of the squares.
fn batch(step: usize, device: &Device) -> [Tensor<4>; 3] {
    let mut pictures = [(); 3].map(|()| Vec::with_capacity(BATCH * SIDE * SIDE));
    for i in 0..BATCH {
        let (left, top) = ((step * 7 + i * 5) % (SIDE - SQUARE), (step * 11 + i * 3) % (SIDE - SQUARE));
        for (y, x) in (0..SIDE * SIDE).map(|pixel| (pixel / SIDE, pixel % SIDE)) {
            let inside = i % 2 == 1 && (left..left + SQUARE).contains(&x) && (top..top + SQUARE).contains(&y);
            let healthy = if (x + i) % 6 < 3 { -0.3 } else { -0.1 };
            let values = [if inside { 0.8 } else { healthy }, healthy, f32::from(u8::from(inside))];
            pictures.iter_mut().zip(values).for_each(|(picture, value)| picture.push(value));
        }
    }
    pictures.map(|picture| Tensor::from_data(TensorData::new(picture, [BATCH, 1, SIDE, SIDE]), device))
}

#[test]
fn the_inpainter_learns_to_remove_lesions() {
    let device = device();
    let widths = vec![8, 16];
    let config = InpainterConfig {
        stem: 8,
        widths,
        skips: vec![1],
        conditions: 1,
        upsampling: Upsampling::Nearest,
        fuse: Fuse::SkipTanhMove,
        spectral_norm: false,
        zero_head: true,
    };
    let mut trainer = InpaintingTrainer::new(
        config.init(&device),
        InpaintingConfig { learning_rate: LEARNING_RATE, anomaly_weight: WEIGHT },
    );
    let losses: Vec<f32> = (0..60)
        .map(|step| {
            let [inserted, healthy, inside] = batch(step, &device);
            trainer.step(inserted, healthy, inside, 1.0).unwrap()
        })
        .collect();
    // It starts as the identity, so its error is the inserted squares.
    let [inserted, healthy, inside] = batch(0, &device);
    let sum = |x: Tensor<4>| x.sum().into_scalar::<f32>();
    let weights = inside * (WEIGHT - 1.0) + 1.0;
    let first = sum((inserted - healthy).abs() * weights.clone()) / sum(weights);
    assert!((losses[0] - first).abs() < 1e-4 * first, "{} and {first}", losses[0]);
    let [inserted, healthy, inside] = batch(1000, &device);
    let restored = trainer.network.forward(inserted.clone(), &Condition::All(0));
    let away = |x: Tensor<4>| ((x - healthy.clone()).abs() * inside.clone()).sum().into_scalar::<f32>();
    let (before, after) = (away(inserted), away(restored));
    assert!(after < 0.3 * before, "{before} before, {after} after: {losses:?}");
}

#[test]
fn the_classifier_learns_to_localise_lesions() {
    let device = device();
    let classifier = ClassifierArchitecture::resnet_18(8).init(&device);
    let mut trainer = LocalisationTrainer::new(
        Localiser::init(classifier, &device),
        LocalisationConfig { learning_rate: LEARNING_RATE },
    );
    for step in 0..60 {
        let [inserted, _, inside] = batch(step, &device);
        trainer.step(inserted, inside, 1.0).unwrap();
    }
    let [inserted, _, inside] = batch(1000, &device);
    let trained = trainer.network.valid();
    let logits: Vec<f32> = trained.classifier.forward(inserted.clone().inner()).into_data().try_into_vec_as().unwrap();
    let cells = trained.cells(inserted.inner());
    let [_, _, rows, columns] = cells.dims();
    let shares = adaptive_avg_pool2d(inside.inner(), [rows, columns]).reshape([BATCH, rows * columns]);
    let highest: Tensor<2> = shares.clone().gather(1, cells.reshape([BATCH, rows * columns]).argmax(1));
    let found: Vec<f32> = highest.into_data().try_into_vec_as().unwrap();
    assert!(rows * columns > 1, "a single cell needs no localisation");
    assert!(found.iter().skip(1).step_by(2).all(|share| *share > 0.0), "{found:?}");
    let (normal, abnormal): (Vec<(usize, &f32)>, Vec<_>) = logits.iter().enumerate().partition(|(i, _)| i % 2 == 0);
    let highest = normal.iter().map(|(_, logit)| **logit).fold(f32::MIN, f32::max);
    assert!(abnormal.iter().all(|(_, logit)| **logit > highest), "{logits:?}");
}
