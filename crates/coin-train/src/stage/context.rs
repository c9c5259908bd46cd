//! The training context: initial networks, and batches as tensors.

use burn::module::Module as _;
use burn::tensor::{Device, Tensor, TensorData};
use coin_core::explanation::Explainer;
use coin_core::networks::{Classifier, Inpainter};
use coin_core::training::{Batch, ClassifierTrainer, CounterfactualTrainer, Distance};
use coin_imaging::{Mask, body};

use super::PAPER_THRESHOLD;
use super::capacity;
use super::classifier::Classification;
use super::counterfactual::CounterfactualStage;
use super::inpainting::Inpainting;
use super::localisation::Localisation;
use super::segmenter::Segmentation;
use super::supervised::SupervisedStage;
use crate::data::{Dataset, Sample, Samples, Subset};
use crate::device::Devices;
use crate::evaluation::{self, Distances, Evaluation, MaskRule};
use crate::pictures;
use crate::pretrained::Pretrained;
use crate::recipe::{Recipe, StageName};

/// Seed of the validation anomalies, the same for every training seed.
const VALIDATION_SEED: u64 = 1;

/// Recipe, data and devices of a training run.
#[derive(Clone, Copy)]
pub struct TrainingContext<'a> {
    /// The recipe.
    pub recipe: &'a Recipe,
    /// The data.
    pub data: &'a Dataset,
    /// The devices, without autodiff.
    pub devices: &'a Devices,
}

impl TrainingContext<'_> {
    /// Checks that the batches of `stages` can be split evenly across the devices and fit into CPU memory.
    ///
    /// # Errors
    /// If a batch does not; the message suggests one that does.
    pub fn check(&self, stages: &[StageName]) -> anyhow::Result<()> {
        stages.iter().try_for_each(|stage| match stage {
            StageName::Classifier => capacity::check::<SupervisedStage<'_, Classification>>(self),
            StageName::LocalisationPretraining => capacity::check::<SupervisedStage<'_, Localisation>>(self),
            StageName::InpaintingPretraining => capacity::check::<SupervisedStage<'_, Inpainting>>(self),
            StageName::Counterfactual => capacity::check::<CounterfactualStage<'_>>(self),
            StageName::Segmenter => capacity::check::<SupervisedStage<'_, Segmentation>>(self),
        })
    }

    /// Validation metrics of a model at the paper's threshold.
    pub(super) fn validate(&self, explainer: &Explainer, samples: &Samples<'_>) -> anyhow::Result<Evaluation> {
        let mask_rule = MaskRule::at(PAPER_THRESHOLD);
        evaluation::evaluate(
            explainer,
            &self.devices.first,
            self.recipe.input.size,
            samples,
            mask_rule,
            Distances::None,
        )
    }

    /// The samples that choose checkpoint and threshold.
    pub(super) fn validation_samples(&self) -> Samples<'_> {
        self.data.samples(&[Subset::Validation], &self.recipe.anomaly, VALIDATION_SEED)
    }

    /// The classifier with the recipe's pretrained weights, or with random weights if it names none.
    pub(super) fn pretrained_classifier(&self) -> anyhow::Result<Classifier> {
        let network = self.random_classifier();
        match &self.recipe.classifier.pretrained {
            Some(path) => Ok(Pretrained::open(path)?.classifier(network, &self.recipe.classifier.network)?),
            None => Ok(network),
        }
    }

    pub(super) fn random_classifier(&self) -> Classifier {
        self.recipe.classifier.network.init(&seeded_cpu(self.recipe.seed))
    }

    pub(super) fn classifier_trainer(&self, network: Classifier) -> ClassifierTrainer {
        let network = network.fork(&self.devices.first.clone().autodiff());
        ClassifierTrainer::new(network, self.recipe.classifier.training.clone()).with_replicas(&self.devices.replicas)
    }

    pub(super) fn random_inpainter(&self, cpu: &Device) -> Inpainter {
        self.recipe.counterfactual.inpainter.init(cpu).fork(&self.devices.first.clone().autodiff())
    }

    /// A trainer with random weights, except for `inpainter` if it is pretrained.
    pub(super) fn new_counterfactual_trainer(
        &self,
        classifier: Classifier,
        inpainter: Option<Inpainter>,
    ) -> CounterfactualTrainer {
        let stage = &self.recipe.counterfactual;
        let (cpu, device) = (seeded_cpu(self.recipe.seed + 1), self.devices.first.clone().autodiff());
        let random = self.random_inpainter(&cpu);
        let inpainter = inpainter.unwrap_or(random);
        let discriminator = stage.discriminator.init(&cpu).fork(&device);
        CounterfactualTrainer::new(inpainter, discriminator, classifier, stage.training.clone())
            .with_replicas(&self.devices.replicas)
    }

    /// Images, plus the regions (body and organ) if the distance is CARL.
    pub(super) fn batch(&self, samples: &[Sample]) -> Batch {
        let images = self.tensor(samples);
        // As in the reference: the body is everything above the lower end of the window.
        let regions = (self.recipe.counterfactual.training.distance == Distance::Carl).then(|| {
            let size = self.recipe.input.size;
            let all = || Mask::new(size, size, vec![true; size * size]);
            let regions = |sample: &Sample| {
                [
                    body(sample.clean.as_ref().unwrap_or(&sample.input), size, size, -1.0).or_else(all),
                    Some(sample.organ.clone()),
                ]
            };
            let masks: Vec<Mask> = samples.iter().flat_map(regions).flatten().collect();
            let values: Vec<f32> =
                masks.iter().flat_map(Mask::as_slice).map(|&inside| u8::from(inside).into()).collect();
            Tensor::from_data(TensorData::new(values, [samples.len(), 2, size, size]), &images.device())
        });
        Batch { images, regions }
    }

    /// Ground-truth masks of 0 and 1, `[batch, 1, size, size]`, on the autodiff device; all 0 for normal slices.
    pub(super) fn truths(&self, batch: &[Sample]) -> Tensor<4> {
        let size = self.recipe.input.size;
        let inside = |sample: &Sample| match &sample.truth {
            Some(truth) => truth.as_slice().iter().map(|&inside| f32::from(u8::from(inside))).collect(),
            None => vec![0.0; size * size],
        };
        pictures::tensor(batch.iter().flat_map(inside).collect(), size, &self.devices.first.clone().autodiff())
    }

    /// Images, `[batch, 1, size, size]` in [-1, 1], on the autodiff device.
    pub(super) fn tensor(&self, batch: &[Sample]) -> Tensor<4> {
        images(batch, self.recipe.input.size, &self.devices.first.clone().autodiff())
    }
}

/// The CPU, seeded. Initial weights are always sampled on it, so that a seed gives the same weights for every device.
pub(super) fn seeded_cpu(seed: u64) -> Device {
    let cpu = Device::flex().autodiff();
    cpu.seed(seed);
    cpu
}

/// The network inputs of a batch, `[batch, 1, size, size]` in [-1, 1].
pub(super) fn images(batch: &[Sample], size: usize, device: &Device) -> Tensor<4> {
    pictures::tensor(batch.iter().flat_map(|sample| sample.input.iter().copied()).collect(), size, device)
}
