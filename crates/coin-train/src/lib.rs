//! What a model author does: recipes and data, the training loops with their checkpoints, evaluation and reports.

#![recursion_limit = "256"]

pub mod ablation;
pub mod checkpoint;
pub mod curves;
pub mod data;
pub mod device;
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
pub mod stage;

/// What stands in everything that leaves this crate.
pub const NOTICE: &str = "Research use only. Not a medical device.";
