//! Adam with one fused operation per parameter.

use burn::optim::{AdamState, AdaptiveMomentumState, LearningRate, Optimizer};
use burn::tensor::{Device, Tensor};

/// Adam with PyTorch's defaults (Kingma and Ba, arXiv 1412.6980, algorithm 1).
#[derive(Clone, Copy, Debug)]
pub(super) struct Adam {
    /// Exponential decay rates of the first and second moment.
    pub betas: [f32; 2],
    /// Added to the square root of the second moment.
    pub epsilon: f32,
    /// L2 penalty, added to the gradient.
    pub weight_decay: f32,
}

impl Default for Adam {
    fn default() -> Self {
        Self { betas: [0.9, 0.999], epsilon: 1e-8, weight_decay: 0.0 }
    }
}

impl Optimizer for Adam {
    /// Burn's state, so that checkpoints have the format of its Adam.
    type State<const D: usize> = AdamState<D>;

    fn step<const D: usize>(
        &self,
        learning_rate: LearningRate,
        parameter: Tensor<D>,
        gradient: Tensor<D>,
        state: Option<Self::State<D>>,
    ) -> (Tensor<D>, Option<Self::State<D>>) {
        let gradient = match self.weight_decay {
            0.0 => gradient,
            decay => parameter.clone() * decay + gradient,
        };
        let (time, moments) = match state {
            Some(AdamState { momentum }) => (momentum.time, [momentum.moment_1, momentum.moment_2]),
            None => (0, [gradient.zeros_like(), gradient.zeros_like()]),
        };
        let &Self { betas, epsilon, .. } = self;
        let step = coin_kernels::Adam { learning_rate, betas, epsilon, time: time + 1 };
        let (parameter, [moment_1, moment_2]) = coin_kernels::adam(parameter, gradient, moments, step);
        (parameter, Some(AdamState::new(AdaptiveMomentumState::new(time + 1, moment_1, moment_2))))
    }

    fn to_device<const D: usize>(state: Self::State<D>, device: &Device) -> Self::State<D> {
        AdamState::new(state.momentum.to_device(device))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use burn::optim::AdamConfig;
    use burn::optim::decay::WeightDecayConfig;
    use burn::tensor::Distribution;

    use super::*;

    #[test]
    fn steps_match_burns_adam() {
        let device = Device::flex();
        let random = || Tensor::<2>::random([37, 41], Distribution::Normal(0.0, 1.0), &device);
        let ours = Adam { betas: [0.8, 0.99], weight_decay: 0.1, ..Adam::default() };
        let burns = AdamConfig::new().with_beta_1(0.8).with_beta_2(0.99).with_epsilon(1e-8);
        let burns = burns.with_weight_decay(Some(WeightDecayConfig::new(0.1))).build();
        let start = random();
        let (mut found, mut expected) = ((start.clone(), None), (start, None));
        for _ in 0..3 {
            let gradient = random();
            found = ours.step(0.01, found.0, gradient.clone(), found.1);
            expected = burns.step(0.01, expected.0, gradient, expected.1);
        }
        let error = (found.0 - expected.0).abs().max().into_scalar::<f32>();
        assert!(error <= 1e-6, "off by {error}");
        assert_eq!(found.1.unwrap().momentum.time, 3);
    }
}
