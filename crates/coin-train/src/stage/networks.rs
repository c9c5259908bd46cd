//! Initial networks and trainers.

use burn::module::Module as _;
use burn::tensor::Device;
use coin_core::networks::{Classifier, Inpainter};
use coin_core::training::{ClassifierTrainer, CounterfactualTrainer};

use super::context::TrainingContext;
use crate::pretrained::Pretrained;

impl TrainingContext<'_> {
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
}

/// The CPU, seeded. Initial weights are always sampled on it, so that a seed gives the same weights for every device.
pub(super) fn seeded_cpu(seed: u64) -> Device {
    let cpu = Device::flex().autodiff();
    cpu.seed(seed);
    cpu
}
