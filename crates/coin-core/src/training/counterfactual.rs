//! The training step of COIN and its kin (paper section 3): discriminator every step, generator every n-th, classifier
//! frozen.

use std::iter::repeat;

use burn::module::Module;
use burn::optim::ModuleOptimizer;
use burn::tensor::{Device, Tensor};
use serde::{Deserialize, Serialize};

use super::adam::Adam;
use super::average::ExponentialAverage;
use super::descent::{self, Descent};
use super::hyperparameter::{not_negative, positive, share};
use super::loss::{Adversarial, Distance};
use super::objective::Objective;
use super::state::{StateError, TrainerState};
use super::team::{self, StepError, Team};
use crate::method::Method;
use crate::networks::{Classifier, Discriminator, Inpainter};

/// Hyperparameters of a training.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CounterfactualConfig {
    /// What is asked of a counterfactual.
    #[serde(default)]
    pub method: Method,
    /// Distance in the reconstruction terms.
    #[serde(default)]
    pub distance: Distance,
    /// Adam's learning rate of both optimizers (betas 0 and 0.999, epsilon 1e-8).
    pub learning_rate: f64,
    /// Number of probability bins, the discriminator's conditions.
    pub bins: usize,
    /// Generator steps happen every this many steps.
    pub generator_frequency: u64,
    /// Adversarial loss.
    pub adversarial: Adversarial,
    /// Compute the KL term from logits instead of clamped probabilities.
    pub kl_on_logits: bool,
    /// Add the cyclic reconstruction.
    pub cycle: Cycle,
    /// Weight of the adversarial term.
    pub weight_adversarial: f64,
    /// Weight of the KL term.
    pub weight_kl: f64,
    /// Weight of the reconstruction terms.
    pub weight_reconstruction: f64,
    /// Weight of the distance between input and counterfactual.
    pub weight_minimal_change: f64,
    /// Weight of the total variation of the change.
    pub weight_total_variation: f64,
    /// Decay of the average of the generator's weights that inference uses; 0 uses the weights as they are.
    pub average_decay: f64,
}

/// More bins than verdicts are ever told apart by.
const MOST_BINS: usize = 100;

impl CounterfactualConfig {
    /// What is wrong with these numbers, if anything: the key, a colon, and why.
    pub fn problem(&self) -> Option<String> {
        let weights = [
            ("weight_adversarial", self.weight_adversarial),
            ("weight_kl", self.weight_kl),
            ("weight_reconstruction", self.weight_reconstruction),
            ("weight_minimal_change", self.weight_minimal_change),
            ("weight_total_variation", self.weight_total_variation),
        ];
        let (bins, frequency) = (self.bins, self.generator_frequency);
        positive("learning_rate", self.learning_rate)
            .or_else(|| weights.into_iter().find_map(|(key, weight)| not_negative(key, weight)))
            .or_else(|| share("average_decay", self.average_decay))
            .or_else(|| {
                (!(2..=MOST_BINS).contains(&bins)).then(|| format!("bins: {bins} is not between 2 and {MOST_BINS}"))
            })
            .or_else(|| (frequency == 0).then(|| "generator_frequency: choose at least 1".into()))
    }
}

/// The second half of the reconstruction term.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Cycle {
    /// The counterfactual's own counterfactual is compared, too (the paper's).
    #[default]
    #[serde(alias = "input")]
    On,
    /// No cyclic term; half the work.
    Off,
}

/// Loss terms of one step, each already multiplied by its weight; the generator's are `None` on steps without it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct CounterfactualLosses {
    /// Terms of the generator, and their sum.
    pub generator: Option<GeneratorLosses>,
    /// On real images.
    pub discriminator_real: f32,
    /// On counterfactuals.
    pub discriminator_fake: f32,
    /// Mean of the two.
    pub discriminator: f32,
}

/// See [`CounterfactualLosses`].
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct GeneratorLosses {
    /// Adversarial term.
    pub adversarial: f32,
    /// KL term.
    pub kl: f32,
    /// Reconstruction terms.
    pub reconstruction: f32,
    /// Distance to the input.
    pub minimal_change: f32,
    /// Total variation of the change.
    pub total_variation: f32,
    /// Sum.
    pub total: f32,
}

impl CounterfactualLosses {
    /// False when a term is NaN or infinite.
    pub fn is_finite(&self) -> bool {
        self.discriminator.is_finite() && self.generator.as_ref().is_none_or(|g| g.total.is_finite())
    }
}

/// Images, and the regions of them that [`Distance::Carl`] weighs.
#[derive(Clone, Debug)]
pub struct Batch {
    /// `[batch, 1, height, width]` in [-1, 1].
    pub images: Tensor<4>,
    /// `[batch, regions, height, width]` of 0 and 1.
    pub regions: Option<Tensor<4>>,
}

impl Batch {
    fn shares(self, team: &Team) -> Result<Vec<Self>, StepError> {
        let images = team.shares(self.images)?;
        let regions: Vec<Option<Tensor<4>>> = match self.regions {
            Some(regions) => team.shares(regions)?.into_iter().map(Some).collect(),
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

/// Generator and discriminator, their optimizers, and the frozen classifier.
pub struct CounterfactualTrainer {
    /// The networks, and what they are trained for.
    pub objective: Objective,
    inpainter_optimizer: ModuleOptimizer,
    discriminator_optimizer: ModuleOptimizer,
    average: Option<ExponentialAverage<Inpainter>>,
    team: Team,
    /// The classifier on every device: it never changes.
    classifiers: Vec<Classifier>,
    step: u64,
}

impl CounterfactualTrainer {
    /// All three networks must live on the same autodiff device; the classifier is frozen here.
    pub fn new(
        inpainter: Inpainter,
        discriminator: Discriminator,
        classifier: Classifier,
        config: CounterfactualConfig,
    ) -> Self {
        let adam = Adam { betas: [0.0, 0.999], ..Adam::default() };
        let average = (config.average_decay > 0.0).then(|| ExponentialAverage::of(&inpainter, config.average_decay));
        // Frozen again: what a normalisation was taken up by is new.
        let classifier = classifier.freeze().fused().freeze();
        Self {
            classifiers: vec![classifier.clone()],
            objective: Objective { inpainter, discriminator, classifier, config },
            inpainter_optimizer: adam.into(),
            discriminator_optimizer: adam.into(),
            average,
            team: Team::default(),
            step: 0,
        }
    }

    /// These devices, without gradients, take equal shares of every batch beside the networks' own.
    #[must_use]
    pub fn with_helpers(mut self, helpers: &[Device]) -> Self {
        self.team = Team::with(helpers);
        self.classifiers = self.team.copies(&self.objective.classifier);
        self
    }

    /// One step, at `rate` times the learning rate.
    ///
    /// # Errors
    /// When a device gives no losses back, usually for want of memory, or the devices cannot share the batch evenly. The
    /// trainer is of no use after it.
    pub fn step(&mut self, batch: impl Into<Batch>, rate: f64) -> Result<CounterfactualLosses, StepError> {
        team::attempt(|| self.take_step(batch.into(), rate))
    }

    fn take_step(&mut self, batch: Batch, rate: f64) -> Result<CounterfactualLosses, StepError> {
        let learning_rate = self.objective.config.learning_rate * rate;
        let with_generator = self.step.is_multiple_of(self.objective.config.generator_frequency.max(1));
        let share = 1.0 / self.team.len() as f64;
        let jobs = self.objectives().into_iter().zip(batch.shares(&self.team)?).collect();
        let found = self.team.compute(jobs, move |(objective, batch): (Objective, Batch)| {
            objective.descents(&batch, with_generator, share)
        });
        let (generator, discriminator): (Vec<_>, Vec<_>) =
            found.into_iter().map(|descents| (descents.generator, descents.discriminator)).unzip();

        let generator: Option<Vec<Descent>> = generator.into_iter().collect();
        let Objective { inpainter, discriminator: judge, .. } = &mut self.objective;
        let generator = generator.map(|found| {
            let optimizer = &mut self.inpainter_optimizer;
            let (stepped, terms) = descent::follow(optimizer, inpainter.clone(), found, learning_rate);
            *inpainter = stepped;
            self.average = self.average.take().map(|average| average.update(inpainter));
            terms
        });
        let optimizer = &mut self.discriminator_optimizer;
        let (stepped, terms) = descent::follow(optimizer, judge.clone(), discriminator, learning_rate);
        *judge = stepped;
        self.step += 1;
        read_losses(generator, terms)
    }

    /// The networks for every device.
    fn objectives(&self) -> Vec<Objective> {
        let Objective { inpainter, discriminator, config, .. } = &self.objective;
        let copies = self.team.copies(inpainter).into_iter().zip(self.team.copies(discriminator));
        copies
            .zip(self.classifiers.iter().cloned())
            .map(|((inpainter, discriminator), classifier)| Objective {
                inpainter,
                discriminator,
                classifier,
                config: config.clone(),
            })
            .collect()
    }

    /// Steps taken.
    pub fn steps(&self) -> u64 {
        self.step
    }

    /// The inpainter for inference: the average where there is one, else the network as it is.
    pub fn trained(&self) -> Inpainter {
        match &self.average {
            Some(average) => average.network.clone(),
            None => self.objective.inpainter.valid(),
        }
    }

    /// [`Self::trained`] with the batch statistics of these inputs `[batch, 1, height, width]` alone.
    ///
    /// Those that training leaves are mixed with the counterfactuals' own, which the cyclic reconstruction sends through
    /// the same layers, and trail behind the weights: with them the network changes more than it was trained to. They
    /// fade by a tenth with each batch.
    pub fn calibrated(&self, inputs: impl IntoIterator<Item = Tensor<4>>) -> Inpainter {
        // Nothing is recorded for gradients: without a step backwards it would be kept for all inputs.
        let network = self.trained().train().no_grad();
        for x in inputs {
            let Objective { classifier, config, .. } = &self.objective;
            let condition = config.method.condition(|| classifier.forward(x.clone()), config.bins);
            network.forward(x, &condition);
        }
        network.valid()
    }

    /// All that [`Self::load_state`] needs to go on exactly here.
    pub fn state(&self) -> Result<TrainerState, StateError> {
        let mut state = TrainerState { step: self.step, ..TrainerState::default() };
        state.put_module("inpainter", &self.objective.inpainter)?;
        state.put_module("discriminator", &self.objective.discriminator)?;
        state.put_optimizer("inpainter-optimizer", &self.inpainter_optimizer)?;
        state.put_optimizer("discriminator-optimizer", &self.discriminator_optimizer)?;
        if let Some(average) = &self.average {
            state.put_module("average", &average.network)?;
        }
        Ok(state)
    }

    /// Goes on where `state` was taken.
    pub fn load_state(mut self, state: &TrainerState) -> Result<Self, StateError> {
        self.objective.inpainter = state.module("inpainter", self.objective.inpainter)?;
        self.objective.discriminator = state.module("discriminator", self.objective.discriminator)?;
        self.inpainter_optimizer = state.optimizer("inpainter-optimizer", self.inpainter_optimizer)?;
        self.discriminator_optimizer = state.optimizer("discriminator-optimizer", self.discriminator_optimizer)?;
        if let Some(average) = &mut self.average {
            average.network = state.module("average", average.network.clone())?;
        }
        self.step = state.step;
        Ok(self)
    }
}

/// The means over the shares.
fn read_losses(
    generator: Option<Vec<Tensor<1>>>,
    discriminator: Vec<Tensor<1>>,
) -> Result<CounterfactualLosses, StepError> {
    let with_generator = generator.is_some();
    let generator = generator.unwrap_or_default().into_iter().map(Some).chain(repeat(None));
    let shares = discriminator.into_iter().zip(generator);
    let shares = shares.map(|(discriminator, generator)| {
        Tensor::cat(generator.into_iter().chain([discriminator]).collect::<Vec<Tensor<1>>>(), 0)
    });
    let values = team::means(shares.collect())?;
    let at = |i: usize| values.get(i).copied().unwrap_or(f32::NAN);
    let offset = if with_generator { 6 } else { 0 };
    Ok(CounterfactualLosses {
        generator: with_generator.then(|| GeneratorLosses {
            adversarial: at(0),
            kl: at(1),
            reconstruction: at(2),
            minimal_change: at(3),
            total_variation: at(4),
            total: at(5),
        }),
        discriminator_real: at(offset),
        discriminator_fake: at(offset + 1),
        discriminator: at(offset + 2),
    })
}
