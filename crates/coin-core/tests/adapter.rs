//! Training steps on a GPU adapter, including a software one, give the reference's losses.

#![allow(clippy::unwrap_used)]

#[path = "../../coin-kernels/tests/adapter/mod.rs"]
mod adapter;
mod reference;

use adapter::adapter;
use coin_core::training::Distance;
use reference::steps::{AFTER_MORE_ROUNDING, TOLERANCES, assert_losses, coin_v2, singla, synthetic, tumour};

#[test]
fn losses_of_three_steps_of_every_recipe() {
    let Some(device) = adapter() else { return };
    for (recipe, file, tolerances) in [
        (synthetic(), "train_inpaint_freq1.safetensors", TOLERANCES),
        (tumour(), "train_inpaint_tuh.safetensors", TOLERANCES),
        (coin_v2(), "train_inpaint_v2.safetensors", AFTER_MORE_ROUNDING),
        (singla(Distance::Carl), "train_singla_carl.safetensors", AFTER_MORE_ROUNDING),
    ] {
        assert_losses(recipe, file, 3, tolerances, &device.clone().autodiff());
    }
}
