//! The convolution as it is called.

use burn::backend::Dispatch;
#[cfg(feature = "tuned")]
use burn::tensor::Shape;
use burn::tensor::Tensor;

use crate::operations::{Operations, Optional};

/// Most pixels that a convolution may step over: what the networks have.
pub(crate) const MOST_STRIDE: usize = 4;

/// A convolution with a square kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Convolution {
    /// Rows and columns of the kernel.
    pub kernel: usize,
    /// Pixels from one output to the next, 1 to 4.
    pub stride: usize,
    /// Zeros around the image.
    pub padding: usize,
    /// Groups of channels, each convolved within itself.
    pub groups: usize,
    /// Of the map with both sides doubled, each pixel repeated; needs a stride of 1.
    pub doubled: bool,
    /// Outputs are `stride` pixels apart instead of inputs, as in a gradient of the input: a transposed convolution. See [`parities`].
    pub transposed: bool,
}

impl Convolution {
    /// Stride 1, one group, padded so that an odd kernel keeps the sides.
    pub fn same(kernel: usize) -> Self {
        Self { kernel, stride: 1, padding: kernel / 2, groups: 1, doubled: false, transposed: false }
    }

    /// Sides of the output for an input of these sides.
    pub fn output(&self, sides: [usize; 2]) -> [usize; 2] {
        sides.map(|side| {
            if self.transposed {
                return (side.saturating_sub(1) * self.stride + self.kernel).saturating_sub(2 * self.padding);
            }
            let side = if self.doubled { 2 * side } else { side };
            (side + 2 * self.padding).checked_sub(self.kernel).map_or(0, |room| room / self.stride + 1)
        })
    }

    /// Of the output for inputs and weights of these shapes.
    #[cfg(feature = "tuned")]
    pub(crate) fn output_shape(&self, x: &Shape, weight: &Shape) -> Shape {
        let [rows, columns] = self.output([x[2], x[3]]);
        Shape::new([x[0], weight[0], rows, columns])
    }

    /// Of the gradient by an input with these sides.
    #[cfg(feature = "tuned")]
    pub(crate) fn input_shape(&self, weight: &Shape, gradient: &Shape, [height, width]: [usize; 2]) -> Shape {
        Shape::new([gradient[0], weight[1] * self.groups, height, width])
    }

    /// Of the gradient by the weight.
    #[cfg(feature = "tuned")]
    pub(crate) fn weight_shape(&self, x: &Shape, gradient: &Shape) -> Shape {
        Shape::new([gradient[1], x[1] / self.groups, self.kernel, self.kernel])
    }

    fn check(&self, input: [usize; 4], weight: [usize; 4]) {
        let [_, channels, _, _] = input;
        let [outputs, inputs, rows, columns] = weight;
        assert!(
            self.kernel > 0 && [rows, columns] == [self.kernel; 2],
            "a {0}x{0} convolution cannot use a {rows}x{columns} kernel",
            self.kernel
        );
        assert!(self.padding < self.kernel, "a padding of {} would give outputs of zeros alone", self.padding);
        assert!((1..=MOST_STRIDE).contains(&self.stride), "a stride of {} is not supported", self.stride);
        assert!(!self.doubled || self.stride == 1, "a doubled map is convolved with stride 1");
        assert!(!self.transposed || (!self.doubled && self.groups == 1), "a transposed convolution is of one group");
        assert!(
            self.groups > 0 && channels == inputs * self.groups && outputs.is_multiple_of(self.groups),
            "{channels} channels in {} groups do not fit a weight {weight:?}",
            self.groups
        );
    }
}

/// What happens to a convolution's sums before they are stored: `relu(sum + bias + residual)`, each part by choice.
#[derive(Clone, Debug, Default)]
pub struct Epilogue {
    /// `[outputs]`.
    pub bias: Option<Tensor<1>>,
    /// Of the output's shape; or of half its sides, each value added to 2x2 outputs.
    pub residual: Option<Tensor<4>>,
    /// What is negative becomes 0.
    pub relu: bool,
}

/// The 3x3 kernels `[outputs, inputs, 3, 3]` of convolutions of the doubled map as the 4x4 kernels `[outputs, inputs, 4, 4]` of
/// transposed convolutions with stride 2 and padding 1, which give the same: of the weights those that meet the same pixel are
/// added up once, and not at every call.
///
/// # Panics
/// When kernels have other sides.
pub fn parities(weight: Tensor<4>) -> Tensor<4> {
    let [_, _, rows, columns] = weight.dims();
    assert_eq!([rows, columns], [3; 2], "kernels of doubled maps have 3x3 weights");
    Tensor::from_dispatch(<Dispatch as Operations>::parities(weight.into_dispatch()))
}

/// Of what [`parities`] gives.
#[cfg(feature = "tuned")]
pub(crate) fn parities_shape(weight: &Shape) -> Shape {
    Shape::new([weight[0], weight[1], 4, 4])
}

/// Scale and shift are of as many channels as the map that they change.
pub(crate) fn check_affine(channels: usize, affine: Option<&(Tensor<1>, Tensor<1>)>) {
    let fits = affine.is_none_or(|(scale, shift)| scale.dims() == [channels] && shift.dims() == [channels]);
    assert!(fits, "scale and shift of {channels} channels have their number");
}

/// Convolves `x` `[batch, inputs, height, width]` with `weight` `[outputs, inputs / groups, kernel, kernel]`.
///
/// A prologue `(scale, shift)`, both `[inputs]`, makes it a convolution of `relu(scale * x + shift)`; the zeros of the padding
/// come after it.
///
/// # Panics
/// When shapes do not fit each other.
pub fn convolve(
    x: Tensor<4>,
    weight: Tensor<4>,
    prologue: Option<(Tensor<1>, Tensor<1>)>,
    epilogue: Epilogue,
    convolution: Convolution,
) -> Tensor<4> {
    convolution.check(x.dims(), weight.dims());
    let Epilogue { bias, residual, relu } = epilogue;
    let ([batch, inputs, height, width], outputs) = (x.dims(), weight.dims()[0]);
    let [rows, columns] = convolution.output([height, width]);
    if let Some(residual) = &residual {
        let half = [batch, outputs, rows / 2, columns / 2];
        let is_half = rows.is_multiple_of(2) && columns.is_multiple_of(2) && residual.dims() == half;
        let found = residual.dims();
        assert!(is_half || found == [batch, outputs, rows, columns], "a residual {found:?} does not fit the output");
    }
    assert!(bias.as_ref().is_none_or(|bias| bias.dims() == [outputs]), "a bias for {outputs} outputs has their number");
    check_affine(inputs, prologue.as_ref());
    let (scale, shift) = prologue.unzip();
    let vector = |vector: Option<Tensor<1>>| Optional::of(vector.map(Tensor::into_dispatch));
    Tensor::from_dispatch(<Dispatch as Operations>::convolve(
        x.into_dispatch(),
        weight.into_dispatch(),
        vector(scale),
        vector(shift),
        vector(bias),
        Optional::of(residual.map(Tensor::into_dispatch)),
        relu,
        convolution,
    ))
}
