//! What a model author does: recipes and data, the training loops with their checkpoints, evaluation and reports.

#![recursion_limit = "256"]

pub mod checkpoint;
pub mod controls;
pub mod curves;
pub mod data;
pub mod device;
pub mod evaluation;
pub mod events;
pub mod explained;
pub mod familiarity;
pub mod files;
pub mod inputs;
pub mod interrupt;
pub mod ladder;
pub mod model;
pub mod onnx;
pub mod origin;
pub mod pictures;
pub mod pretrained;
pub mod program;
pub mod progress;
pub mod recipe;
pub mod report;
pub mod run;
pub mod stage;

/// What stands in everything that leaves this crate.
pub const NOTICE: &str = "Research use only. Not a medical device.";
