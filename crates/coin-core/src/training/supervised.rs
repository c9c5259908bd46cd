//! What the trainings of one network by one loss share: its optimizer, its steps, and how it is saved.

use burn::module::Module;
use burn::optim::ModuleOptimizer;
use burn::tensor::{Device, Tensor};

use super::adam::Adam;
use super::descent::{self, Descent};
use super::state::{StateError, TrainerState};
use super::team::{self, StepError, Team};

/// A network and its optimizer; `C` holds what else decides its training.
pub struct Supervised<M: Module, C> {
    /// The network as it is now, on an autodiff device.
    pub network: M,
    pub(super) config: C,
    optimizer: ModuleOptimizer,
    team: Team,
    /// Name of the network in states.
    part: &'static str,
    step: u64,
}

impl<M: Module, C> Supervised<M, C> {
    pub(super) fn start(part: &'static str, network: M, adam: Adam, config: C) -> Self {
        Self { network, config, optimizer: adam.into(), team: Team::default(), part, step: 0 }
    }

    /// These devices, without gradients, take equal shares of every batch beside the network's own.
    #[must_use]
    pub fn with_helpers(mut self, helpers: &[Device]) -> Self {
        self.team = Team::with(helpers);
        self
    }

    /// Follows the gradients of `loss` of images against their targets; returns the loss before the step, the mean over the
    /// shares where there are helpers.
    pub(super) fn descend<const D: usize>(
        &mut self,
        x: Tensor<4>,
        targets: Tensor<D>,
        loss: fn(&M, Tensor<4>, Tensor<D>) -> Tensor<1>,
        learning_rate: f64,
    ) -> Result<f32, StepError>
    where
        M: 'static,
    {
        team::attempt(|| {
            let share = 1.0 / self.team.len() as f64;
            let batch = self.team.shares(x)?.into_iter().zip(self.team.shares(targets)?);
            let jobs = self.team.copies(&self.network).into_iter().zip(batch).collect();
            let found = self.team.compute(jobs, move |(network, (x, targets)): (M, (Tensor<4>, Tensor<D>))| {
                let loss = loss(&network, x, targets);
                Descent::of(vec![loss.clone()], loss, &network, share)
            });
            let (network, losses) = descent::follow(&mut self.optimizer, self.network.clone(), found, learning_rate);
            self.network = network;
            self.step += 1;
            Ok(team::means(losses)?.first().copied().unwrap_or(f32::NAN))
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

    /// All that [`Self::load_state`] needs to go on exactly here.
    pub fn state(&self) -> Result<TrainerState, StateError> {
        let mut state = TrainerState { step: self.step, ..TrainerState::default() };
        state.put_module(self.part, &self.network)?;
        state.put_optimizer(&self.optimizer_part(), &self.optimizer)?;
        Ok(state)
    }

    /// Goes on where `state` was taken.
    pub fn load_state(self, state: &TrainerState) -> Result<Self, StateError> {
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
