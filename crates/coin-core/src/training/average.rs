//! Exponential moving average of a network's weights and running statistics.

use burn::module::{Module, ModuleMapper, ModuleVisitor, Param, ParamId};
use burn::tensor::Tensor;
use burn::tensor::container::TensorContainer;

/// An exponential moving average of a network, for inference.
#[derive(Clone, Debug)]
pub struct ExponentialAverage<M: Module> {
    /// The averaged network.
    pub network: M,
    decay: f64,
}

impl<M: Module> ExponentialAverage<M> {
    /// Starts at the current weights of `network`; a `decay` of 0.95 keeps 95 % of the average in each update.
    pub fn of(network: &M, decay: f64) -> Self {
        Self { network: network.valid(), decay }
    }

    /// Updates the average with the current weights of `network`.
    pub fn update(self, network: &M) -> Self {
        let mut live = Live { tensors: TensorContainer::new() };
        network.valid().visit(&mut live);
        let mut blend = Blend { live, decay: self.decay };
        Self { network: self.network.map(&mut blend), decay: self.decay }
    }
}

struct Live {
    tensors: TensorContainer<ParamId>,
}

impl ModuleVisitor for Live {
    fn visit_float<const D: usize>(&mut self, param: &Param<Tensor<D>>) {
        self.tensors.register(param.id, param.val());
    }
}

struct Blend {
    live: Live,
    decay: f64,
}

impl ModuleMapper for Blend {
    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        match self.live.tensors.get::<Tensor<D>>(&param.id) {
            Some(live) => param.map(|average| average * self.decay + live * (1.0 - self.decay)),
            None => param,
        }
    }
}
