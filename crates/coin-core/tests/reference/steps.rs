//! The trainings that the golden numbers are of.

use burn::tensor::{Device, Tensor};
use coin_core::method::Method;
use coin_core::networks::{InpainterConfig, Upsampling};
use coin_core::training::{Adversarial, Batch, CounterfactualConfig, CounterfactualTrainer, Cycle, Distance};

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

/// The synthetic recipe with other weights: adversarial, KL, reconstruction, total variation; no minimal change.
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

/// COIN v2, as the paper's recipe for synthetic anomalies.
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

/// The golden images with body and kidneys, the regions of CARL.
pub fn batch_with_regions(device: &Device) -> Batch {
    let inputs = Golden::open("inputs.safetensors");
    let regions = inputs.tensor::<4>("masks", device).narrow(1, 0, 2);
    Batch { images: inputs.tensor("x", device), regions: Some(regions) }
}

/// A trainer with the golden starting weights on an autodiff device, and the golden images.
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
