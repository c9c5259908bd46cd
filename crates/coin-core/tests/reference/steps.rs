//! The trainings that the golden numbers are of.

use burn::tensor::{Device, Tensor};
use coin_core::networks::{InpainterConfig, Upsampling};
use coin_core::training::{Adversarial, CoinConfig, CoinTrainer, Cycle};

use super::{Golden, classifier, discriminator, inpainter, tiny};

/// The paper's recipe for synthetic anomalies.
pub fn synthetic() -> (InpainterConfig, CoinConfig) {
    let config = CoinConfig {
        learning_rate: 2e-4,
        bins: 2,
        generator_frequency: 1,
        adversarial: Adversarial::Bce,
        kl_on_logits: false,
        cycle: Cycle::Input,
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
pub fn tumour() -> (InpainterConfig, CoinConfig) {
    let (network, config) = synthetic();
    let network = InpainterConfig { upsampling: Upsampling::Bilinear, spectral_norm: false, ..network };
    let config = CoinConfig { weight_kl: 1.0, weight_total_variation: 5e-5, weight_minimal_change: 0.0, ..config };
    (network, config)
}

/// A trainer with the golden starting weights on an autodiff device, and the golden images.
pub fn trainer((network, config): (InpainterConfig, CoinConfig), device: &Device) -> (CoinTrainer, Tensor<4>) {
    let weights = Golden::open("weights.safetensors");
    let x = Golden::open("inputs.safetensors").tensor("x", device);
    let inpainter = inpainter(&network, &[(&weights, "")], device);
    let trainer = CoinTrainer::new(inpainter, discriminator(&weights, device), classifier(&weights, device), config);
    (trainer, x)
}
