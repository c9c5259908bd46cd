//! Batch normalisation, plain and conditional.
//!
//! The running variance takes the unbiased batch variance, as PyTorch does; Burn's own layer takes the biased one.

use burn::module::{Flag, Initializer, Module, Param, RunningState};
use burn::tensor::{Device, Int, Tensor, module};

use crate::condition::Condition;

const USUAL_EPSILON: f64 = 1e-5;
const MOMENTUM: f64 = 0.1;

/// Running mean and variance, and the normalisation by batch (training) or running (evaluation, frozen) statistics.
#[derive(Module, Debug)]
pub struct Statistics {
    /// `[channels]`.
    pub running_mean: RunningState<Tensor<1>>,
    /// `[channels]`, unbiased.
    pub running_variance: RunningState<Tensor<1>>,
    training: Param<Flag>,
    epsilon: f64,
}

impl Statistics {
    fn init(channels: usize, device: &Device) -> Self {
        Self {
            running_mean: RunningState::new(Tensor::zeros([channels], device)),
            running_variance: RunningState::new(Tensor::ones([channels], device)),
            training: Param::from_bool(true),
            epsilon: USUAL_EPSILON,
        }
    }

    fn normalise(&self, x: Tensor<4>, gamma: Tensor<1>, beta: Tensor<1>) -> Tensor<4> {
        let device = x.device();
        if !(device.is_autodiff() && self.training.is_enabled()) {
            let mean = self.running_mean.value().to_device(&device);
            let variance = self.running_variance.value().to_device(&device);
            return module::batch_norm(x, gamma, beta, mean, variance, self.epsilon);
        }
        let [batch, _, height, width] = x.dims();
        let count = (batch * height * width) as f64;
        let normalised = module::batch_norm_train(x, gamma, beta, self.epsilon);
        let unbiased = normalised.variance.detach() * (count / (count - 1.0).max(1.0));
        blend(&self.running_mean, normalised.mean.detach());
        blend(&self.running_variance, unbiased);
        normalised.output
    }
}

fn blend(running: &RunningState<Tensor<1>>, batch: Tensor<1>) {
    let old = running.value_sync().to_device(&batch.device());
    running.update((old * (1.0 - MOMENTUM) + batch * MOMENTUM).detach());
}

/// Batch normalisation with a learnt scale and shift for every channel.
#[derive(Module, Debug)]
pub struct BatchNorm {
    /// Scale, `[channels]`.
    pub gamma: Param<Tensor<1>>,
    /// Shift, `[channels]`.
    pub beta: Param<Tensor<1>>,
    /// Running statistics.
    pub statistics: Statistics,
}

impl BatchNorm {
    /// Scale 1, shift 0.
    pub fn init(channels: usize, device: &Device) -> Self {
        Self {
            gamma: Initializer::Ones.init([channels], device),
            beta: Initializer::Zeros.init([channels], device),
            statistics: Statistics::init(channels, device),
        }
    }

    /// With another number added to the variance than 1e-5.
    #[must_use]
    pub fn with_epsilon(mut self, epsilon: f64) -> Self {
        self.statistics.epsilon = epsilon;
        self
    }

    /// Keeps the shape `[batch, channels, height, width]`.
    pub fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        self.statistics.normalise(x, self.gamma.val(), self.beta.val())
    }
}

/// Batch normalisation whose scale and shift are looked up by condition.
#[derive(Module, Debug)]
pub struct ConditionalBatchNorm {
    /// `[conditions, 2 * channels]`: scales, then shifts.
    pub table: Param<Tensor<2>>,
    /// Running statistics, shared by all conditions.
    pub statistics: Statistics,
}

impl ConditionalBatchNorm {
    /// Scales from N(1, 0.02), shifts 0.
    pub fn init(conditions: usize, channels: usize, device: &Device) -> Self {
        let scales: Param<Tensor<2>> =
            Initializer::Normal { mean: 1.0, std: 0.02 }.init([conditions, channels], device);
        let shifts = Tensor::zeros([conditions, channels], device);
        // Detached, because a parameter must be a leaf of the graph.
        let table = Param::from_tensor(Tensor::cat(vec![scales.val(), shifts], 1).detach());
        Self { table, statistics: Statistics::init(channels, device) }
    }

    /// Keeps the shape `[batch, channels, height, width]`.
    pub fn forward(&self, x: Tensor<4>, condition: &Condition) -> Tensor<4> {
        let channels = x.dims()[1];
        match condition {
            Condition::All(index) => {
                let row = self.table.val().narrow(0, *index, 1).reshape([2, channels]);
                let gamma = row.clone().narrow(0, 0, 1).reshape([channels]);
                let beta = row.narrow(0, 1, 1).reshape([channels]);
                self.statistics.normalise(x, gamma, beta)
            }
            Condition::Each(indices) => self.forward_each(x, indices.clone()),
        }
    }

    fn forward_each(&self, x: Tensor<4>, indices: Tensor<1, Int>) -> Tensor<4> {
        let [batch, channels, _, _] = x.dims();
        let device = x.device();
        let rows = self.table.val().select(0, indices);
        let gamma = rows.clone().narrow(1, 0, channels).reshape([batch, channels, 1, 1]);
        let beta = rows.narrow(1, channels, channels).reshape([batch, channels, 1, 1]);
        let one = Tensor::ones([channels], &device);
        let zero = Tensor::zeros([channels], &device);
        self.statistics.normalise(x, one, zero) * gamma + beta
    }
}
