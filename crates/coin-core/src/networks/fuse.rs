//! How the generator's output and the input become the counterfactual: the perturbation, "ptb" in the paper.

use burn::tensor::{Tensor, activation::tanh};
use serde::{Deserialize, Serialize};

use super::Convolution;

/// The final step from generator output `out` and input `x` to the counterfactual.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fuse {
    /// `tanh(out)`: the input is not used.
    None,
    /// `tanh(out + x)`, as in the paper. `out = 0` is not the identity: it maps 1 to tanh(1) = 0.76.
    #[default]
    SkipAddTanh,
    /// `tanh(out / max(|out|_2, 1) + x)`, with the norm over height and width.
    SkipAddL2Tanh,
    /// `tanh(conv3x3([out, x]))`.
    #[serde(rename = "skip_stack_3x3conv_tanh")]
    SkipStack3x3ConvTanh,
    /// `tanh(conv1x1([out, x]))`. The reference creates this convolution but never applies it.
    #[serde(rename = "skip_stack_1x1conv_tanh")]
    SkipStack1x1ConvTanh,
    /// `(x + tanh(out)) / 2`.
    SkipTanhAvg,
    /// `clamp(x + tanh(out), -1, 1)`: the identity at `out = 0`, with zero gradient where it clamps.
    SkipTanhClamp,
    /// Moves `x` by the fraction `|tanh(out)|` of the distance to 1 (`out > 0`) or -1 (`out < 0`): the identity at `out
    /// = 0`, always in [-1, 1], and with a gradient everywhere inside.
    SkipTanhMove,
}

impl Fuse {
    /// Kernel size of the convolution that joins output and input, if any.
    pub(super) fn kernel(self) -> Option<usize> {
        match self {
            Self::SkipStack3x3ConvTanh => Some(3),
            Self::SkipStack1x1ConvTanh => Some(1),
            _ => None,
        }
    }

    /// Maps output and input, both `[batch, 1, height, width]`, to the counterfactual in [-1, 1].
    pub(super) fn forward(self, out: Tensor<4>, x: Tensor<4>, joint: Option<&Convolution>) -> Tensor<4> {
        match self {
            Self::None => tanh(out),
            Self::SkipAddTanh => tanh(out + x),
            Self::SkipAddL2Tanh => {
                let norm = out.clone().powf_scalar(2.0).sum_dim(2).sum_dim(3).sqrt().clamp_min(1.0);
                tanh(out / norm + x)
            }
            Self::SkipStack3x3ConvTanh | Self::SkipStack1x1ConvTanh => {
                let stacked = Tensor::cat(vec![out.clone(), x], 1);
                tanh(joint.map_or(out, |joint| joint.forward(stacked)))
            }
            Self::SkipTanhAvg => (x + tanh(out)) * 0.5,
            Self::SkipTanhClamp => (x + tanh(out)).clamp(-1.0, 1.0),
            Self::SkipTanhMove => {
                // With s = tanh(out), both branches in one formula: x + s - x |s|.
                let share = tanh(out);
                x.clone() + share.clone() - x * share.abs()
            }
        }
    }
}
