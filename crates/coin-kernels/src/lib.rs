//! Fused network operations as a Burn backend extension: convolutions (strided, grouped, transposed, or of a 2x
//! upsampled map), batch normalisation and pooling, each with its backward pass, and the Adam step.
//!
//! All functions take and return Burn tensors and run on every backend. The CPU backend (AVX-512, AVX2, NEON, wasm
//! simd128 or scalar, detected at run time) and GPUs have their own kernels; other backends compute the same with Burn
//! operations. Feature maps are `[batch, channels, height, width]`.
//!
//! # Modules
//! - `functions`, `maps`: the public functions; `convolution`, `adam`: their parameters
//! - `operations`: the backend trait with its default implementations, composed of Burn operations
//! - `cpu`, `gpu`: the kernels
//! - `autodiff`: the backward passes
//!
//! # Features
//! - `flex`: the CPU backend; `threads` runs it on all cores
//! - `gpu`: CubeCL kernels; `tuned` adds fusion and autotuning of Burn's kernels
//! - `autodiff`: backward passes
//! - `remote`: devices of other machines
//!
//! # Example
//! A 3x3 box filter sums nine pixels in the interior and four in a corner:
//! ```
//! # #[cfg(feature = "flex")] {
//! use burn::tensor::{Device, Tensor};
//! use coin_kernels::{Convolution, Epilogue, convolve};
//!
//! let device = Device::flex();
//! let image = Tensor::<4>::ones([1, 1, 4, 4], &device);
//! let kernel = Tensor::<4>::ones([1, 1, 3, 3], &device);
//! let output = convolve(image, kernel, None, Epilogue::default(), Convolution::same(3));
//! let values = output.try_into_vec_as::<f32>().unwrap();
//! assert_eq!((values[0], values[5]), (4.0, 9.0));
//! # }
//! ```

#![recursion_limit = "256"]
#![cfg_attr(not(feature = "autodiff"), allow(dead_code, reason = "only training needs gradients"))]

mod adam;
#[cfg(feature = "autodiff")]
mod autodiff;
mod awake;
mod composed;
mod convolution;
#[cfg(feature = "flex")]
mod cpu;
mod functions;
#[cfg(feature = "gpu")]
mod gpu;
mod maps;
mod operations;
#[cfg(feature = "flex")]
mod stencil;

pub use adam::Adam;
pub use awake::Awake;
pub use convolution::{Convolution, Epilogue};
pub use functions::{adam, convolve, parities};
pub use maps::{BatchNormed, add_relu, affine_relu, average_pool, batch_norm, double, max_pool, product};
