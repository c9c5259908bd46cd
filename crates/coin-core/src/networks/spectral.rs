//! Spectral normalisation of a weight: division by its largest singular value, tracked by one power iteration a step.

use burn::module::{Module, RunningState};
use burn::tensor::{Device, Distribution, Tensor};
use coin_kernels::product;

/// The left singular vector `u` of shape `[1, outputs]` that a power iteration keeps between steps.
///
/// The reference iterates in evaluation too, so that two identical calls differ. Here `u` moves in training only; in
/// evaluation every call iterates once from the same stored `u`, which gives the reference's first answer every time.
#[derive(Module, Debug)]
pub struct SpectralNorm {
    /// Left singular vector, `[1, outputs]`.
    pub u: RunningState<Tensor<2>>,
}

impl SpectralNorm {
    /// A random start for a weight with this many outputs.
    pub fn init(outputs: usize, device: &Device) -> Self {
        let u = Tensor::random([1, outputs], Distribution::Normal(0.0, 1.0), device);
        Self { u: RunningState::new(u) }
    }

    /// `weight / sigma` for a weight `[outputs, ..]`; sigma is a constant for the gradient.
    pub fn divide<const D: usize>(&self, weight: Tensor<D>) -> Tensor<D> {
        let training = weight.device().is_autodiff();
        let (sigma, u) = self.sigma(weight.clone());
        if training {
            self.u.update(u);
        }
        weight / sigma.reshape([1; D])
    }

    /// The largest singular value `[1, 1]` after one iteration, and the new `u`.
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

/// Without gradient: a parameter that is only detached becomes another parameter, through which all would be differentiated.
fn constant<const D: usize>(parameter: Tensor<D>) -> Tensor<D> {
    parameter.detach().set_require_grad(false)
}

fn unit(v: Tensor<2>) -> Tensor<2> {
    let norm = v.clone().powf_scalar(2.0).sum_dim(1).sqrt();
    v / (norm + 1e-12)
}
