//! The public functions on convolutions and Adam.

use burn::backend::Dispatch;
use burn::tensor::Tensor;

use crate::operations::{Operations, Optional};
use crate::{Adam, Convolution, Epilogue};

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

/// Takes one Adam step and returns the updated parameter and its two moments.
///
/// All tensors have the same shape. Both moments are zero before the first step.
pub fn adam<const D: usize>(
    parameter: Tensor<D>,
    gradient: Tensor<D>,
    moments: [Tensor<D>; 2],
    adam: Adam,
) -> (Tensor<D>, [Tensor<D>; 2]) {
    let [parameter, gradient] = [parameter, gradient].map(Tensor::into_dispatch);
    let [first, second] = moments.map(Tensor::into_dispatch);
    let (parameter, first, second) = <Dispatch as Operations>::adam(parameter, gradient, first, second, adam);
    (Tensor::from_dispatch(parameter), [first, second].map(Tensor::from_dispatch))
}
