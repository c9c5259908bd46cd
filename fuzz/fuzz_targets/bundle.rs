//! Model files.
#![no_main]

use burn::tensor::Device;
use coin_core::bundle::Bundle;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(bundle) = Bundle::read(bytes) {
        let _ = bundle.networks(&Device::flex());
    }
});
