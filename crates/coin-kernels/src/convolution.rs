//! The geometry of a convolution, and what is applied to its result.

#[cfg(feature = "tuned")]
use burn::tensor::Shape;
use burn::tensor::Tensor;

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

    /// Panics unless the geometry is supported and fits these shapes.
    pub(crate) fn check(&self, input: [usize; 4], weight: [usize; 4]) {
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

/// Shape of the result of [`parities`].
#[cfg(feature = "tuned")]
pub(crate) fn parities_shape(weight: &Shape) -> Shape {
    Shape::new([weight[0], weight[1], 4, 4])
}
