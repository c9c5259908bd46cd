//! The training step of COIN and related methods (paper section 3): the discriminator is updated in every step, the
//! generator in every n-th, and the classifier is frozen.

use std::iter::repeat;

use burn::module::Module;
use burn::optim::ModuleOptimizer;
use burn::tensor::{Device, Tensor};

use super::config::CounterfactualConfig;
use super::objective::{Batch, Objective};
use super::terms::{CounterfactualLosses, DiscriminatorLosses, GeneratorLosses};
use crate::Error;
use crate::networks::{Classifier, Discriminator, Inpainter};
use crate::training::adam::Adam;
use crate::training::average::ExponentialAverage;
use crate::training::device_group::{self, DeviceGroup};
use crate::training::state::TrainerState;
use crate::training::step_gradients::{self, StepGradients};

/// Inpainter, discriminator, their optimizers, and the frozen classifier.
pub struct CounterfactualTrainer {
    /// The networks and their hyperparameters.
    pub objective: Objective,
    inpainter_optimizer: ModuleOptimizer,
    discriminator_optimizer: ModuleOptimizer,
    average: Option<ExponentialAverage<Inpainter>>,
    group: DeviceGroup,
    /// The classifier on every device; it never changes.
    classifiers: Vec<Classifier>,
    step: u64,
}

impl CounterfactualTrainer {
    /// Starts a training; all three networks must be on the same autodiff device. Freezes the classifier.
    pub fn new(
        inpainter: Inpainter,
        discriminator: Discriminator,
        classifier: Classifier,
        config: CounterfactualConfig,
    ) -> Self {
        let adam = Adam { betas: [0.0, 0.999], ..Adam::default() };
        let average = (config.average_decay > 0.0).then(|| ExponentialAverage::of(&inpainter, config.average_decay));
        // Folding creates new parameters, so freeze again.
        let classifier = classifier.freeze().fused().freeze();
        Self {
            classifiers: vec![classifier.clone()],
            objective: Objective { inpainter, discriminator, classifier, config },
            inpainter_optimizer: adam.into(),
            discriminator_optimizer: adam.into(),
            average,
            group: DeviceGroup::default(),
            step: 0,
        }
    }

    /// Adds replicas, given as devices without autodiff. Every device computes an equal shard of each batch.
    #[must_use]
    pub fn with_replicas(mut self, replicas: &[Device]) -> Self {
        self.group = DeviceGroup::with(replicas);
        self.classifiers = self.group.copies(&self.objective.classifier);
        self
    }

    /// Takes one step at `rate` times the learning rate and returns the losses before it.
    ///
    /// # Errors
    /// If a device fails, usually for lack of memory, or the batch cannot be split evenly between the devices. After a
    /// device failure the trainer must not be used any more.
    pub fn step(&mut self, batch: impl Into<Batch>, rate: f64) -> Result<CounterfactualLosses, Error> {
        device_group::attempt(|| self.take_step(batch.into(), rate))
    }

    fn take_step(&mut self, batch: Batch, rate: f64) -> Result<CounterfactualLosses, Error> {
        let learning_rate = self.objective.config.learning_rate * rate;
        let with_generator = self.step.is_multiple_of(self.objective.config.generator_frequency.max(1));
        let shard = 1.0 / self.group.len() as f64;
        let jobs = self.objectives().into_iter().zip(batch.shards(&self.group)?).collect();
        let found = self.group.compute(jobs, move |(objective, batch): (Objective, Batch)| {
            objective.gradients(&batch, with_generator, shard)
        });
        let (generator, discriminator): (Vec<_>, Vec<_>) =
            found.into_iter().map(|gradients| (gradients.generator, gradients.discriminator)).unzip();

        let generator: Option<Vec<StepGradients>> = generator.into_iter().collect();
        let Objective { inpainter, discriminator: network, .. } = &mut self.objective;
        let generator = generator.map(|found| {
            let optimizer = &mut self.inpainter_optimizer;
            let (stepped, terms) = step_gradients::apply_gradients(optimizer, inpainter.clone(), found, learning_rate);
            *inpainter = stepped;
            self.average = self.average.take().map(|average| average.update(inpainter));
            terms
        });
        let optimizer = &mut self.discriminator_optimizer;
        let (stepped, terms) =
            step_gradients::apply_gradients(optimizer, network.clone(), discriminator, learning_rate);
        *network = stepped;
        self.step += 1;
        read_losses(generator, terms)
    }

    /// A copy of the networks for every device.
    fn objectives(&self) -> Vec<Objective> {
        let Objective { inpainter, discriminator, config, .. } = &self.objective;
        let copies = self.group.copies(inpainter).into_iter().zip(self.group.copies(discriminator));
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

    /// The inpainter for inference: the moving average if enabled, else the current weights.
    pub fn trained(&self) -> Inpainter {
        match &self.average {
            Some(average) => average.network.clone(),
            None => self.objective.inpainter.valid(),
        }
    }

    /// [`Self::trained`] with batch statistics recomputed from `inputs`, each `[batch, 1, height, width]`.
    ///
    /// Statistics from training lag behind the weights and mix in the counterfactuals that the cyclic term feeds
    /// through the encoder; with them the network changes more than it was trained to. They decay by 10 % with each
    /// batch.
    pub fn calibrated(&self, inputs: impl IntoIterator<Item = Tensor<4>>) -> Inpainter {
        // Without `no_grad`, autodiff would keep the activations of all inputs.
        let network = self.trained().train().no_grad();
        for x in inputs {
            let Objective { classifier, config, .. } = &self.objective;
            let condition = config.method.condition(|| classifier.forward(x.clone()), config.bins);
            network.forward(x, &condition);
        }
        network.valid()
    }

    /// Returns the state for [`Self::load_state`]. A resumed training gives identical results.
    ///
    /// # Errors
    /// If a part cannot be serialised.
    pub fn state(&self) -> Result<TrainerState, Error> {
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

    /// Resumes from a state.
    ///
    /// # Errors
    /// If a part is missing or belongs to another architecture.
    pub fn load_state(mut self, state: &TrainerState) -> Result<Self, Error> {
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

/// Averages the losses over the shards.
fn read_losses(
    generator: Option<Vec<Tensor<1>>>,
    discriminator: Vec<Tensor<1>>,
) -> Result<CounterfactualLosses, Error> {
    let with_generator = generator.is_some();
    let generator = generator.unwrap_or_default().into_iter().map(Some).chain(repeat(None));
    let shards = discriminator.into_iter().zip(generator);
    let shards = shards.map(|(discriminator, generator)| {
        Tensor::cat(generator.into_iter().chain([discriminator]).collect::<Vec<Tensor<1>>>(), 0)
    });
    let values = device_group::means(shards.collect())?;
    let mut values = values.into_iter();
    let generator = with_generator.then(|| GeneratorLosses::read(&mut values));
    let DiscriminatorLosses { real, fake, mean } = DiscriminatorLosses::read(&mut values);
    Ok(CounterfactualLosses { generator, discriminator_real: real, discriminator_fake: fake, discriminator: mean })
}
