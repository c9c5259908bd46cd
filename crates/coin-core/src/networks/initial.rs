//! Values of weights before a training.
//!
//! Burn's `Initializer` draws the same; its orthogonal one would bring matrix decompositions into every engine of the page.

use burn::module::{Param, ParamId};
use burn::tensor::{Device, Distribution, Tensor};

/// How a weight's values are drawn. The gain makes up for what follows: sqrt 2 for ReLU.
#[derive(Clone, Copy, Debug)]
pub enum Initial {
    /// All equal.
    Constant(f64),
    /// Normally distributed, of this mean and standard deviation.
    Normal([f64; 2]),
    /// Uniform, for a variance of gain^2 / inputs (He et al. 2015).
    KaimingUniform(f64),
    /// Normal, for a variance of gain^2 / outputs.
    KaimingNormal(f64),
    /// Uniform, for a variance of 2 gain^2 / (inputs + outputs) (Glorot and Bengio 2010).
    XavierUniform(f64),
    /// Normal, for the same variance.
    XavierNormal(f64),
}

impl Initial {
    /// All 0.
    pub const ZEROS: Self = Self::Constant(0.0);
    /// All 1.
    pub const ONES: Self = Self::Constant(1.0);

    /// A parameter that depends on no fans, drawn when it is first used.
    pub fn init<const D: usize>(self, shape: [usize; D], device: &Device) -> Param<Tensor<D>> {
        self.init_with(shape, [1, 1], device)
    }

    /// A parameter of which each output sees `inputs` values, and each input `outputs`; drawn when it is first used.
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

    /// What it is drawn from; or the value of all.
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
