//! Damaged model files, checkpoints and recipes give a typed error or are read, but never cause a panic or unbounded memory
//! use.
#![allow(clippy::unwrap_used, clippy::print_stdout, reason = "tests")]

#[path = "../../coin-imaging/tests/damage/mod.rs"]
mod damage;

use std::fs;
use std::path::{Path, PathBuf};

use burn::tensor::Device;
use coin_core::bundle::Bundle;
use coin_train::pretrained::Pretrained;
use coin_train::recipe::Recipe;
use peak_alloc::PeakAlloc;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

#[global_allocator]
static HEAP: PeakAlloc = PeakAlloc;

const MEMORY: usize = 512 << 20;

fn at(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}

/// Opens a file and damaged copies of it; checks their memory use and prints how many could be read.
fn withstand(what: &str, path: &Path, times: usize, open: impl Fn(&Path, &[u8]) -> bool) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join(path.file_name().unwrap());
    let bytes = fs::read(path).unwrap();
    assert!(open(path, &bytes), "the undamaged {what} could not be read");
    let mut rng = ChaCha8Rng::seed_from_u64(11);
    let (mut read, mut most) = (0, 0);
    for _ in 0..damage::times(times) {
        // Large files are damaged only in their header.
        let (head, rest) = bytes.split_at(bytes.len().min(16 << 10));
        let damaged = [&damage::damaged(&mut rng, head, &bytes)[..], rest].concat();
        fs::write(&file, &damaged).unwrap();
        let before = HEAP.current_usage();
        HEAP.reset_peak_usage();
        read += usize::from(open(&file, &damaged));
        let memory = HEAP.peak_usage().saturating_sub(before);
        if memory > MEMORY {
            fs::write(std::env::temp_dir().join("withstand-memory"), &damaged).unwrap();
        }
        assert!(memory <= MEMORY, "{what}: {memory} bytes of memory used");
        most = most.max(memory);
    }
    println!("{what}: {} damaged, {read} read, at most {} MiB", damage::times(times), most >> 20);
}

#[test]
fn damaged_model_files_are_withstood() {
    let model = at("models/coin-phantom/coin-phantom.safetensors");
    withstand("model file", &model, 300, |_, bytes| {
        Bundle::read(bytes).and_then(|bundle| bundle.explainer(&Device::flex())).is_ok()
    });
}

#[test]
fn damaged_checkpoints_are_withstood() {
    withstand(".pth file", &at("tests/golden/saved.pth"), 2000, |path, _| Pretrained::open(path).is_ok());
    let weights = at("tests/golden/weights.safetensors");
    withstand(".safetensors file", &weights, 300, |path, _| Pretrained::open(path).is_ok());
}

#[test]
fn damaged_recipes_are_withstood() {
    for recipe in ["quick", "kits23-anomalies", "paper-synthetic"] {
        let path = at("crates/coin-train/recipes").join(recipe).with_extension("toml");
        withstand(recipe, &path, 1000, |path, _| Recipe::load(&path.to_string_lossy(), &[]).is_ok());
    }
}
