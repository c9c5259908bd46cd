//! Square convolutions with optional spectral normalisation.

use burn::module::{Module, Param};
use burn::tensor::{Device, Tensor};
use coin_kernels::{Epilogue, convolve, parities};

use super::normalisation::Affine;
use super::{Initial, SpectralNorm};

/// Builder of a [`Convolution`].
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
    /// A convolution without bias, with Xavier-uniform initialisation of gain 1.
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

    /// Sets the stride.
    pub fn stride(mut self, stride: usize) -> Self {
        self.stride = stride;
        self
    }

    /// Sets the number of channel groups.
    pub fn groups(mut self, groups: usize) -> Self {
        self.groups = groups;
        self
    }

    /// Adds a bias, initially zero.
    pub fn bias(mut self) -> Self {
        self.bias = true;
        self
    }

    /// Sets whether the weight is spectrally normalised.
    pub fn spectral_norm(mut self, wanted: bool) -> Self {
        self.spectral_norm = wanted;
        self
    }

    /// Uses Xavier-uniform initialisation with gain sqrt(2), for a convolution followed by ReLU.
    pub fn before_relu(self) -> Self {
        self.initializer(Initial::XavierUniform(std::f64::consts::SQRT_2))
    }

    /// Sets the initialiser of the weight.
    pub fn initializer(mut self, initializer: Initial) -> Self {
        self.initializer = initializer;
        self
    }

    /// Creates the layer on `device`.
    pub fn init(&self, device: &Device) -> Convolution {
        let area = self.kernel * self.kernel;
        let inputs = self.inputs / self.groups;
        let shape = [self.outputs, inputs, self.kernel, self.kernel];
        // PyTorch's fan-out ignores groups too.
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

/// A convolution with a square kernel: "same" padding for an odd kernel, none for an even one.
#[derive(Module, Debug)]
pub struct Convolution {
    /// `[outputs, inputs / groups, kernel, kernel]`.
    pub weight: Param<Tensor<4>>,
    /// `[outputs]`.
    pub bias: Option<Param<Tensor<1>>>,
    /// Present if the weight is divided by its spectral norm.
    pub spectral_norm: Option<SpectralNorm>,
    /// Stride.
    pub stride: usize,
    /// Number of channel groups.
    pub groups: usize,
    /// Whether the 4x4 weight comes from [`coin_kernels::parities`].
    parities: bool,
}

impl Convolution {
    /// Zero padding on each side for a kernel size.
    pub fn padding(kernel: usize) -> usize {
        if kernel.is_multiple_of(2) { 0 } else { kernel / 2 }
    }

    /// Maps `[batch, inputs, height, width]` to `[batch, outputs, height / stride, width / stride]`.
    pub fn forward(&self, x: Tensor<4>) -> Tensor<4> {
        self.apply(x, None, Epilogue::default(), false)
    }

    /// [`Self::forward`] with a prologue and epilogue, see [`coin_kernels::convolve`]. With `doubled`, the input is
    /// upsampled 2x (nearest neighbour). The layer's bias replaces the epilogue's.
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

    /// The weight after spectral normalisation.
    pub fn effective_weight(&self) -> Tensor<4> {
        match &self.spectral_norm {
            Some(norm) => norm.divide(self.weight.val()),
            None => self.weight.val(),
        }
    }

    /// Folds the affine map after this convolution into it.
    pub(super) fn fused_with(self, (scale, shift): Affine) -> Self {
        let outputs = scale.dims()[0];
        let weight = self.effective_weight() * scale.clone().reshape([outputs, 1, 1, 1]);
        let bias = match &self.bias {
            Some(bias) => bias.val() * scale + shift,
            None => shift,
        };
        self.replaced(weight, bias)
    }

    /// Folds the affine map before this 1x1 convolution into it.
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

    /// Folds 2x upsampling into this 3x3 convolution, see [`coin_kernels::parities`].
    pub(super) fn fused_with_doubling(self) -> Self {
        if self.parities {
            return self;
        }
        let weight = parities(self.effective_weight());
        Self { weight: self.weight.map(|_| weight), spectral_norm: None, parities: true, ..self }
    }

    /// Replaces weight and bias; the weight already includes spectral normalisation.
    fn replaced(self, weight: Tensor<4>, bias: Tensor<1>) -> Self {
        let bias = Some(Param::from_tensor(bias));
        Self { weight: self.weight.map(|_| weight), bias, spectral_norm: None, ..self }
    }

    /// Divides the weight by its spectral norm once and for all.
    pub fn folded(self) -> Self {
        let weight = self.effective_weight();
        Self { weight: self.weight.map(|_| weight), spectral_norm: None, ..self }
    }
}
