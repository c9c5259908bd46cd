//! How the generator's output becomes a picture: the perturbation of the input ("ptb" in the paper).

use burn::tensor::{Tensor, activation::tanh};
use serde::{Deserialize, Serialize};

use super::Convolution;

/// The last step from generator output and input to counterfactual.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fuse {
    /// `tanh(out)`: no perturbation, the input is not used.
    None,
    /// `tanh(out + x)`, the paper's. An output of 0 is not the identity: it maps 1 to tanh 1 = 0.76.
    #[default]
    SkipAddTanh,
    /// `tanh(out / max(|out|_2, 1) + x)` with the norm over height and width.
    SkipAddL2Tanh,
    /// `tanh(conv3x3([out, x]))`.
    #[serde(rename = "skip_stack_3x3conv_tanh")]
    SkipStack3x3ConvTanh,
    /// `tanh(conv1x1([out, x]))`. The reference makes this convolution and then never uses it.
    #[serde(rename = "skip_stack_1x1conv_tanh")]
    SkipStack1x1ConvTanh,
    /// `(x + tanh(out)) / 2`.
    SkipTanhAvg,
    /// `clamp(x + tanh(out), -1, 1)`, the identity at an output of 0, without a gradient where it clamps.
    SkipTanhClamp,
    /// `x` moved by the share `|tanh(out)|` of the way to 1 (out > 0) or -1 (out < 0): the identity at an output of 0,
    /// never outside [-1, 1], and with a gradient wherever there is room to move.
    SkipTanhMove,
}

impl Fuse {
    /// Side of the convolution that joins output and input, where this fuse has one.
    pub(super) fn kernel(self) -> Option<usize> {
        match self {
            Self::SkipStack3x3ConvTanh => Some(3),
            Self::SkipStack1x1ConvTanh => Some(1),
            _ => None,
        }
    }

    /// Both `[batch, 1, height, width]`; the counterfactual is in [-1, 1].
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
                // With s = tanh(out), both branches at once: x + s - x |s|.
                let share = tanh(out);
                x.clone() + share.clone() - x * share.abs()
            }
        }
    }
}
