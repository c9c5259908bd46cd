//! A step of the optimiser.

use burn::backend::Dispatch;
use burn::tensor::Tensor;

use crate::operations::Operations;

/// Adam's constants at one of its steps (Kingma and Ba, arXiv 1412.6980, algorithm 1).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Adam {
    /// Step length.
    pub learning_rate: f64,
    /// Decay of the first and of the second moment.
    pub betas: [f32; 2],
    /// Added to the root of the second moment.
    pub epsilon: f32,
    /// Steps so far, this one counted.
    pub time: usize,
}

impl Adam {
    /// What corrects the moments for having started at zero: the factor of the quotient, and of epsilon.
    pub(crate) fn corrections(&self) -> [f32; 2] {
        let [first, second] = self.betas.map(|beta| 1.0 - beta.powi(self.time as i32));
        [second.sqrt() / first, second.sqrt()]
    }
}

/// A parameter after a step against its gradient, and its two moments, which are zeros before the first step. All of one shape.
pub fn adam<const D: usize>(
    parameter: Tensor<D>,
    gradient: Tensor<D>,
    moments: [Tensor<D>; 2],
    adam: Adam,
) -> (Tensor<D>, [Tensor<D>; 2]) {
    let [parameter, gradient] = [parameter, gradient].map(Tensor::into_dispatch);
    let [first, second] = moments.map(Tensor::into_dispatch);
    let (parameter, first, second) = <Dispatch as Operations>::adam(parameter, gradient, first, second, adam);
    (Tensor::from_dispatch(parameter), [first, second].map(Tensor::from_dispatch))
}
