//! Batch normalisation, plain and conditional.
//!
//! The running variance accumulates the unbiased batch variance, as in PyTorch; Burn's layer uses the biased one.

use burn::module::{Flag, Module, Param, ParamId, RunningState};
use burn::tensor::activation::relu;
use burn::tensor::{Device, Distribution, Int, Tensor};
use coin_kernels::{BatchNormed, affine_relu, batch_norm};

use super::Initial;
use crate::condition::Condition;

const USUAL_EPSILON: f64 = 1e-5;
const MOMENTUM: f64 = 0.1;

/// Running mean and variance. Training normalises with batch statistics, evaluation and frozen networks with running
/// ones.
#[derive(Module, Debug)]
pub struct Statistics {
    /// `[channels]`.
    pub running_mean: RunningState<Tensor<1>>,
    /// `[channels]`, unbiased.
    pub running_variance: RunningState<Tensor<1>>,
    training: Param<Flag>,
    /// Added to the variance.
    pub epsilon: f64,
    /// Whether the running statistics are folded into scale and shift.
    fused: bool,
}

/// Scale and shift, both `[channels]`, that replace a normalisation.
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

    /// Scale and shift for running statistics; `None` in training.
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

    /// Normalises with batch statistics, updates the running ones, and applies ReLU if `cut` is set.
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

    /// Input and prologue of a convolution that follows normalisation and ReLU: in training the activated map without a
    /// prologue, else `x` and the affine map.
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

/// Batch normalisation with learned scale and shift.
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
    /// Scale 1 and shift 0.
    pub fn init(channels: usize, device: &Device) -> Self {
        Self {
            gamma: Initial::ONES.init([channels], device),
            beta: Initial::ZEROS.init([channels], device),
            statistics: Statistics::init(channels, device),
        }
    }

    /// Replaces the default epsilon of 1e-5.
    #[must_use]
    pub fn with_epsilon(mut self, epsilon: f64) -> Self {
        self.statistics.epsilon = epsilon;
        self
    }

    /// Normalises `[batch, channels, height, width]`.
    pub fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        self.statistics.normalise(x, self.gamma.val(), self.beta.val())
    }

    /// [`Self::forward`] followed by ReLU.
    pub fn forward_relu(&self, x: Tensor<4>) -> Tensor<4> {
        match self.activated(x) {
            (x, Some((scale, shift))) => affine_relu(x, scale, shift),
            (x, None) => x,
        }
    }

    /// Input and prologue of a convolution that follows [`Self::forward_relu`].
    pub(super) fn activated(&self, x: Tensor<4>) -> (Tensor<4>, Option<Affine>) {
        self.statistics.activated(x, self.gamma.val(), self.beta.val())
    }

    /// Scale and shift for running statistics; `None` in training.
    pub(super) fn affine(&self) -> Option<Affine> {
        self.statistics.affine(self.gamma.val(), self.beta.val())
    }

    /// Folds the running statistics into scale and shift.
    pub(super) fn fused(mut self) -> Self {
        if let Some((scale, shift)) = self.affine() {
            self.gamma = self.gamma.map(|_| scale);
            self.beta = self.beta.map(|_| shift);
            self.statistics.fused = true;
        }
        self
    }

    /// Folds the affine map before this fused normalisation into it.
    pub(super) fn fused_after(mut self, (scale, shift): Affine) -> Self {
        let gamma = self.gamma.val();
        self.beta = self.beta.map(|beta| beta + gamma * shift);
        self.gamma = self.gamma.map(|gamma| gamma * scale);
        self
    }
}

/// Batch normalisation whose scale and shift depend on the condition (de Vries et al., arXiv 1707.00683).
#[derive(Module, Debug)]
pub struct ConditionalBatchNorm {
    /// `[conditions, 2 * channels]`: scales, then shifts.
    pub table: Param<Tensor<2>>,
    /// Running statistics, shared by all conditions.
    pub statistics: Statistics,
}

impl ConditionalBatchNorm {
    /// Scales from N(1, 0.02) and shifts 0, drawn lazily.
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

    /// Normalises `[batch, channels, height, width]`.
    pub fn forward(&self, x: Tensor<4>, condition: &Condition) -> Tensor<4> {
        match condition {
            Condition::All(index) => {
                let (gamma, beta) = self.row(*index);
                self.statistics.normalise(x, gamma, beta)
            }
            Condition::Each(indices) => self.forward_each(x, indices.clone()),
        }
    }

    /// Input and prologue of a convolution that follows normalisation and ReLU.
    pub(super) fn activated(&self, x: Tensor<4>, condition: &Condition) -> (Tensor<4>, Option<Affine>) {
        match condition {
            Condition::All(index) => {
                let (gamma, beta) = self.row(*index);
                self.statistics.activated(x, gamma, beta)
            }
            Condition::Each(indices) => (relu(self.forward_each(x, indices.clone())), None),
        }
    }

    /// Scale and shift of one condition.
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

    /// Folds the running statistics into the table.
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
