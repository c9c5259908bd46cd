//! From a loss to a step: what each device finds of its shard, and the optimizer that follows all of it.

use burn::module::Module;
use burn::optim::{GradientsParams, ModuleOptimizer, MultiGradientsParams};
use burn::tensor::Tensor;

/// The terms of a loss, and the gradient by parameter.
pub struct StepGradients {
    /// The terms to report.
    pub terms: Tensor<1>,
    /// Of the sum, times the shard of the batch.
    pub gradients: GradientsParams,
}

impl StepGradients {
    /// Of a loss `total` with the `terms` to report, found with `network` on `shard` of the batch.
    pub(super) fn of<M: Module>(terms: Vec<Tensor<1>>, total: Tensor<1>, network: &M, shard: f64) -> Self {
        let gradients = GradientsParams::from_grads((total * shard).backward(), network);
        let terms = terms.into_iter().map(Tensor::detach).collect();
        Self { terms: Tensor::cat(terms, 0), gradients }
    }
}

/// The network after a step that follows what every device found of its shard, where the network lives; and the terms.
pub(super) fn apply_gradients<M: Module>(
    optimizer: &mut ModuleOptimizer,
    network: M,
    found: Vec<StepGradients>,
    learning_rate: f64,
) -> (M, Vec<Tensor<1>>) {
    let device = network.devices().into_iter().next().unwrap_or_default().without_autodiff();
    let parts = found.into_iter().map(|StepGradients { terms, gradients }| (terms, (gradients, device.clone())));
    let (terms, grads) = parts.unzip();
    (optimizer.step_multi(learning_rate, network, MultiGradientsParams { grads }), terms)
}
