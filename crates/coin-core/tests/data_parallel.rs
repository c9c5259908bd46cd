//! Data-parallel training matches training of the whole batch on one device.

#![allow(clippy::unwrap_used)]

mod reference;

use burn::module::Module;
use burn::tensor::{Device, Distribution, Tensor};
use coin_core::networks::{ClassifierArchitecture, Family};
use coin_core::training::{Batch, ClassifierConfig, ClassifierTrainer, CounterfactualTrainer, Distance};
use coin_core::weights;
use reference::steps::{self, batch_with_regions, singla, synthetic};

/// Tolerance for rounding over three steps.
const TOLERANCE: f32 = 2e-4;

/// All weights of a network, without running statistics.
fn weights(network: &impl Module) -> Vec<f32> {
    let all = weights::collect(&network.valid()).unwrap().into_iter();
    all.filter(|(path, _)| !path.contains("running")).flat_map(|(_, weight)| weight.values).collect()
}

fn largest_difference(a: &[f32], b: &[f32]) -> f32 {
    assert_eq!(a.len(), b.len());
    a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max)
}

fn twice(batch: &Batch) -> Batch {
    let twice = |x: &Tensor<4>| Tensor::cat(vec![x.clone(), x.clone()], 0);
    Batch { images: twice(&batch.images), regions: batch.regions.as_ref().map(twice) }
}

/// ConvNeXt normalises per image, so different halves of a batch must add up to the whole. Weight decay makes the scale
/// of the gradient matter, which Adam alone would normalise away.
#[test]
fn a_classifier_trained_on_two_halves_matches_the_whole_batch() {
    let device = Device::flex().autodiff();
    device.seed(3);
    let architecture = ClassifierArchitecture { family: Family::ConvNeXtTiny, width: 4 };
    let network = architecture.init(&device);
    let config = ClassifierConfig { learning_rate: 1e-3, weight_decay: 0.1, label_smoothing: 0.0 };
    let trainer = |replicas: &[Device]| {
        let network = network.valid().train();
        ClassifierTrainer::new(network, config.clone()).with_replicas(replicas)
    };
    let mut whole = trainer(&[]);
    let mut halves = trainer(&[Device::flex()]);
    let labels = [true, true, false, true];
    for step in 0..3 {
        let x = Tensor::random([4, 1, 64, 64], Distribution::Uniform(-1.0, 1.0), &device);
        let (a, b) = (whole.step(x.clone(), &labels, 1.0).unwrap(), halves.step(x, &labels, 1.0).unwrap());
        assert!((a - b).abs() < TOLERANCE, "step {step}: {a} of the whole, {b} of its halves");
    }
    let (a, b, start) = (weights(&whole.network), weights(&halves.network), weights(&network));
    assert!(largest_difference(&a, &start) > 1e-3, "nothing was learnt");
    assert!(largest_difference(&a, &b) < TOLERANCE, "weights differ by {}", largest_difference(&a, &b));
}

/// Batch normalisation is per shard: two devices with the same images match one device that has them twice.
#[test]
fn coin_on_two_devices_matches_one_with_duplicated_images() {
    let device = Device::flex().autodiff();
    let batch = twice(&batch_with_regions(&device));
    for recipe in [synthetic(), singla(Distance::Carl)] {
        let trainer = |replicas: &[Device]| steps::trainer(recipe.clone(), &device).0.with_replicas(replicas);
        let (mut one, mut two) = (trainer(&[]), trainer(&[Device::flex()]));
        for step in 0..3 {
            let (a, b) = (one.step(batch.clone(), 1.0).unwrap(), two.step(batch.clone(), 1.0).unwrap());
            let (a_generator, b_generator) = (a.generator.unwrap(), b.generator.unwrap());
            for (a, b) in [
                (a_generator.total, b_generator.total),
                (a_generator.adversarial, b_generator.adversarial),
                (a_generator.kl, b_generator.kl),
                (a.discriminator, b.discriminator),
            ] {
                assert!((a - b).abs() <= TOLERANCE * a.abs().max(1.0), "step {step}: {a} of one, {b} of two");
            }
        }
        let networks = |trainer: &CounterfactualTrainer| {
            [weights(&trainer.objective.inpainter), weights(&trainer.objective.discriminator)].concat()
        };
        let (a, b) = (networks(&one), networks(&two));
        let beyond = a.iter().zip(&b).filter(|(a, b)| (*a - *b).abs() > TOLERANCE).count();
        // Adam's first steps have full length even where the gradient is pure rounding.
        assert!(beyond * 100 < a.len(), "{beyond} of {} weights differ", a.len());
    }
}

/// The discriminator's loss on real images depends on each image alone.
#[test]
fn a_replica_gets_the_second_shard() {
    let device = Device::flex().autodiff();
    let batch = batch_with_regions(&device);
    let trainer = |replicas: &[Device]| steps::trainer(synthetic(), &device).0.with_replicas(replicas);
    let whole = trainer(&[]).step(batch.clone(), 1.0).unwrap().discriminator_real;
    let halves = trainer(&[Device::flex()]).step(batch.clone(), 1.0).unwrap().discriminator_real;
    let first = Batch { images: batch.images.narrow(0, 0, 1), regions: None };
    let first = trainer(&[]).step(first, 1.0).unwrap().discriminator_real;
    assert!((whole - halves).abs() < 1e-5, "{whole} of the whole, {halves} of its halves");
    assert!((whole - first).abs() > 1e-3, "the two images have different losses");
}

/// Each device contributes its shard of the batch mean.
#[test]
fn gradients_are_weighted_by_the_shard() {
    let device = Device::flex().autodiff();
    let batch = batch_with_regions(&device);
    let gradients = |shard: f64| {
        let trainer = steps::trainer(synthetic(), &device).0;
        let found = trainer.objective.gradients(&batch, true, shard);
        let stem = trainer.objective.inpainter.encoder.stem.weight.id;
        let head = trainer.objective.discriminator.dense_bias.id;
        let generator = found.generator.unwrap();
        let of_stem = generator.gradients.get::<4>(stem).unwrap();
        let of_head = found.discriminator.gradients.get::<1>(head).unwrap();
        [of_stem.flatten::<1>(0, 3), of_head].map(|gradient| gradient.try_into_vec_as::<f32>().unwrap()).concat()
    };
    let (whole, half) = (gradients(1.0), gradients(0.5));
    assert!(whole.iter().any(|gradient| gradient.abs() > 1e-6));
    let halved: Vec<f32> = whole.iter().map(|gradient| gradient / 2.0).collect();
    assert!(largest_difference(&halved, &half) < 1e-6);
}

/// The running statistics are those of the first device's shard.
#[test]
fn running_statistics_are_those_of_the_first_device() {
    let device = Device::flex().autodiff();
    let batch = batch_with_regions(&device);
    let first = Batch { images: batch.images.clone().narrow(0, 0, 1), regions: None };
    let statistics = |replicas: &[Device], batch: &Batch| -> Vec<f32> {
        let mut trainer = steps::trainer(synthetic(), &device).0.with_replicas(replicas);
        trainer.step(batch.clone(), 1.0).unwrap();
        let all = weights::collect(&trainer.objective.inpainter.encoder.valid()).unwrap().into_iter();
        all.filter(|(path, _)| path.contains("running")).flat_map(|(_, weight)| weight.values).collect()
    };
    let shared = statistics(&[Device::flex()], &batch);
    assert!(largest_difference(&shared, &statistics(&[], &first)) < 1e-5);
    assert!(largest_difference(&shared, &statistics(&[], &batch)) > 1e-3);
}
