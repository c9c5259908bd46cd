//! What the trainings of one network by one loss share: its optimizer, its steps, and how it is saved.

use burn::module::Module;
use burn::optim::{AdamConfig, GradientsParams, ModuleOptimizer};
use burn::tensor::Tensor;

use super::state::{StateError, TrainerState};

/// A network and its optimizer; `C` holds what else decides its training.
pub struct Supervised<M: Module, C> {
    /// The network as it is now, on an autodiff device.
    pub network: M,
    pub(super) config: C,
    optimizer: ModuleOptimizer,
    /// Name of the network in states.
    part: &'static str,
    step: u64,
}

impl<M: Module, C> Supervised<M, C> {
    pub(super) fn start(part: &'static str, network: M, adam: &AdamConfig, config: C) -> Self {
        Self { network, config, optimizer: adam.init(), part, step: 0 }
    }

    /// Follows the gradients of `loss`, which was computed with the network as it is; returns the loss.
    pub(super) fn descend(&mut self, loss: Tensor<1>, learning_rate: f64) -> f32 {
        let gradients = GradientsParams::from_grads(loss.backward(), &self.network);
        self.network = self.optimizer.step(learning_rate, self.network.clone(), gradients);
        self.step += 1;
        loss.into_scalar::<f32>()
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
