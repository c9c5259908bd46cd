//! Gradients of a step, and their application by the optimizer.

use burn::module::Module;
use burn::optim::{GradientsParams, ModuleOptimizer, MultiGradientsParams};
use burn::tensor::Tensor;

/// Loss terms and gradients of one shard.
pub struct StepGradients {
    /// Loss terms to report.
    pub terms: Tensor<1>,
    /// Gradients of the total loss, scaled by the shard's fraction of the batch.
    pub gradients: GradientsParams,
}

impl StepGradients {
    /// Differentiates `total` with respect to `network`; `shard` is the shard's fraction of the batch.
    pub(super) fn of<M: Module>(terms: Vec<Tensor<1>>, total: Tensor<1>, network: &M, shard: f64) -> Self {
        let gradients = GradientsParams::from_grads((total * shard).backward(), network);
        let terms = terms.into_iter().map(Tensor::detach).collect();
        Self { terms: Tensor::cat(terms, 0), gradients }
    }
}

/// Applies the summed gradients of all shards; returns the updated network and each shard's loss terms.
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
