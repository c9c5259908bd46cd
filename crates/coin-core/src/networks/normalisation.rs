//! Batch normalisation, plain and conditional.
//!
//! The running variance takes the unbiased batch variance, as PyTorch does; Burn's own layer takes the biased one.

use burn::module::{Flag, Module, Param, ParamId, RunningState};
use burn::tensor::activation::relu;
use burn::tensor::{Device, Distribution, Int, Tensor};
use coin_kernels::{BatchNormed, affine_relu, batch_norm};

use super::Initial;
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
    /// Added to the variance.
    pub epsilon: f64,
    /// Whether scale and shift have taken them up.
    fused: bool,
}

/// Scale and shift, both `[channels]`, that take the place of a normalisation.
pub(super) type Affine = (Tensor<1>, Tensor<1>);

impl Statistics {
    fn init(channels: usize, device: &Device) -> Self {
        Self {
            running_mean: RunningState::new(Tensor::zeros([channels], device)),
            running_variance: RunningState::new(Tensor::ones([channels], device)),
            training: Param::from_bool(true),
            epsilon: USUAL_EPSILON,
            fused: false,
        }
    }

    /// Scale and shift for running statistics; `None` where the batch's own count.
    fn affine(&self, gamma: Tensor<1>, beta: Tensor<1>) -> Option<Affine> {
        if self.fused {
            return Some((gamma, beta));
        }
        let device = gamma.device();
        if device.is_autodiff() && self.training.is_enabled() {
            return None;
        }
        let mean = self.running_mean.value().to_device(&device);
        let variance = self.running_variance.value().to_device(&device);
        let scale = gamma / (variance + self.epsilon).sqrt();
        let shift = beta - mean * scale.clone();
        Some((scale, shift))
    }

    /// Normalises by the batch's own statistics, which the running ones take up; with ReLU where `cut` is set.
    fn train(&self, x: Tensor<4>, gamma: Tensor<1>, beta: Tensor<1>, cut: bool) -> Tensor<4> {
        let [batch, _, height, width] = x.dims();
        let count = (batch * height * width) as f64;
        let BatchNormed { output, mean, variance } = batch_norm(x, gamma, beta, self.epsilon, cut);
        blend(&self.running_mean, mean);
        blend(&self.running_variance, variance * (count / (count - 1.0).max(1.0)));
        output
    }

    fn normalise(&self, x: Tensor<4>, gamma: Tensor<1>, beta: Tensor<1>) -> Tensor<4> {
        match self.affine(gamma.clone(), beta.clone()) {
            Some((scale, shift)) => along_channels(scale, shift, x),
            None => self.train(x, gamma, beta, false),
        }
    }

    /// What a convolution of the normalised and activated `x` takes: in training the map, else `x` itself and the prologue that
    /// does it on the way.
    fn activated(&self, x: Tensor<4>, gamma: Tensor<1>, beta: Tensor<1>) -> (Tensor<4>, Option<Affine>) {
        match self.affine(gamma.clone(), beta.clone()) {
            Some(affine) => (x, Some(affine)),
            None => (self.train(x, gamma, beta, true), None),
        }
    }
}

fn along_channels(scale: Tensor<1>, shift: Tensor<1>, x: Tensor<4>) -> Tensor<4> {
    let channels = x.dims()[1];
    x * scale.reshape([1, channels, 1, 1]) + shift.reshape([1, channels, 1, 1])
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
            gamma: Initial::ONES.init([channels], device),
            beta: Initial::ZEROS.init([channels], device),
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

    /// [`Self::forward`] and ReLU.
    pub fn forward_relu(&self, x: Tensor<4>) -> Tensor<4> {
        match self.activated(x) {
            (x, Some((scale, shift))) => affine_relu(x, scale, shift),
            (x, None) => x,
        }
    }

    /// What a convolution of [`Self::forward_relu`] takes: a map, and a prologue where that is not yet done.
    pub(super) fn activated(&self, x: Tensor<4>) -> (Tensor<4>, Option<Affine>) {
        self.statistics.activated(x, self.gamma.val(), self.beta.val())
    }

    /// Scale and shift for running statistics; `None` in training.
    pub(super) fn affine(&self) -> Option<Affine> {
        self.statistics.affine(self.gamma.val(), self.beta.val())
    }

    /// The same function of running statistics, which scale and shift have taken up.
    pub(super) fn fused(mut self) -> Self {
        if let Some((scale, shift)) = self.affine() {
            self.gamma = self.gamma.map(|_| scale);
            self.beta = self.beta.map(|_| shift);
            self.statistics.fused = true;
        }
        self
    }

    /// This normalisation, itself fused, and the scale and shift before it as one.
    pub(super) fn fused_after(mut self, (scale, shift): Affine) -> Self {
        let gamma = self.gamma.val();
        self.beta = self.beta.map(|beta| beta + gamma * shift);
        self.gamma = self.gamma.map(|gamma| gamma * scale);
        self
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
    /// Scales from N(1, 0.02), shifts 0; drawn when they are first used.
    pub fn init(conditions: usize, channels: usize, device: &Device) -> Self {
        let draw = move |device: &Device, tracked: bool| {
            let scales = Tensor::random([conditions, channels], Distribution::Normal(1.0, 0.02), device);
            let shifts = Tensor::zeros([conditions, channels], device);
            // Detached, because a parameter must be a leaf of the graph.
            Tensor::cat(vec![scales, shifts], 1).detach().set_require_grad(tracked)
        };
        let shape = [conditions, 2 * channels].into();
        let table = Param::uninitialized(ParamId::new(), draw, device.clone(), true, shape);
        Self { table, statistics: Statistics::init(channels, device) }
    }

    /// Keeps the shape `[batch, channels, height, width]`.
    pub fn forward(&self, x: Tensor<4>, condition: &Condition) -> Tensor<4> {
        match condition {
            Condition::All(index) => {
                let (gamma, beta) = self.row(*index);
                self.statistics.normalise(x, gamma, beta)
            }
            Condition::Each(indices) => self.forward_each(x, indices.clone()),
        }
    }

    /// What a convolution of the normalised and activated `x` takes: a map, and a prologue where that is not yet done.
    pub(super) fn activated(&self, x: Tensor<4>, condition: &Condition) -> (Tensor<4>, Option<Affine>) {
        match condition {
            Condition::All(index) => {
                let (gamma, beta) = self.row(*index);
                self.statistics.activated(x, gamma, beta)
            }
            Condition::Each(indices) => (relu(self.forward_each(x, indices.clone())), None),
        }
    }

    /// Scale and shift of a condition.
    fn row(&self, index: usize) -> Affine {
        let table = self.table.val();
        let channels = table.dims()[1] / 2;
        let half = |start: usize| table.clone().slice([index..index + 1, start..start + channels]).reshape([channels]);
        (half(0), half(channels))
    }

    fn forward_each(&self, x: Tensor<4>, indices: Tensor<1, Int>) -> Tensor<4> {
        let [batch, channels, _, _] = x.dims();
        let device = x.device();
        let rows = self.table.val().select(0, indices);
        let gamma = rows.clone().narrow(1, 0, channels).reshape([batch, channels, 1, 1]);
        let beta = rows.narrow(1, channels, channels).reshape([batch, channels, 1, 1]);
        if self.statistics.fused {
            return x * gamma + beta;
        }
        let one = Tensor::ones([channels], &device);
        let zero = Tensor::zeros([channels], &device);
        self.statistics.normalise(x, one, zero) * gamma + beta
    }

    /// The same function of running statistics, which the table has taken up.
    pub(super) fn fused(mut self) -> Self {
        let table = self.table.val();
        let [conditions, width] = table.dims();
        let channels = width / 2;
        let rows = (0..conditions).map(|index| {
            let (gamma, beta) = self.row(index);
            let (scale, shift) = self.statistics.affine(gamma, beta)?;
            Some(Tensor::cat(vec![scale, shift], 0).reshape([1, 2 * channels]))
        });
        if let Some(rows) = rows.collect::<Option<Vec<Tensor<2>>>>() {
            self.table = self.table.map(|_| Tensor::cat(rows, 0));
            self.statistics.fused = true;
        }
        self
    }
}
