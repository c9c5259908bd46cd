//! A U-Net trained on masks: the reference masks, which COIN never sees (the supervised upper bound), or COIN's own
//! (distillation).

use std::marker::PhantomData;

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

/// The masks that a U-Net is trained on.
pub trait Supervision {
    /// Name of the stage.
    const STAGE: &'static str;

    /// The recipe section.
    fn plan(recipe: &Recipe) -> Option<&SegmenterStage>;
}

/// The reference masks of the data.
pub struct ReferenceMasks;

impl Supervision for ReferenceMasks {
    const STAGE: &'static str = "segmenter";

    fn plan(recipe: &Recipe) -> Option<&SegmenterStage> {
        recipe.segmenter()
    }
}

/// COIN's masks of the training slices.
pub struct CoinMasks;

impl Supervision for CoinMasks {
    const STAGE: &'static str = "distillation";

    fn plan(recipe: &Recipe) -> Option<&SegmenterStage> {
        recipe.distillation()
    }
}

/// Segmentation of the finding.
pub struct Segmentation<S>(PhantomData<S>);

impl<S> Segmentation<S> {
    pub const TASK: Self = Self(PhantomData);
}

impl<S: Supervision> Task for Segmentation<S> {
    const NAME: &'static str = S::STAGE;
    type Plan = SegmenterStage;
    type Network = UNet;
    type Config = SegmenterConfig;

    fn plan(recipe: &Recipe) -> Option<&SegmenterStage> {
        S::plan(recipe)
    }

    fn schedule(plan: &SegmenterStage) -> &Schedule {
        &plan.schedule
    }

    /// Starts from random weights.
    fn trainer(
        TrainingContext { recipe, devices, .. }: &TrainingContext<'_>,
        stage: &SegmenterStage,
    ) -> anyhow::Result<SegmenterTrainer> {
        let network = stage.unet(&recipe.counterfactual.inpainter).init(&seeded_cpu(recipe.seed + 2));
        let network = network.fork(&devices.first.clone().autodiff());
        Ok(SegmenterTrainer::new(network, stage.training.clone()).with_replicas(&devices.replicas))
    }

    fn step(
        context: &TrainingContext<'_>,
        stage: &SegmenterStage,
        trainer: &mut SegmenterTrainer,
        size: usize,
        rate: f64,
    ) -> anyhow::Result<f32> {
        let TrainingContext { recipe, data, .. } = context;
        let (step, seed) = (trainer.steps(), recipe.seed ^ STREAM);
        let batch =
            data.batch(&recipe.anomaly, stage.augmentation.as_ref(), BatchRequest { seed, step, size, normal: false })?;
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
