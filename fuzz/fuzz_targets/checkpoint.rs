//! Weights of other programs, `.pth` and `.safetensors`, up to the networks that they are put into.
#![no_main]

use std::fs;

use burn::tensor::Device;
use coin_train::pretrained::Pretrained;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    // The reader wants a file; each process has its own, in memory where the system keeps its temporary files there.
    let path = std::env::temp_dir().join(format!("coin-fuzz-{}.pth", std::process::id()));
    if fs::write(&path, bytes).is_err() {
        return;
    }
    if let Ok(weights) = Pretrained::open(&path) {
        let _ = weights.reference(|inpainter| inpainter, &Device::flex());
    }
});
