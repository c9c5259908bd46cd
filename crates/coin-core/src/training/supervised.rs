//! The common trainer of networks with a single loss.

use burn::module::Module;
use burn::optim::ModuleOptimizer;
use burn::tensor::{Device, Tensor};

use super::adam::Adam;
use super::device_group::{self, DeviceGroup};
use super::state::TrainerState;
use super::step_gradients::{self, StepGradients};
use crate::Error;

/// A network with its optimizer; `C` holds the hyperparameters.
pub struct Supervised<M: Module, C> {
    /// The network as it is now, on an autodiff device.
    pub network: M,
    pub(super) config: C,
    optimizer: ModuleOptimizer,
    group: DeviceGroup,
    /// Name of the network in the state.
    part: &'static str,
    step: u64,
}

impl<M: Module, C> Supervised<M, C> {
    pub(super) fn start(part: &'static str, network: M, adam: Adam, config: C) -> Self {
        Self { network, config, optimizer: adam.into(), group: DeviceGroup::default(), part, step: 0 }
    }

    /// Adds replicas, given as devices without autodiff. Every device computes an equal shard of each batch.
    #[must_use]
    pub fn with_replicas(mut self, replicas: &[Device]) -> Self {
        self.group = DeviceGroup::with(replicas);
        self
    }

    /// Takes one step on images and targets and returns the loss before it, averaged over the shards.
    pub(super) fn step_on<const D: usize>(
        &mut self,
        x: Tensor<4>,
        targets: Tensor<D>,
        loss: fn(&M, Tensor<4>, Tensor<D>) -> Tensor<1>,
        learning_rate: f64,
    ) -> Result<f32, Error>
    where
        M: 'static,
    {
        device_group::attempt(|| {
            let shard = 1.0 / self.group.len() as f64;
            let batch = self.group.shards(x)?.into_iter().zip(self.group.shards(targets)?);
            let jobs = self.group.copies(&self.network).into_iter().zip(batch).collect();
            let found = self.group.compute(jobs, move |(network, (x, targets)): (M, (Tensor<4>, Tensor<D>))| {
                let loss = loss(&network, x, targets);
                StepGradients::of(vec![loss.clone()], loss, &network, shard)
            });
            let (network, losses) =
                step_gradients::apply_gradients(&mut self.optimizer, self.network.clone(), found, learning_rate);
            self.network = network;
            self.step += 1;
            Ok(device_group::means(losses)?.first().copied().unwrap_or(f32::NAN))
        })
    }

    /// Steps taken.
    pub fn steps(&self) -> u64 {
        self.step
    }

    /// The network for inference: running statistics, no gradients.
    pub fn trained(&self) -> M {
        self.network.valid()
    }

    /// Returns the state for [`Self::load_state`]. A resumed training gives identical results.
    ///
    /// # Errors
    /// If a part cannot be serialised.
    pub fn state(&self) -> Result<TrainerState, Error> {
        let mut state = TrainerState { step: self.step, ..TrainerState::default() };
        state.put_module(self.part, &self.network)?;
        state.put_optimizer(&self.optimizer_part(), &self.optimizer)?;
        Ok(state)
    }

    /// Resumes from a state.
    ///
    /// # Errors
    /// If a part is missing or belongs to another architecture.
    pub fn load_state(self, state: &TrainerState) -> Result<Self, Error> {
        let optimizer_part = self.optimizer_part();
        Ok(Self {
            network: state.module(self.part, self.network)?,
            optimizer: state.optimizer(&optimizer_part, self.optimizer)?,
            step: state.step,
            ..self
        })
    }

    fn optimizer_part(&self) -> String {
        format!("{}-optimizer", self.part)
    }
}
