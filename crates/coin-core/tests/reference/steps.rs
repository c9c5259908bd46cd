//! The trainings behind the golden values.

use burn::tensor::{Device, Tensor};
use coin_core::method::Method;
use coin_core::networks::{InpainterConfig, Upsampling};
use coin_core::training::{
    Adversarial, Batch, CounterfactualConfig, CounterfactualLosses, CounterfactualTrainer, Cycle, Distance,
};

use super::{Golden, classifier, discriminator, inpainter, tiny};

/// The paper's recipe for synthetic anomalies.
pub fn synthetic() -> (InpainterConfig, CounterfactualConfig) {
    let config = CounterfactualConfig {
        method: Method::Coin,
        distance: Distance::L1,
        learning_rate: 2e-4,
        bins: 2,
        generator_frequency: 1,
        adversarial: Adversarial::Bce,
        kl_on_logits: false,
        cycle: Cycle::On,
        weight_adversarial: 1.0,
        weight_kl: 5.0,
        weight_reconstruction: 1.0,
        weight_minimal_change: 1.0,
        weight_total_variation: 0.05,
        average_decay: 0.0,
    };
    (tiny(), config)
}

/// The paper's recipe for tumours.
pub fn tumour() -> (InpainterConfig, CounterfactualConfig) {
    let (network, config) = synthetic();
    let network = InpainterConfig { upsampling: Upsampling::Bilinear, spectral_norm: false, ..network };
    let config =
        CounterfactualConfig { weight_kl: 1.0, weight_total_variation: 5e-5, weight_minimal_change: 0.0, ..config };
    (network, config)
}

/// The synthetic recipe with other weights of the adversarial, KL, reconstruction and total variation terms, and no
/// minimal change.
pub fn with_weights(
    [adversarial, kl, reconstruction, total_variation]: [f64; 4],
) -> (InpainterConfig, CounterfactualConfig) {
    let (network, config) = synthetic();
    let config = CounterfactualConfig {
        weight_adversarial: adversarial,
        weight_kl: kl,
        weight_reconstruction: reconstruction,
        weight_minimal_change: 0.0,
        weight_total_variation: total_variation,
        ..config
    };
    (network, config)
}

/// COIN v2 with the paper's synthetic recipe.
pub fn coin_v2() -> (InpainterConfig, CounterfactualConfig) {
    let (network, config) = synthetic();
    (network, CounterfactualConfig { method: Method::CoinV2, weight_minimal_change: 0.0, ..config })
}

/// Singla et al.
pub fn singla(distance: Distance) -> (InpainterConfig, CounterfactualConfig) {
    let (network, config) = synthetic();
    let config = CounterfactualConfig {
        method: Method::Singla,
        distance,
        weight_kl: 1.0,
        weight_minimal_change: 0.0,
        weight_total_variation: 0.0,
        ..config
    };
    (network, config)
}

/// The golden images with body and kidney masks, the regions of CARL.
pub fn batch_with_regions(device: &Device) -> Batch {
    let inputs = Golden::open("inputs.safetensors");
    let regions = inputs.tensor::<4>("masks", device).narrow(1, 0, 2);
    Batch { images: inputs.tensor("x", device), regions: Some(regions) }
}

/// A trainer with the golden initial weights on an autodiff device, and the golden images.
pub fn trainer(
    (network, config): (InpainterConfig, CounterfactualConfig),
    device: &Device,
) -> (CounterfactualTrainer, Tensor<4>) {
    let weights = Golden::open("weights.safetensors");
    let x = Golden::open("inputs.safetensors").tensor("x", device);
    let inpainter = inpainter(&network, &[(&weights, "")], device);
    let trainer =
        CounterfactualTrainer::new(inpainter, discriminator(&weights, device), classifier(&weights, device), config);
    (trainer, x)
}

/// Loss terms with the names of the golden files.
fn terms(losses: &CounterfactualLosses) -> Vec<(&'static str, f32)> {
    let mut terms = vec![
        ("d_real_loss", losses.discriminator_real),
        ("d_fake_loss", losses.discriminator_fake),
        ("d_loss", losses.discriminator),
    ];
    if let Some(generator) = &losses.generator {
        terms.extend([
            ("g_adv", generator.adversarial),
            ("g_kl", generator.kl),
            ("g_rec_loss", generator.reconstruction),
            ("g_minc_loss", generator.minimal_change),
            ("g_tv", generator.total_variation),
            ("g_loss", generator.total),
        ]);
    }
    terms
}

/// The first step is the same function of the same numbers. Later steps follow Adam's sign-like first steps, which
/// amplify rounding where a gradient is nearly zero.
pub const TOLERANCES: [f32; 3] = [2e-5, 2e-3, 2e-3];
/// In the third step of some trainings, computing in f64 changes a loss by 5e-3.
pub const AFTER_MORE_ROUNDING: [f32; 3] = [2e-5, 2e-3, 1e-2];

/// Takes steps on an autodiff device and compares every loss with the golden values.
pub fn assert_losses(
    recipe: (InpainterConfig, CounterfactualConfig),
    file: &str,
    steps: usize,
    tolerances: [f32; 3],
    device: &Device,
) -> CounterfactualTrainer {
    let golden = Golden::open(file);
    let (mut trainer, _) = trainer(recipe, device);
    let batch = batch_with_regions(device);
    for step in 0..steps {
        for (name, ours) in terms(&trainer.step(batch.clone(), 1.0).unwrap()) {
            // Methods omit terms that they do not have.
            if ours == 0.0 && !golden.has(&format!("loss.{name}")) {
                continue;
            }
            let theirs = golden.get(&format!("loss.{name}")).values[step];
            let allowed = tolerances[step.min(2)] * theirs.abs().max(1.0);
            assert!((ours - theirs).abs() <= allowed, "{file} step {step} {name}: {ours} against {theirs}");
        }
    }
    trainer
}
