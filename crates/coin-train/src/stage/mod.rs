//! The stages of a training: the classifier, the counterfactual against it, and the segmenter it is held against.

mod classifier;
mod counterfactual;
mod packing;
mod segmenter;
mod steps;

use anyhow::Context as _;
use burn::module::Module as _;
use burn::tensor::{Device, Tensor, TensorData};
use coin_core::explanation::Explainer;
use coin_core::networks::{Classifier, Inpainter, UNet};
use coin_core::training::{Batch, ClassifierTrainer, CounterfactualTrainer, Distance, SegmenterTrainer};
use coin_imaging::{Mask, body};

use crate::data::{DataError, Dataset, Purpose, Sample, Samples};
use crate::evaluation::{self, Distances, Evaluation, Masking};
use crate::pictures;
use crate::pretrained::Pretrained;
use crate::program::BadInput;
use crate::recipe::{self, Recipe};
use crate::run::Run;

pub use packing::TEST_SEED;

use classifier::ClassifierStage;
use counterfactual::CounterfactualStage;
use segmenter::SegmenterStage;
use steps::Stage as _;

/// The reference threshold on the difference map (paper section 4).
pub const PAPER_THRESHOLD: f32 = 0.25;
/// Validation anomalies come from this seed, whatever the training's.
const VALIDATION_SEED: u64 = 1;
/// Keeps the data that calibrates an inpainter apart from what it was trained on.
const CALIBRATION_STREAM: u64 = 1 << 57;
/// Leaves 3 % of the statistics before.
const CALIBRATION_BATCHES: u64 = 33;

/// How a stage ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// All steps were taken.
    Done,
    /// Ctrl-C; the state is saved.
    Interrupted,
}

/// What every stage works with.
pub struct Training<'a> {
    /// The recipe.
    pub recipe: &'a Recipe,
    /// The data.
    pub data: &'a Dataset,
    /// Where results go.
    pub run: &'a Run,
    /// Where it computes; without gradients.
    pub device: &'a Device,
    /// Those that take a share of each batch beside it.
    pub helpers: &'a [Device],
}

impl Training<'_> {
    /// Trains the classifier from the newest checkpoint on; keeps the state with the best validation AUROC and accuracy.
    pub fn classifier(&self) -> anyhow::Result<Ending> {
        let trainer = match self.run.checkpoints(ClassifierStage::NAME).newest()? {
            Some(state) => self.new_classifier_trainer().load_state(&state)?,
            None => self.first_classifier_trainer()?,
        };
        let mut stage = ClassifierStage { training: self, trainer, validation: self.validation_samples() };
        steps::run(&mut stage, self.run, self.recipe.classifier.steps, self.recipe.classifier.validate_every)
    }

    /// Trains COIN from the newest checkpoint on; keeps the state with the best product of validation IoU at the paper's threshold
    /// and CV.
    pub fn counterfactual(&self) -> anyhow::Result<Ending> {
        let classifier = self.best_classifier()?;
        let mut trainer = self.new_counterfactual_trainer(classifier.clone());
        if let Some(state) = self.run.checkpoints(CounterfactualStage::NAME).newest()? {
            trainer = trainer.load_state(&state)?;
        }
        let mut stage =
            CounterfactualStage { training: self, trainer, classifier, validation: self.validation_samples() };
        steps::run(&mut stage, self.run, self.recipe.counterfactual.steps, self.recipe.counterfactual.validate_every)
    }

    /// Trains the segmenter, where the recipe has one, from the newest checkpoint on; keeps the state with the best
    /// validation IoU.
    pub fn segmenter(&self) -> anyhow::Result<Ending> {
        let Some(stage) = self.recipe.segmenter() else { return Ok(Ending::Done) };
        let mut trainer = self.new_segmenter_trainer(stage);
        if let Some(state) = self.run.checkpoints(SegmenterStage::NAME).newest()? {
            trainer = trainer.load_state(&state)?;
        }
        let (steps, validate_every) = (stage.steps, stage.validate_every);
        let mut stage = SegmenterStage { training: self, stage, trainer, validation: self.validation_samples() };
        steps::run(&mut stage, self.run, steps, validate_every)
    }

    /// The best segmenter, where one is trained.
    pub fn trained_segmenter(&self) -> anyhow::Result<Option<UNet>> {
        let Some(stage) = self.recipe.segmenter() else { return Ok(None) };
        let best = self.run.best(SegmenterStage::NAME).newest()?;
        let load = |state| anyhow::Ok(self.new_segmenter_trainer(stage).load_state(&state)?.trained());
        best.map(load).transpose()
    }

    /// The networks of the best states.
    pub fn trained(&self) -> anyhow::Result<Explainer> {
        let classifier = self.best_classifier()?;
        let best = self.run.best(CounterfactualStage::NAME).newest()?;
        let best = best.context("the counterfactual is not trained yet; run --stage counterfactual")?;
        let trainer = self.new_counterfactual_trainer(classifier.clone()).load_state(&best)?;
        let method = self.recipe.counterfactual.training.method;
        Ok(Explainer { inpainter: self.calibrated(&trainer)?, classifier: classifier.valid(), method })
    }

    /// Validation numbers of a model at the paper's threshold.
    pub fn validate(&self, explainer: &Explainer, samples: &Samples<'_>) -> anyhow::Result<Evaluation> {
        let masking = Masking { threshold: PAPER_THRESHOLD, postprocess: false };
        evaluation::evaluate(explainer, self.device, self.recipe.size, samples, masking, Distances::None)
    }

    /// The samples that choose checkpoint and threshold.
    pub fn validation_samples(&self) -> Samples<'_> {
        self.data.samples(&[Purpose::Validation], self.recipe.window, &self.recipe.anomaly, VALIDATION_SEED)
    }

    /// The classifier before its first step: with the recipe's pretrained weights, where it has some.
    fn first_classifier_trainer(&self) -> anyhow::Result<ClassifierTrainer> {
        let network = self.random_classifier();
        let network = match &self.recipe.classifier.pretrained {
            Some(path) => Pretrained::open(path)?.classifier(network, &self.recipe.classifier.network)?,
            None => network,
        };
        Ok(self.classifier_trainer(network))
    }

    fn new_classifier_trainer(&self) -> ClassifierTrainer {
        self.classifier_trainer(self.random_classifier())
    }

    fn random_classifier(&self) -> Classifier {
        self.recipe.classifier.network.init(&processor(self.recipe.seed))
    }

    fn classifier_trainer(&self, network: Classifier) -> ClassifierTrainer {
        let network = network.fork(&self.device.clone().autodiff());
        ClassifierTrainer::new(network, self.recipe.classifier.training.clone()).with_helpers(self.helpers)
    }

    fn new_segmenter_trainer(&self, stage: &recipe::SegmenterStage) -> SegmenterTrainer {
        let network = UNet::init(&self.recipe.counterfactual.inpainter, &processor(self.recipe.seed + 2));
        let network = network.fork(&self.device.clone().autodiff());
        SegmenterTrainer::new(network, stage.training.clone()).with_helpers(self.helpers)
    }

    fn new_counterfactual_trainer(&self, classifier: Classifier) -> CounterfactualTrainer {
        let stage = &self.recipe.counterfactual;
        let (processor, device) = (processor(self.recipe.seed + 1), self.device.clone().autodiff());
        let inpainter = stage.inpainter.init(&processor).fork(&device);
        let discriminator = stage.discriminator.init(&processor).fork(&device);
        CounterfactualTrainer::new(inpainter, discriminator, classifier, stage.training.clone())
            .with_helpers(self.helpers)
    }

    /// The inpainter as it explains.
    fn calibrated(&self, trainer: &CounterfactualTrainer) -> Result<Inpainter, DataError> {
        let (recipe, seed) = (self.recipe, self.recipe.seed ^ CALIBRATION_STREAM);
        let batch = |i| self.data.batch(recipe.window, &recipe.anomaly, None, seed, i, recipe.counterfactual.batch);
        let batches = (0..CALIBRATION_BATCHES).map(|i| Ok(self.tensor(&batch(i)?)));
        Ok(trainer.calibrated(batches.collect::<Result<Vec<_>, DataError>>()?))
    }

    /// The best classifier, on the training device.
    fn best_classifier(&self) -> anyhow::Result<Classifier> {
        let best = self.run.best(ClassifierStage::NAME).newest()?;
        let best =
            best.ok_or_else(|| BadInput("the classifier is not trained yet; run --stage classifier first".into()))?;
        Ok(self.new_classifier_trainer().load_state(&best)?.network)
    }

    fn batch(&self, samples: &[Sample]) -> Batch {
        let images = self.tensor(samples);
        // The reference's regions: the patient, who is what the window does not show black, and the kidneys.
        let regions = (self.recipe.counterfactual.training.distance == Distance::Carl).then(|| {
            let size = self.recipe.size;
            let all = || Mask::new(size, size, vec![true; size * size]);
            let regions = |sample: &Sample| {
                [
                    body(sample.clean.as_ref().unwrap_or(&sample.input), size, size, -1.0).or_else(all),
                    Some(sample.kidneys.clone()),
                ]
            };
            let masks: Vec<Mask> = samples.iter().flat_map(regions).flatten().collect();
            let values: Vec<f32> =
                masks.iter().flat_map(Mask::as_slice).map(|&inside| u8::from(inside).into()).collect();
            Tensor::from_data(TensorData::new(values, [samples.len(), 2, size, size]), &images.device())
        });
        Batch { images, regions }
    }

    fn tensor(&self, batch: &[Sample]) -> Tensor<4> {
        images(batch, self.recipe.size, &self.device.clone().autodiff())
    }
}

/// Refuses batches that so many devices cannot share evenly.
///
/// # Errors
/// Names the stage and a batch that they can.
pub fn shared_evenly(recipe: &Recipe, devices: usize) -> Result<(), BadInput> {
    let segmenter = recipe.segmenter().map(|stage| ("segmenter", stage.batch));
    let batches = [("classifier", recipe.classifier.batch), ("counterfactual", recipe.counterfactual.batch)];
    match batches.into_iter().chain(segmenter).find(|(_, batch)| !batch.is_multiple_of(devices)) {
        None => Ok(()),
        Some((stage, batch)) => Err(BadInput(format!(
            "--devices: {devices} devices cannot share a batch of {batch} evenly; say --set {stage}.batch={}",
            batch.next_multiple_of(devices)
        ))),
    }
}

/// Where first weights are drawn, whatever trains them: a seed means the same ones on every device.
fn processor(seed: u64) -> Device {
    let processor = Device::flex().autodiff();
    processor.seed(seed);
    processor
}

/// What a network sees of a batch, `[batch, 1, size, size]`.
fn images(batch: &[Sample], size: usize, device: &Device) -> Tensor<4> {
    pictures::tensor(batch.iter().flat_map(|sample| sample.input.iter().copied()).collect(), size, device)
}
