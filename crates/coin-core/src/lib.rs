//! The COIN method (arXiv 2404.12832) on tensors: networks, losses, training steps, explanations, baselines and
//! metrics.
//!
//! The crate does no file access and is generic over Burn's devices: every function computes on the device of its
//! tensors.
//!
//! # Modules
//! - [`networks`]: inpainter, discriminator, classifiers and the U-Net
//! - [`method`] and [`condition`]: what COIN, COIN v2 and Singla et al. ask of a counterfactual
//! - [`explanation`]: probabilities, counterfactual, difference map and segmentation of a slice
//! - [`verification`]: which differences matter to the classifier
//! - [`calibration`]: probabilities that agree with frequencies
//! - [`attribution`]: saliency baselines (RISE, Grad-CAM, LayerCAM, Score-CAM)
//! - [`metrics`]: overlap, counterfactual validity, AUROC, FID
//! - [`ood`]: out-of-distribution score
//! - [`bundle`], [`weights`], [`pytorch`]: model files, named weights, PyTorch names
//! - `training` (feature `train`): trainers for all networks
//!
//! # Features
//! - `train`: training steps and FID; the browser needs neither
//! - `webgpu`: GPUs through WebGPU
//!
//! # Example
//! ```
//! use coin_core::metrics::Overlap;
//!
//! let predicted = [true, true, false, false];
//! let truth = [true, false, true, false];
//! let overlap = Overlap::of(predicted, truth);
//! assert_eq!(overlap.iou(), Some(1.0 / 3.0));
//! ```

#![recursion_limit = "256"]

pub mod attribution;
pub mod bundle;
pub mod calibration;
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
pub mod verification;
pub mod weights;

pub use error::Error;
