//! The network operations that COIN spends its time in, as a Burn backend extension: convolutions (strided, grouped,
//! transposed, of the nearest-doubled map), batch normalisation and pooling, forward and backward, and the optimiser's step.
//!
//! Every function takes and gives Burn tensors and works on every backend. The CPU backend (AVX-512, AVX2, NEON, wasm simd128 or
//! scalar, chosen when the program runs) and GPUs have kernels of their own; other backends compute the same with Burn's
//! operations. Images are `[batch, channels, height, width]`.

#![recursion_limit = "256"]
#![cfg_attr(not(feature = "autodiff"), allow(dead_code, reason = "gradients are for trainings alone"))]

mod adam;
#[cfg(feature = "autodiff")]
mod autodiff;
mod awake;
mod composed;
mod convolution;
#[cfg(feature = "flex")]
mod cpu;
#[cfg(feature = "gpu")]
mod gpu;
mod maps;
mod operations;
#[cfg(feature = "flex")]
mod stencil;

pub use adam::{Adam, adam};
pub use awake::Awake;
pub use convolution::{Convolution, Epilogue, convolve, parities};
pub use maps::{BatchNormed, add_relu, affine_relu, average_pool, batch_norm, double, max_pool, product};
