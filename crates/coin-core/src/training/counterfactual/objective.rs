//! The objective of counterfactual training (paper section 3) and its gradients. The [`Method`] decides the generator's
//! condition and the reconstruction term.

use burn::module::Module as _;
use burn::tensor::Tensor;

use super::config::{CounterfactualConfig, Cycle};
use super::terms::{DiscriminatorLosses, GeneratorLosses};
use crate::Error;
use crate::condition::Condition;
use crate::method::{Method, Verdict};
use crate::networks::{Classifier, Discriminator, Inpainter};
use crate::training::device_group::DeviceGroup;
use crate::training::loss;
use crate::training::step_gradients::StepGradients;

/// A batch of images, with optional regions for [`Distance::Carl`](crate::training::Distance::Carl).
#[derive(Clone, Debug)]
pub struct Batch {
    /// `[batch, 1, height, width]` in [-1, 1].
    pub images: Tensor<4>,
    /// Region masks `[batch, regions, height, width]` of 0 and 1.
    pub regions: Option<Tensor<4>>,
}

impl Batch {
    pub(super) fn shards(self, group: &DeviceGroup) -> Result<Vec<Self>, Error> {
        let images = group.shards(self.images)?;
        let regions: Vec<Option<Tensor<4>>> = match self.regions {
            Some(regions) => group.shards(regions)?.into_iter().map(Some).collect(),
            None => vec![None; images.len()],
        };
        Ok(images.into_iter().zip(regions).map(|(images, regions)| Self { images, regions }).collect())
    }
}

impl From<Tensor<4>> for Batch {
    fn from(images: Tensor<4>) -> Self {
        Self { images, regions: None }
    }
}

/// The networks and their hyperparameters.
pub struct Objective {
    /// Encoder and generator, on an autodiff device.
    pub inpainter: Inpainter,
    /// Discriminator, on an autodiff device.
    pub discriminator: Discriminator,
    pub(super) classifier: Classifier,
    pub(super) config: CounterfactualConfig,
}

/// Gradients of one step.
pub struct NetworkGradients {
    /// Gradients of encoder and generator with the terms of [`GeneratorLosses`]; `None` in discriminator-only steps.
    pub generator: Option<StepGradients>,
    /// Gradients of the discriminator, with its loss on real images, on counterfactuals, and their mean.
    pub discriminator: StepGradients,
}

/// Encoder features and counterfactual of a batch.
struct Inpainted {
    features: Vec<Tensor<4>>,
    counterfactual: Tensor<4>,
}

impl Objective {
    /// Computes the gradients of both networks; `shard` is the fraction of the whole batch in `batch`.
    pub fn gradients(&self, batch: &Batch, with_generator: bool, shard: f64) -> NetworkGradients {
        let verdict = self.config.method.verdict(self.classifier.forward(batch.images.clone()), self.config.bins);
        let inpainted = self.inpaint(batch, &verdict);
        let fake = inpainted.counterfactual.clone().detach();
        NetworkGradients {
            generator: with_generator.then(|| self.generator(batch, inpainted, &verdict, shard)),
            discriminator: self.discriminator(batch.images.clone(), fake, &verdict, shard),
        }
    }

    fn inpaint(&self, batch: &Batch, verdict: &Verdict) -> Inpainted {
        let (x, condition) = (batch.images.clone(), self.config.method.condition_after(verdict));
        let features = self.inpainter.encoder.forward(x.clone());
        Inpainted { counterfactual: self.inpainter.generator.forward(&features, x, &condition), features }
    }

    fn generator(&self, batch: &Batch, inpainted: Inpainted, verdict: &Verdict, shard: f64) -> StepGradients {
        let (config, x) = (&self.config, batch.images.clone());
        let reconstruction = self.reconstruction(batch, &inpainted, verdict) * config.weight_reconstruction;
        let Inpainted { counterfactual, .. } = inpainted;
        let discriminator = self.discriminator.clone().freeze();
        let fooled = discriminator.forward(counterfactual.clone(), verdict.desired_bins.clone());
        let adversarial = config.adversarial.generator(fooled) * config.weight_adversarial;

        let logits = self.classifier.forward(counterfactual.clone());
        let kl = if config.kl_on_logits { loss::kl_on_logits } else { loss::kl_on_probabilities };
        let kl = kl(logits, verdict.desired.clone()) * config.weight_kl;

        let minimal_change = loss::l1(x.clone(), counterfactual.clone()) * config.weight_minimal_change;
        let total_variation = loss::total_variation(x, counterfactual) * config.weight_total_variation;

        let terms = [&adversarial, &kl, &reconstruction, &minimal_change, &total_variation];
        let total: Tensor<1> = Tensor::cat(terms.map(Tensor::clone).to_vec(), 0).sum();
        let losses =
            GeneratorLosses { adversarial, kl, reconstruction, minimal_change, total_variation, total: total.clone() };
        StepGradients::of(losses.into_terms(), total, &self.inpainter, shard)
    }

    /// The reconstruction term.
    ///
    /// COIN: the counterfactual, and the counterfactual's counterfactual, stay close to the image. COIN v2: the latter
    /// stays close to the counterfactual instead. Singla et al.: the reconstructions of image and counterfactual under
    /// the classifier's own bin match the image.
    fn reconstruction(&self, batch: &Batch, inpainted: &Inpainted, verdict: &Verdict) -> Tensor<1> {
        let Inpainted { features, counterfactual } = inpainted;
        let Inpainter { generator, .. } = &self.inpainter;
        let x = &batch.images;
        let distance = |a: &Tensor<4>, b: Tensor<4>| self.config.distance.between(a.clone(), b, batch.regions.as_ref());
        let inpaint = |x: &Tensor<4>, condition: Condition| self.inpainter.forward(x.clone(), &condition);
        let as_found = || Condition::Each(verdict.bins.clone());
        let direct = match self.config.method {
            Method::Coin | Method::CoinV2 => distance(x, counterfactual.clone()),
            Method::Singla => distance(x, generator.forward(features, x.clone(), &as_found())),
        };
        match (self.config.cycle, self.config.method) {
            (Cycle::Off, _) => direct,
            (Cycle::On, Method::Coin) => direct + distance(x, inpaint(counterfactual, Condition::All(0))),
            (Cycle::On, Method::CoinV2) => {
                direct + distance(counterfactual, inpaint(counterfactual, Condition::All(0)))
            }
            (Cycle::On, Method::Singla) => direct + distance(x, inpaint(counterfactual, as_found())),
        }
    }

    fn discriminator(&self, x: Tensor<4>, fake: Tensor<4>, verdict: &Verdict, shard: f64) -> StepGradients {
        let adversarial = self.config.adversarial;
        let real = adversarial.real(self.discriminator.forward(x, verdict.bins.clone()));
        let fake = adversarial.fake(self.discriminator.forward(fake, verdict.desired_bins.clone()));
        let mean = (real.clone() + fake.clone()) * 0.5;
        let losses = DiscriminatorLosses { real, fake, mean: mean.clone() };
        StepGradients::of(losses.into_terms(), mean, &self.discriminator, shard)
    }
}
