//! Random mutations of files.

use std::env;

use rand::RngExt;
use rand_chacha::ChaCha8Rng;

/// Mutations per file: `COIN_DAMAGE`, or a default.
pub fn times(otherwise: usize) -> usize {
    env::var("COIN_DAMAGE").ok().and_then(|times| times.parse().ok()).unwrap_or(otherwise)
}

/// Mutates the bytes a few times; `other` provides bytes to splice in.
pub fn damaged(rng: &mut ChaCha8Rng, bytes: &[u8], other: &[u8]) -> Vec<u8> {
    let mut damaged = bytes.to_vec();
    for _ in 0..rng.random_range(1..6) {
        damage(rng, &mut damaged, other);
    }
    damaged
}

fn damage(rng: &mut ChaCha8Rng, bytes: &mut Vec<u8>, other: &[u8]) {
    if bytes.is_empty() {
        return;
    }
    let at = rng.random_range(0..bytes.len());
    match rng.random_range(0..7) {
        0 => bytes[at] = rng.random(),
        1 => bytes[at] ^= 1 << rng.random_range(0..8),
        2 => drop(bytes.remove(at)),
        3 => bytes.insert(at, rng.random()),
        4 => bytes.truncate(at),
        // Extreme values, where lengths and sizes are stored.
        5 => {
            let numbers: [&[u8]; 6] =
                [&[0xFF; 4], &[0; 4], &[0xFF, 0xFF, 0xFF, 0x7F], &[0x7F, 0xFF, 0xFF, 0xFF], &[0xFF; 2], &[0, 0x80]];
            let number = numbers[rng.random_range(0..numbers.len())];
            let end = (at + number.len()).min(bytes.len());
            bytes[at..end].copy_from_slice(&number[..end - at]);
        }
        _ => {
            let from = rng.random_range(0..other.len());
            let component = &other[from..(from + rng.random_range(1..64)).min(other.len())];
            bytes.splice(at..(at + component.len()).min(bytes.len()), component.iter().copied());
        }
    }
}
