//! A square convolution and, where asked, its spectral normalisation.

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor};
use coin_kernels::{Epilogue, convolve, parities};

use super::normalisation::Affine;
use super::{Initial, SpectralNorm};

/// How to make a [`Convolution`].
#[derive(Clone, Debug)]
pub struct ConvolutionConfig {
    inputs: usize,
    outputs: usize,
    kernel: usize,
    stride: usize,
    groups: usize,
    bias: bool,
    spectral_norm: bool,
    initializer: Initial,
}

impl ConvolutionConfig {
    /// A convolution without bias, initialised Xavier-uniform with gain 1.
    pub fn new(inputs: usize, outputs: usize, kernel: usize) -> Self {
        Self {
            inputs,
            outputs,
            kernel,
            stride: 1,
            groups: 1,
            bias: false,
            spectral_norm: false,
            initializer: Initial::XavierUniform(1.0),
        }
    }

    /// With this stride.
    pub fn stride(mut self, stride: usize) -> Self {
        self.stride = stride;
        self
    }

    /// Of so many groups of channels, each within itself.
    pub fn groups(mut self, groups: usize) -> Self {
        self.groups = groups;
        self
    }

    /// With a bias, zero at the start.
    pub fn bias(mut self) -> Self {
        self.bias = true;
        self
    }

    /// With spectral normalisation when `wanted`.
    pub fn spectral_norm(mut self, wanted: bool) -> Self {
        self.spectral_norm = wanted;
        self
    }

    /// Xavier-uniform with gain sqrt 2, for a convolution followed by ReLU.
    pub fn before_relu(self) -> Self {
        self.initializer(Initial::XavierUniform(std::f64::consts::SQRT_2))
    }

    /// With another initialiser of the weight.
    pub fn initializer(mut self, initializer: Initial) -> Self {
        self.initializer = initializer;
        self
    }

    /// Makes the layer on `device`.
    pub fn init(&self, device: &Device) -> Convolution {
        let area = self.kernel * self.kernel;
        let inputs = self.inputs / self.groups;
        let shape = [self.outputs, inputs, self.kernel, self.kernel];
        // PyTorch's fan-out does not know of groups either.
        let fans = [inputs * area, self.outputs * area];
        Convolution {
            weight: self.initializer.init_with(shape, fans, device),
            bias: self.bias.then(|| Initial::ZEROS.init([self.outputs], device)),
            spectral_norm: self.spectral_norm.then(|| SpectralNorm::init(self.outputs, device)),
            stride: self.stride,
            groups: self.groups,
            parities: false,
        }
    }
}

/// A convolution with a square kernel: padded to keep the size when the side is odd, unpadded when it is even.
#[derive(Module, Debug)]
pub struct Convolution {
    /// `[outputs, inputs / groups, kernel, kernel]`.
    pub weight: Param<Tensor<4>>,
    /// `[outputs]`.
    pub bias: Option<Param<Tensor<1>>>,
    /// Present when the weight is divided by its spectral norm.
    pub spectral_norm: Option<SpectralNorm>,
    /// Pixels from one output to the next.
    pub stride: usize,
    /// Groups of channels.
    pub groups: usize,
    /// Whether the weight, 4x4, is one of [`coin_kernels::parities`].
    parities: bool,
}

impl Convolution {
    /// Zeros around the image for a kernel of this side.
    pub fn padding(kernel: usize) -> usize {
        if kernel.is_multiple_of(2) { 0 } else { kernel / 2 }
    }

    /// `[batch, inputs, height, width]` to `[batch, outputs, height / stride, width / stride]`.
    pub fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        self.apply(x, None, Epilogue::default(), false)
    }

    /// [`Self::forward`] with what comes before and after it, of `x` or of the nearest-doubled `x`; see
    /// [`coin_kernels::convolve`]. The bias is the layer's own.
    pub(super) fn apply(
        &self,
        x: Tensor<4>,
        prologue: Option<(Tensor<1>, Tensor<1>)>,
        epilogue: Epilogue,
        doubled: bool,
    ) -> Tensor<4> {
        let weight = self.effective_weight();
        let kernel = weight.dims()[2];
        let epilogue = Epilogue { bias: self.bias.as_ref().map(|bias| bias.val()), ..epilogue };
        let convolution = if self.parities {
            let same = coin_kernels::Convolution::same(kernel);
            coin_kernels::Convolution { stride: 2, padding: 1, transposed: true, ..same }
        } else {
            let (padding, stride, groups) = (Self::padding(kernel), self.stride, self.groups);
            coin_kernels::Convolution { kernel, stride, padding, groups, doubled, transposed: false }
        };
        convolve(x, weight, prologue, epilogue, convolution)
    }

    /// The weight that the convolution applies: divided by its spectral norm where it has one.
    pub fn effective_weight(&self) -> Tensor<4> {
        match &self.spectral_norm {
            Some(norm) => norm.divide(self.weight.val()),
            None => self.weight.val(),
        }
    }

    /// This convolution and the normalisation after it as one, for running statistics.
    pub(super) fn fused_with(self, (scale, shift): Affine) -> Self {
        let outputs = scale.dims()[0];
        let weight = self.effective_weight() * scale.clone().reshape([outputs, 1, 1, 1]);
        let bias = match &self.bias {
            Some(bias) => bias.val() * scale + shift,
            None => shift,
        };
        self.replaced(weight, bias)
    }

    /// This 1x1 convolution and the scale and shift before it as one.
    pub(super) fn fused_after(self, (scale, shift): Affine) -> Self {
        let weight = self.effective_weight();
        let [outputs, inputs, _, _] = weight.dims();
        let bias = (weight.clone() * shift.reshape([1, inputs, 1, 1])).sum_dim(1).reshape([outputs]);
        let bias = match &self.bias {
            Some(own) => own.val() + bias,
            None => bias,
        };
        self.replaced(weight * scale.reshape([1, inputs, 1, 1]), bias)
    }

    /// This 3x3 convolution of doubled maps with its weights added up for each parity of an output; see
    /// [`coin_kernels::parities`].
    pub(super) fn fused_with_doubling(self) -> Self {
        if self.parities {
            return self;
        }
        let weight = parities(self.effective_weight());
        Self { weight: self.weight.map(|_| weight), spectral_norm: None, parities: true, ..self }
    }

    /// With another weight, spectral normalisation already applied, and another bias.
    fn replaced(self, weight: Tensor<4>, bias: Tensor<1>) -> Self {
        let bias = Some(Param::from_tensor(bias));
        Self { weight: self.weight.map(|_| weight), bias, spectral_norm: None, ..self }
    }

    /// The same function without spectral normalisation left to compute.
    pub fn folded(self) -> Self {
        let weight = self.effective_weight();
        Self { weight: self.weight.map(|_| weight), spectral_norm: None, ..self }
    }
}
