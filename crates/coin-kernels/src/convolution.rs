//! The public convolution functions.

use burn::backend::Dispatch;
#[cfg(feature = "tuned")]
use burn::tensor::Shape;
use burn::tensor::Tensor;

use crate::operations::{Operations, Optional};

/// The largest stride of a kernel here.
pub(crate) const MAX_STRIDE: usize = 4;

/// Geometry of a convolution with a square kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Convolution {
    /// Height and width of the kernel.
    pub kernel: usize,
    /// Stride, 1 to 4.
    pub stride: usize,
    /// Zero padding on each side.
    pub padding: usize,
    /// Number of channel groups.
    pub groups: usize,
    /// Convolves the input after 2x nearest-neighbour upsampling, which is fused into the kernel. Requires a stride of
    /// 1.
    pub doubled: bool,
    /// Transposed convolution. The weight keeps the layout `[outputs, inputs, kernel, kernel]`; requires one group.
    pub transposed: bool,
}

impl Convolution {
    /// Stride 1, one group, and padding that keeps height and width for an odd kernel.
    pub fn same(kernel: usize) -> Self {
        Self { kernel, stride: 1, padding: kernel / 2, groups: 1, doubled: false, transposed: false }
    }

    /// Output height and width for an input of `sides` (height, width); 0 where the kernel does not fit.
    pub fn output(&self, sides: [usize; 2]) -> [usize; 2] {
        sides.map(|side| {
            if self.transposed {
                return (side.saturating_sub(1) * self.stride + self.kernel).saturating_sub(2 * self.padding);
            }
            let side = if self.doubled { 2 * side } else { side };
            (side + 2 * self.padding).checked_sub(self.kernel).map_or(0, |room| room / self.stride + 1)
        })
    }

    /// Shape of the output.
    #[cfg(feature = "tuned")]
    pub(crate) fn output_shape(&self, x: &Shape, weight: &Shape) -> Shape {
        let [rows, columns] = self.output([x[2], x[3]]);
        Shape::new([x[0], weight[0], rows, columns])
    }

    /// Shape of the gradient with respect to an input of this height and width.
    #[cfg(feature = "tuned")]
    pub(crate) fn input_shape(&self, weight: &Shape, gradient: &Shape, [height, width]: [usize; 2]) -> Shape {
        Shape::new([gradient[0], weight[1] * self.groups, height, width])
    }

    /// Shape of the gradient with respect to the weight.
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
        assert!(self.padding < self.kernel, "padding {} must be less than the kernel size", self.padding);
        assert!((1..=MAX_STRIDE).contains(&self.stride), "stride {} is not supported", self.stride);
        assert!(!self.doubled || self.stride == 1, "an upsampled input requires stride 1");
        assert!(
            !self.transposed || (!self.doubled && self.groups == 1),
            "a transposed convolution requires one group and no upsampling"
        );
        assert!(
            self.groups > 0 && channels == inputs * self.groups && outputs.is_multiple_of(self.groups),
            "{channels} channels in {} groups do not match the weight shape {weight:?}",
            self.groups
        );
    }
}

/// What a convolution applies to its sums before storing them: `relu(sum + bias + residual)`, each part optional.
#[derive(Clone, Debug, Default)]
pub struct Epilogue {
    /// `[outputs]`.
    pub bias: Option<Tensor<1>>,
    /// Has the output's shape, or half its height and width; a half-size residual is upsampled 2x (nearest neighbour).
    pub residual: Option<Tensor<4>>,
    /// Whether to apply ReLU.
    pub relu: bool,
}

/// Folds 3x3 kernels `[outputs, inputs, 3, 3]` for a 2x upsampled input into 4x4 kernels `[outputs, inputs, 4, 4]`.
///
/// A transposed convolution with the folded kernels, stride 2 and padding 1 equals a convolution of the upsampled map
/// with the originals. Weights that meet the same input pixel are summed once, ahead of time, instead of in every call.
///
/// # Panics
/// If the kernels are not 3x3.
pub fn parities(weight: Tensor<4>) -> Tensor<4> {
    let [_, _, rows, columns] = weight.dims();
    assert_eq!([rows, columns], [3; 2], "only 3x3 kernels can be folded");
    Tensor::from_dispatch(<Dispatch as Operations>::parities(weight.into_dispatch()))
}

/// Shape of the result of [`parities`].
#[cfg(feature = "tuned")]
pub(crate) fn parities_shape(weight: &Shape) -> Shape {
    Shape::new([weight[0], weight[1], 4, 4])
}

/// Panics unless scale and shift are both `[channels]`.
pub(crate) fn check_affine(channels: usize, affine: Option<&(Tensor<1>, Tensor<1>)>) {
    let fits = affine.is_none_or(|(scale, shift)| scale.dims() == [channels] && shift.dims() == [channels]);
    assert!(fits, "scale and shift must have {channels} values, one per channel");
}

/// Convolves `x` `[batch, inputs, height, width]` with `weight` `[outputs, inputs / groups, kernel, kernel]`.
///
/// With a prologue `(scale, shift)`, both `[inputs]`, the input is `relu(scale * x + shift)`. Zero padding is applied
/// after the prologue.
///
/// # Panics
/// If the shapes do not match, or the geometry is not supported.
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
        assert!(
            is_half || found == [batch, outputs, rows, columns],
            "a residual of shape {found:?} does not match the output"
        );
    }
    assert!(
        bias.as_ref().is_none_or(|bias| bias.dims() == [outputs]),
        "the bias must have {outputs} values, one per output"
    );
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
