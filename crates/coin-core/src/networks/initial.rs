//! Initialisation of weights.
//!
//! Equivalent to Burn's `Initializer`, whose orthogonal variant would add matrix decompositions to the browser engine.

use burn::module::{Param, ParamId};
use burn::tensor::{Device, Distribution, Tensor};

/// Distribution of initial weights. The gain compensates for the activation: sqrt(2) for ReLU.
#[derive(Clone, Copy, Debug)]
pub enum Initial {
    /// Constant value.
    Constant(f64),
    /// Normal with this mean and standard deviation.
    Normal([f64; 2]),
    /// Uniform with variance gain^2 / fan-in (He et al., arXiv 1502.01852).
    KaimingUniform(f64),
    /// Normal with variance gain^2 / fan-out.
    KaimingNormal(f64),
    /// Uniform with variance 2 gain^2 / (fan-in + fan-out) (Glorot and Bengio, 2010).
    XavierUniform(f64),
    /// Normal with the same variance.
    XavierNormal(f64),
}

impl Initial {
    /// All zeros.
    pub const ZEROS: Self = Self::Constant(0.0);
    /// All ones.
    pub const ONES: Self = Self::Constant(1.0);

    /// A lazily drawn parameter whose distribution does not depend on the fans.
    pub fn init<const D: usize>(self, shape: [usize; D], device: &Device) -> Param<Tensor<D>> {
        self.init_with(shape, [1, 1], device)
    }

    /// A lazily drawn parameter with the given fan-in (`inputs`) and fan-out (`outputs`).
    pub fn init_with<const D: usize>(
        self,
        shape: [usize; D],
        [inputs, outputs]: [usize; 2],
        device: &Device,
    ) -> Param<Tensor<D>> {
        let distribution = self.distribution(inputs as f64, outputs as f64);
        let draw = move |device: &Device, tracked: bool| {
            device.memory_persistent_allocations((), |()| {
                let tensor = match distribution {
                    Ok(distribution) => Tensor::random(shape, distribution, device),
                    Err(value) => Tensor::full(shape, value, device),
                };
                if tracked { tensor.require_grad() } else { tensor }
            })
        };
        Param::uninitialized(ParamId::new(), draw, device.clone(), true, shape.into())
    }

    /// The distribution, or the constant value as `Err`.
    fn distribution(self, inputs: f64, outputs: f64) -> Result<Distribution, f64> {
        let uniform = |gain: f64, std: f64| {
            let bound = 3f64.sqrt() * gain * std;
            Distribution::Uniform(-bound, bound)
        };
        let normal = |gain: f64, std: f64| Distribution::Normal(0.0, gain * std);
        let xavier = (2.0 / (inputs + outputs)).sqrt();
        Ok(match self {
            Self::Constant(value) => return Err(value),
            Self::Normal([mean, std]) => Distribution::Normal(mean, std),
            Self::KaimingUniform(gain) => uniform(gain, 1.0 / inputs.sqrt()),
            Self::KaimingNormal(gain) => normal(gain, 1.0 / outputs.sqrt()),
            Self::XavierUniform(gain) => uniform(gain, xavier),
            Self::XavierNormal(gain) => normal(gain, xavier),
        })
    }
}
