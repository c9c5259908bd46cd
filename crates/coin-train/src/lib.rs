//! Trains, evaluates and runs COIN models: recipes, data sources, training stages with checkpoints, evaluation and reports.

#![recursion_limit = "256"]

pub mod ablation;
pub mod checkpoint;
pub mod curves;
pub mod data;
pub mod device;
mod error;
pub mod evaluation;
pub mod events;
pub mod explained;
pub mod files;
pub mod inputs;
pub mod interrupt;
pub mod model;
pub mod negative_controls;
pub mod onnx;
pub mod ood;
pub mod pictures;
pub mod pretrained;
pub mod program;
pub mod progress;
pub mod provenance;
pub mod recipe;
pub mod report;
pub mod run;
pub mod scan_table;
pub mod stage;

/// The notice in every output of this crate.
pub const NOTICE: &str = "Research use only. Not a medical device.";

pub use error::Error;
