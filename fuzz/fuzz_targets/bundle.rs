//! Model files.
#![no_main]

use coin_core::bundle::Bundle;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let _ = Bundle::read(bytes);
});
