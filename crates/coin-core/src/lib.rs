//! What COIN computes (arXiv 2404.12832): the networks, their losses and training steps, the explanation of a slice,
//! the saliency methods it is compared with, metrics, and the model file.
//!
//! This crate knows tensors. It knows no files and no picture formats, and it names no backend: every function computes
//! on the device its tensors come from.

#![recursion_limit = "256"]

pub mod attribution;
pub mod bundle;
pub mod condition;
mod error;
pub mod explanation;
pub mod method;
pub mod metrics;
pub mod networks;
pub mod ood;
pub mod pytorch;
#[cfg(feature = "train")]
pub mod training;
pub mod weights;

pub use error::Error;
