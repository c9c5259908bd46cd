//! Recipes as people write them.
#![no_main]

use std::fs;

use coin_train::recipe::Recipe;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let path = std::env::temp_dir().join(format!("coin-fuzz-{}.toml", std::process::id()));
    if fs::write(&path, bytes).is_ok() {
        let _ = Recipe::load(&path.to_string_lossy(), &[]);
    }
});
