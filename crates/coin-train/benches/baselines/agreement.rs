//! Checks that a baseline gives the same results as our code.

use std::path::Path;

use coin_core::explanation::largest_difference;

/// Largest difference of values in [-1, 1] that another order of summation can explain.
const AGREEMENT: f32 = 1e-3;

/// Fails if two results differ, because their times are then not comparable.
pub fn require<'a>(what: &str, baseline: &str, pairs: impl Iterator<Item = (&'a f32, &'a f32)>) -> anyhow::Result<()> {
    let worst = largest_difference(pairs);
    anyhow::ensure!(worst < AGREEMENT, "{what}: {baseline} differs by {worst}");
    Ok(())
}

/// Writes an image as little-endian f32 for the scripts.
pub fn write_image(path: &Path, values: &[f32]) -> std::io::Result<()> {
    std::fs::write(path, values.iter().flat_map(|value| value.to_le_bytes()).collect::<Vec<u8>>())
}
