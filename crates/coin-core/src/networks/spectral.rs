//! Spectral normalisation (Miyato et al., arXiv 1802.05957): division by the largest singular value, estimated by one
//! power iteration per step.

use burn::module::{Module, RunningState};
use burn::tensor::{Device, Distribution, Tensor};
use coin_kernels::product;

/// Spectral normalisation with a persistent left singular vector.
///
/// The reference also iterates in evaluation, so that two identical calls differ. This layer updates `u` only in
/// training. In evaluation every call iterates once from the stored `u`, which always gives the reference's first
/// result.
#[derive(Module, Debug)]
pub struct SpectralNorm {
    /// Left singular vector, `[1, outputs]`.
    pub u: RunningState<Tensor<2>>,
}

impl SpectralNorm {
    /// Starts from a random vector for a weight with `outputs` outputs.
    pub fn init(outputs: usize, device: &Device) -> Self {
        let u = Tensor::random([1, outputs], Distribution::Normal(0.0, 1.0), device);
        Self { u: RunningState::new(u) }
    }

    /// Returns `weight / sigma` for a weight `[outputs, ..]`; sigma has no gradient.
    pub fn divide<const D: usize>(&self, weight: Tensor<D>) -> Tensor<D> {
        let training = weight.device().is_autodiff();
        let (sigma, u) = self.sigma(weight.clone());
        if training {
            self.u.update(u);
        }
        weight / sigma.reshape([1; D])
    }

    /// The largest singular value `[1, 1]` after one power iteration, and the new `u`.
    fn sigma<const D: usize>(&self, weight: Tensor<D>) -> (Tensor<2>, Tensor<2>) {
        let outputs = weight.dims()[0];
        let matrix = constant(weight).reshape([outputs as i32, -1]);
        let u = self.u.value_sync().to_device(&matrix.device());
        let v = unit(product(u, matrix.clone()));
        let u = unit(product(v.clone(), matrix.clone().transpose()));
        let sigma = product(u.clone(), matrix).mul(v).sum_dim(1);
        (sigma, u.detach())
    }
}

/// Removes the gradient. A merely detached parameter would become another parameter, and be differentiated through.
fn constant<const D: usize>(parameter: Tensor<D>) -> Tensor<D> {
    parameter.detach().set_require_grad(false)
}

fn unit(v: Tensor<2>) -> Tensor<2> {
    let norm = v.clone().powf_scalar(2.0).sum_dim(1).sqrt();
    v / (norm + 1e-12)
}
