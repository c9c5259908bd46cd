//! The segmenter stage: a U-Net trained on masks, which COIN never sees. It is the supervised upper bound.

use burn::module::Module as _;
use coin_core::networks::UNet;
use coin_core::training::{SegmenterConfig, SegmenterTrainer};
use serde_json::json;

use super::context::TrainingContext;
use super::definition::Validation;
use super::networks::seeded_cpu;
use super::supervised::Task;
use super::training::Training;
use crate::data::{BatchRequest, Samples};
use crate::evaluation::{self, SEGMENTER_MASK_RULE};
use crate::recipe::{Recipe, Schedule, SegmenterStage};

/// Separates the random numbers of this stage from those of the others.
const STREAM: u64 = 1 << 55;

/// Supervised segmentation of the finding.
pub struct Segmentation;

impl Task for Segmentation {
    const NAME: &'static str = "segmenter";
    type Plan = SegmenterStage;
    type Network = UNet;
    type Config = SegmenterConfig;

    fn plan(recipe: &Recipe) -> Option<&SegmenterStage> {
        recipe.segmenter()
    }

    fn schedule(plan: &SegmenterStage) -> &Schedule {
        &plan.schedule
    }

    /// Starts from random weights.
    fn trainer(
        TrainingContext { recipe, devices, .. }: &TrainingContext<'_>,
        stage: &SegmenterStage,
    ) -> anyhow::Result<SegmenterTrainer> {
        let network = UNet::init(&recipe.counterfactual.inpainter, &seeded_cpu(recipe.seed + 2));
        let network = network.fork(&devices.first.clone().autodiff());
        Ok(SegmenterTrainer::new(network, stage.training.clone()).with_replicas(&devices.replicas))
    }

    fn step(
        context: &TrainingContext<'_>,
        _: &SegmenterStage,
        trainer: &mut SegmenterTrainer,
        size: usize,
        rate: f64,
    ) -> anyhow::Result<f32> {
        let TrainingContext { recipe, data, .. } = context;
        let (step, seed) = (trainer.steps(), recipe.seed ^ STREAM);
        let batch = data.batch(&recipe.anomaly, None, BatchRequest { seed, step, size, normal: false })?;
        let images = context.tensor(&batch);
        let masks = context.truths(&batch);
        Ok(trainer.step(images, masks, rate)?)
    }

    fn validate(
        &self,
        training: &Training<'_>,
        trainer: &SegmenterTrainer,
        samples: &Samples<'_>,
    ) -> anyhow::Result<Validation> {
        let TrainingContext { devices, recipe, .. } = training.context;
        let (segmenter, device) = (trainer.trained(), &devices.first);
        let found =
            evaluation::evaluate_segmenter(&segmenter, device, recipe.input.size, samples, SEGMENTER_MASK_RULE)?;
        let iou = found.iou.unwrap_or(0.0);
        Ok(Validation {
            score: iou,
            log: json!({ "validation": found }),
            summary_line: format!("validation IoU {iou:.3}"),
        })
    }
}
