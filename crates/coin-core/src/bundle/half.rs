//! Weights in half precision, as model files store them.

use std::borrow::Cow;

use half::f16;
use safetensors::View;
use safetensors::tensor::{Dtype, TensorView};
use sha2::{Digest as _, Sha256};

use crate::Error;
use crate::weights::{Weight, Weights};

/// Weights that are hashed at once.
const HASHED_AT_ONCE: usize = 4096;

/// A tensor of a file.
pub(super) fn read(name: &str, view: &TensorView<'_>) -> Result<Weight, Error> {
    if view.dtype() != Dtype::F16 {
        let reason = format!("tensor {name} is {:?}, and model files hold F16", view.dtype());
        return Err(Error::Field { field: "dtype", reason });
    }
    let values = view.data().chunks_exact(2).map(|b| f16::from_le_bytes([b[0], b[1]]).to_f32()).collect();
    Ok(Weight { shape: view.shape().to_vec(), values })
}

/// Rounded to f16, and clamped to the largest finite one.
pub(super) fn rounded(weight: Weight) -> Weight {
    let half = |value: f32| f16::from_f32(value.clamp(-65504.0, 65504.0)).to_f32();
    Weight { values: weight.values.into_iter().map(half).collect(), ..weight }
}

/// The SHA-256 of names and values.
pub(super) fn fingerprint(weights: &Weights) -> String {
    let mut hash = Sha256::new();
    for (name, weight) in weights {
        hash.update(name);
        // In parts: browsers exchange code for faster code between calls.
        weight.values.chunks(HASHED_AT_ONCE).for_each(|values| hash.update(half_bytes(values)));
    }
    hex::encode(hash.finalize())
}

fn half_bytes(values: &[f32]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(2 * values.len());
    values.iter().for_each(|&value| bytes.extend_from_slice(&f16::from_f32(value).to_le_bytes()));
    bytes
}

/// A weight as safetensors stores it.
pub(super) struct Half<'a>(pub &'a Weight);

impl View for Half<'_> {
    fn dtype(&self) -> Dtype {
        Dtype::F16
    }

    fn shape(&self) -> &[usize] {
        &self.0.shape
    }

    fn data(&self) -> Cow<'_, [u8]> {
        half_bytes(&self.0.values).into()
    }

    fn data_len(&self) -> usize {
        self.0.values.len() * 2
    }
}
