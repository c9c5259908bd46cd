//! CPU kernels: convolutions and their input gradients ([`convolution`], with Winograd on short vectors), weight
//! gradients ([`weight_gradient`]), and passes over feature maps ([`normalisation`], [`pooling`]), on all cores.
//!
//! Results do not depend on the number of cores. Types other than f32 fall back to Burn.

mod band;
mod buffers;
mod convolution;
mod elementwise;
mod normalisation;
mod planes;
mod pooling;
mod tasks;
#[cfg(test)]
mod tests;
mod tile;
mod weight_gradient;

use burn::backend::tensor::FloatTensor;
use burn::backend::{DType, Flex};
use burn::tensor::{Shape, TensorData};
use burn_flex::{FlexTensor, Layout};
use macerator::Arch;

use crate::operations::{self, Operations, Optional};
use crate::stencil::Stencil;
use crate::{Adam, Convolution, composed};
use band::{Map, Prologue};
use buffers::Buffer;
use convolution::{Epilogue, Residual, Sum};
use weight_gradient::WeightGradient;

impl Operations for Flex {
    fn convolve(
        x: FloatTensor<Self>,
        weight: FloatTensor<Self>,
        scale: Optional<Self>,
        shift: Optional<Self>,
        bias: Optional<Self>,
        residual: Optional<Self>,
        relu: bool,
        convolution: Convolution,
    ) -> FloatTensor<Self> {
        let [scale, shift, bias, residual] = [scale, shift, bias, residual].map(Optional::get);
        if !is_f32(&x) {
            let x = operations::after_prologue::<Self>(x, scale, shift);
            return composed::convolve::<Self>(x, weight, bias, residual, relu, convolution);
        }
        let [x, weight] = [x, weight].map(Values::of);
        let [scale, shift, bias, residual] = [scale, shift, bias, residual].map(|tensor| tensor.map(Values::of));
        let from = x.map();
        let [height, width] = convolution.output([from.height, from.width]);
        let to = Map { batch: from.batch, channels: weight.map().batch, height, width };
        let prologue =
            Prologue(scale.as_ref().zip(shift.as_ref()).map(|(scale, shift)| (scale.slice(), shift.slice())));
        let residual = residual.as_ref().map(|residual| {
            let (values, map) = (residual.slice(), residual.map());
            Residual { values, map, doubled: (map.height, map.width) != (height, width) }
        });
        let sum = Sum {
            stencil: &Stencil::forward(&convolution),
            groups: convolution.groups,
            input: x.slice(),
            from,
            to,
            weights: weight.slice(),
            kernel: convolution.kernel * convolution.kernel,
            transposed: false,
            prologue,
            epilogue: Epilogue { bias: bias.as_ref().map(Values::slice), residual, relu },
        };
        tensor(sum.compute(Arch::detect()), to)
    }

    fn parities(weight: FloatTensor<Self>) -> FloatTensor<Self> {
        if !is_f32(&weight) {
            return composed::parities::<Self>(weight);
        }
        let weight = Values::of(weight);
        let to = Map { height: 4, width: 4, ..weight.map() };
        tensor(convolution::parities(weight.slice()), to)
    }

    fn convolve_input_gradient(
        weight: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        [height, width]: [usize; 2],
        convolution: Convolution,
    ) -> FloatTensor<Self> {
        if !is_f32(&gradient) {
            return composed::convolve_input_gradient::<Self>(weight, gradient, [height, width], convolution);
        }
        let [weight, gradient] = [weight, gradient].map(Values::of);
        let from = gradient.map();
        let to = Map { batch: from.batch, channels: weight.map().channels * convolution.groups, height, width };
        let sum = Sum {
            stencil: &Stencil::backward(&convolution),
            groups: convolution.groups,
            input: gradient.slice(),
            from,
            to,
            weights: weight.slice(),
            kernel: convolution.kernel * convolution.kernel,
            transposed: true,
            prologue: Prologue::default(),
            epilogue: Epilogue::default(),
        };
        tensor(sum.compute(Arch::detect()), to)
    }

    fn convolve_weight_gradient(
        x: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        convolution: Convolution,
    ) -> FloatTensor<Self> {
        if !is_f32(&gradient) {
            return composed::convolve_weight_gradient::<Self>(x, gradient, convolution);
        }
        let [x, gradient] = [x, gradient].map(Values::of);
        let Convolution { kernel, groups, .. } = convolution;
        let (from, to) = (x.map(), gradient.map());
        let sum = WeightGradient {
            stencil: &Stencil::forward(&convolution),
            groups,
            input: x.slice(),
            from,
            gradient: gradient.slice(),
            to,
            kernel: kernel * kernel,
        };
        let shape = Map { batch: to.channels, channels: from.channels / groups, height: kernel, width: kernel };
        tensor(sum.compute(Arch::detect()), shape)
    }

    fn affine_relu(x: FloatTensor<Self>, scale: FloatTensor<Self>, shift: FloatTensor<Self>) -> FloatTensor<Self> {
        if !is_f32(&x) {
            return composed::affine_relu::<Self>(x, scale, shift);
        }
        let [x, scale, shift] = [x, scale, shift].map(Values::of);
        tensor(normalisation::affine_relu(x.slice(), x.map(), scale.slice(), shift.slice()), x.map())
    }

    fn batch_norm_statistics(
        x: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        epsilon: f64,
        relu: bool,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        if !is_f32(&x) {
            return composed::batch_norm::<Self>(x, gamma, beta, epsilon, relu);
        }
        let [x, gamma, beta] = [x, gamma, beta].map(Values::of);
        let map = x.map();
        let (y, mean, variance) =
            normalisation::normalise(x.slice(), map, gamma.slice(), beta.slice(), epsilon as f32, relu);
        (tensor(y, map), vector(mean), vector(variance))
    }

    fn batch_norm_gradient(
        x: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        gamma: FloatTensor<Self>,
        beta: FloatTensor<Self>,
        mean: FloatTensor<Self>,
        variance: FloatTensor<Self>,
        epsilon: f64,
        relu: bool,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        if !is_f32(&x) {
            return composed::batch_norm_gradient::<Self>(x, gradient, gamma, beta, mean, variance, epsilon, relu);
        }
        let (x, mut gradient) = (Values::of(x), contiguous(gradient));
        let [gamma, beta, mean, variance] = [gamma, beta, mean, variance].map(Values::of);
        let map = x.map();
        let normalised = normalisation::Normalised {
            x: x.slice(),
            map,
            gamma: gamma.slice(),
            beta: beta.slice(),
            mean: mean.slice(),
            variance: variance.slice(),
            epsilon: epsilon as f32,
            relu,
        };
        let (by_x, (by_gamma, by_beta)) = if gradient.is_unique() {
            let found = normalised.gradient(None, slice_mut(&mut gradient));
            (gradient, found)
        } else {
            let mut by_x = Buffer::unspecified(map.len());
            let found = normalised.gradient(Some(Values(gradient).slice()), &mut by_x);
            (tensor(by_x, map), found)
        };
        (by_x, vector(by_gamma), vector(by_beta))
    }

    fn sum_pool(x: FloatTensor<Self>, scale: Optional<Self>, shift: Optional<Self>, factor: f32) -> FloatTensor<Self> {
        let [scale, shift] = [scale, shift].map(Optional::get);
        if !is_f32(&x) {
            return composed::sum_pool::<Self>(operations::after_prologue::<Self>(x, scale, shift), factor);
        }
        let x = Values::of(x);
        let [scale, shift] = [scale, shift].map(|tensor| tensor.map(Values::of));
        let prologue =
            Prologue(scale.as_ref().zip(shift.as_ref()).map(|(scale, shift)| (scale.slice(), shift.slice())));
        let (from, to) = (x.map(), Map { height: x.map().height / 2, width: x.map().width / 2, ..x.map() });
        tensor(pooling::sum_pool(x.slice(), from, to, &prologue, factor), to)
    }

    fn add_relu(x: FloatTensor<Self>, y: FloatTensor<Self>) -> FloatTensor<Self> {
        if !is_f32(&x) {
            return composed::add_relu::<Self>(x, y);
        }
        let (mut x, y) = (contiguous(x), Values::of(y));
        elementwise::add_relu(slice_mut(&mut x), y.slice());
        x
    }

    fn relu_gradient(output: FloatTensor<Self>, gradient: FloatTensor<Self>) -> FloatTensor<Self> {
        if !is_f32(&gradient) {
            return composed::relu_gradient::<Self>(output, gradient);
        }
        let (output, mut gradient) = (Values::of(output), contiguous(gradient));
        elementwise::relu_gradient(slice_mut(&mut gradient), output.slice());
        gradient
    }

    fn adam(
        parameter: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        first: FloatTensor<Self>,
        second: FloatTensor<Self>,
        adam: Adam,
    ) -> (FloatTensor<Self>, FloatTensor<Self>, FloatTensor<Self>) {
        if !is_f32(&parameter) {
            return composed::adam::<Self>(parameter, gradient, first, second, adam);
        }
        let gradient = Values::of(gradient);
        let [mut parameter, mut first, mut second] = [parameter, first, second].map(contiguous);
        let moments = [slice_mut(&mut first), slice_mut(&mut second)];
        elementwise::adam(slice_mut(&mut parameter), gradient.slice(), moments, &adam);
        (parameter, first, second)
    }

    fn max_pool(x: FloatTensor<Self>) -> FloatTensor<Self> {
        if !is_f32(&x) {
            return composed::max_pool::<Self>(x);
        }
        let x = Values::of(x);
        let from = x.map();
        let to = Map { height: from.height.div_ceil(2), width: from.width.div_ceil(2), ..from };
        tensor(pooling::maximum(x.slice(), from, to), to)
    }

    fn max_pool_gradient(x: FloatTensor<Self>, gradient: FloatTensor<Self>) -> FloatTensor<Self> {
        if !is_f32(&x) {
            return composed::max_pool_gradient::<Self>(x, gradient);
        }
        let [x, gradient] = [x, gradient].map(Values::of);
        let found = pooling::maximum_gradient(x.slice(), x.map(), gradient.slice(), gradient.map());
        tensor(found, x.map())
    }

    fn double(x: FloatTensor<Self>, [height, width]: [usize; 2], factor: f32) -> FloatTensor<Self> {
        if !is_f32(&x) {
            return composed::double::<Self>(x, [height, width], factor);
        }
        let x = Values::of(x);
        let to = Map { height, width, ..x.map() };
        tensor(pooling::double(x.slice(), x.map(), to, factor), to)
    }
}

fn is_f32(x: &FlexTensor) -> bool {
    x.dtype() == DType::F32
}

/// The f32 values of a contiguous tensor.
struct Values(FlexTensor);

impl Values {
    fn of(tensor: FlexTensor) -> Self {
        Self(tensor.to_contiguous())
    }

    fn slice(&self) -> &[f32] {
        let values = self.0.as_slice();
        values.unwrap_or_else(|| unreachable!("contiguous, and f32 like the first operand"))
    }

    /// The shape, padded with trailing ones to four dimensions.
    fn map(&self) -> Map {
        let shape = self.0.layout().shape();
        Map::of(std::array::from_fn(|side| if side < shape.num_dims() { shape[side] } else { 1 }))
    }
}

/// Makes a tensor contiguous, without a copy if it already is.
fn contiguous(tensor: FlexTensor) -> FlexTensor {
    tensor.to_contiguous()
}

/// The f32 values of a contiguous tensor; copies first if the storage is shared.
fn slice_mut(tensor: &mut FlexTensor) -> &mut [f32] {
    let (start, length) = (tensor.layout().start_offset(), tensor.layout().num_elements());
    &mut tensor.storage_mut()[start..start + length]
}

fn tensor(values: Buffer, map: Map) -> FlexTensor {
    let layout = Layout::contiguous(Shape::new([map.batch, map.channels, map.height, map.width]));
    FlexTensor::new(values.into_bytes(), layout, DType::F32)
}

fn vector(values: Vec<f32>) -> FlexTensor {
    let length = values.len();
    FlexTensor::from_data(TensorData::new(values, Shape::new([length])))
}
