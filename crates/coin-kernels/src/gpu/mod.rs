//! GPU kernels through CubeCL: fused convolutions and their input gradients ([`convolution`]), weight gradients
//! ([`weights`]), batch normalisation ([`normalisation`]), and elementwise and pooling operations ([`maps`]). Types
//! other than f32 fall back to Burn.

mod convolution;
mod maps;
mod normalisation;
mod weights;

use std::sync::LazyLock;

use burn::backend::DType;
use burn::backend::tensor::FloatTensor;
use burn::tensor::Shape;
use burn_cubecl::CubeBackend;
use burn_cubecl::cubecl::{CubeCount, CubeDim};
use burn_cubecl::kernel::into_contiguous;
use burn_cubecl::ops::numeric::empty_device_contiguous_dtype;
use burn_cubecl::tensor::CubeTensor;

use crate::operations::{self, Operations, Optional};
use crate::{Adam, Convolution, composed};
use convolution::{COLUMNS, POSITIONS, Plan, SizesLaunch};
use maps::{AdamFactorsLaunch, PlanesLaunch};
use normalisation::ChannelsLaunch;
use weights::GradientPlan;

/// Units per cube.
const UNITS: usize = 64;
/// Most sums per unit.
const MAX_SUMS: usize = 32;
/// The largest kernel size of a weight gradient here; the sums of a cube share 16 KiB.
const WIDEST_GRADIENT: usize = 7;
/// Product of input and output channels from which Burn computes a convolution, with autotuned kernels such as matrix
/// products. Without autotuning Burn's choice is slower at every width. The environment variable `COIN_WIDE` overrides
/// the threshold for measurements.
static WIDE: LazyLock<usize> = LazyLock::new(|| {
    let named = std::env::var("COIN_WIDE").ok().and_then(|number| number.parse().ok());
    named.unwrap_or(if cfg!(feature = "tuned") { 128 * 128 } else { usize::MAX })
});

impl Operations for CubeBackend {
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
        if !has_kernel(&x, &weight) {
            let x = operations::after_prologue::<Self>(x, scale, shift);
            return composed::convolve::<Self>(x, weight, bias, residual, relu, convolution);
        }
        let outputs = weight.meta.shape()[0];
        let [_, _, height, width] = sides(&x);
        if convolution.doubled && !has_parities(&convolution) {
            let x = Self::double(operations::after_prologue::<Self>(x, scale, shift), [2 * height, 2 * width], 1.0);
            let (absent, bias, residual) = (|| Optional::Absent, Optional::of(bias), Optional::of(residual));
            let convolution = Convolution { doubled: false, ..convolution };
            return Self::convolve(x, weight, absent(), absent(), bias, residual, relu, convolution);
        }
        let to = convolution.output([height, width]);
        let (weight, convolution) = without_upsampling(weight, convolution);
        let sum = Sum { x, weight, channels: outputs, to, convolution, of_inputs: false };
        sum.launch(Parts { scale, shift, bias, residual, relu })
    }

    fn parities(weight: FloatTensor<Self>) -> FloatTensor<Self> {
        if !is_f32(&weight) {
            return composed::parities::<Self>(weight);
        }
        let [outputs, inputs, _, _] = sides(&weight);
        let summed = empty(&weight, [outputs, inputs, PARITIES.kernel, PARITIES.kernel]);
        let (client, cubes, units) = each(&summed);
        let (weight, to) = (into_contiguous(weight).into_buffer_arg(), summed.clone().into_buffer_arg());
        // SAFETY: units beyond the output return; the others read the 9 weights of their own kernel.
        unsafe { weights::parities::launch_unchecked(&client, cubes, units, weight, to) };
        summed
    }

    fn convolve_input_gradient(
        weight: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        to: [usize; 2],
        convolution: Convolution,
    ) -> FloatTensor<Self> {
        if !has_kernel(&gradient, &weight) || (convolution.doubled && !has_parities(&convolution)) {
            return composed::convolve_input_gradient::<Self>(weight, gradient, to, convolution);
        }
        let channels = weight.meta.shape()[1] * convolution.groups;
        let (weight, convolution) = without_upsampling(weight, convolution);
        // The input gradient of a plain convolution is a transposed one, and vice versa; with stride 1 it is a plain
        // one with a reversed kernel.
        let convolution = Convolution { transposed: !convolution.transposed, ..convolution };
        let sum = Sum { x: gradient, weight, channels, to, convolution, of_inputs: true };
        sum.launch(Parts::default())
    }

    fn convolve_weight_gradient(
        x: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        convolution: Convolution,
    ) -> FloatTensor<Self> {
        let ([_, inputs, _, _], [_, outputs, _, _]) = (sides(&x), sides(&gradient));
        let Convolution { kernel, groups, .. } = convolution;
        let wide = !IN_BROWSER && inputs / groups * outputs >= *WIDE;
        if !is_f32(&x) || wide || kernel > WIDEST_GRADIENT || (convolution.doubled && !has_parities(&convolution)) {
            return composed::convolve_weight_gradient::<Self>(x, gradient, convolution);
        }
        if convolution.doubled {
            let summed = weight_gradient(x, gradient, PARITIES);
            let found = empty(&summed, [outputs, inputs, 3, 3]);
            let (client, cubes, units) = each(&found);
            let (summed, to) = (summed.into_buffer_arg(), found.clone().into_buffer_arg());
            // SAFETY: units beyond the output return; the others read the 16 weights of their own kernel.
            unsafe { weights::parities_gradient::launch_unchecked(&client, cubes, units, summed, to) };
            return found;
        }
        weight_gradient(x, gradient, convolution)
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
        let [x, gamma, beta] = [x, gamma, beta].map(into_contiguous);
        let [_, channels, _, _] = sides(&x);
        let [mean, variance] = [(); 2].map(|()| empty(&x, [channels]));
        let output = empty::<4>(&x, sides(&x));
        let (client, cubes, units) = each_channel(&x);
        let [to_mean, to_variance] = [&mean, &variance].map(|tensor| tensor.clone().into_buffer_arg());
        // SAFETY: each cube reads the values of its own channel and writes its two numbers.
        unsafe {
            let x = x.clone().into_buffer_arg();
            normalisation::statistics::launch_unchecked(&client, cubes, units, x, to_mean, to_variance, of(&output))
        };
        let (client, cubes, units) = each(&output);
        let (sizes, to) = (of(&output), output.clone().into_buffer_arg());
        let [x, gamma, beta] = [x, gamma, beta].map(CubeTensor::into_buffer_arg);
        let [by_mean, by_variance] = [&mean, &variance].map(|tensor| tensor.clone().into_buffer_arg());
        let epsilon = epsilon as f32;
        // SAFETY: units beyond the output return; the others read their own value and their channel's statistics.
        unsafe {
            normalisation::normalise::launch_unchecked(
                &client,
                cubes,
                units,
                x,
                gamma,
                beta,
                by_mean,
                by_variance,
                to,
                sizes,
                epsilon,
                relu,
            )
        };
        (output, mean, variance)
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
        let seen = [x, gradient, gamma, beta, mean, variance].map(into_contiguous);
        let [_, channels, _, _] = sides(&seen[0]);
        let [by_gamma, by_beta] = [(); 2].map(|()| empty(&seen[0], [channels]));
        let output = empty::<4>(&seen[0], sides(&seen[0]));
        let epsilon = epsilon as f32;
        let (client, cubes, units) = each_channel(&seen[0]);
        let [x, gradient, gamma, beta, mean, variance] = seen.clone().map(CubeTensor::into_buffer_arg);
        let [to_gamma, to_beta] = [&by_gamma, &by_beta].map(|tensor| tensor.clone().into_buffer_arg());
        // SAFETY: each cube reads the values of its own channel and writes its two numbers.
        unsafe {
            normalisation::affine_gradients::launch_unchecked(
                &client,
                cubes,
                units,
                x,
                gradient,
                gamma,
                beta,
                mean,
                variance,
                to_gamma,
                to_beta,
                of(&output),
                epsilon,
                relu,
            )
        };
        let (client, cubes, units) = each(&output);
        let [x, gradient, gamma, beta, mean, variance] = seen.map(CubeTensor::into_buffer_arg);
        let [from_gamma, from_beta] = [&by_gamma, &by_beta].map(|tensor| tensor.clone().into_buffer_arg());
        let (sizes, to) = (of(&output), output.clone().into_buffer_arg());
        // SAFETY: units beyond the output return; the others read their own values and their channel's statistics.
        unsafe {
            normalisation::input_gradient::launch_unchecked(
                &client, cubes, units, x, gradient, gamma, beta, mean, variance, from_gamma, from_beta, to, sizes,
                epsilon, relu,
            )
        };
        (output, by_gamma, by_beta)
    }

    fn relu_gradient(output: FloatTensor<Self>, gradient: FloatTensor<Self>) -> FloatTensor<Self> {
        if !is_f32(&gradient) {
            return composed::relu_gradient::<Self>(output, gradient);
        }
        let found = empty::<4>(&gradient, sides(&gradient));
        let (client, cubes, units) = each(&found);
        let [output, gradient] = [output, gradient].map(|tensor| into_contiguous(tensor).into_buffer_arg());
        let to = found.clone().into_buffer_arg();
        // SAFETY: units beyond the output return; both inputs have its shape.
        unsafe { maps::relu_gradient::launch_unchecked(&client, cubes, units, output, gradient, to) };
        found
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
        let ([factor, root], [beta_1, beta_2]) = (adam.corrections(), adam.betas);
        let length = (adam.learning_rate * f64::from(factor)) as f32;
        let factors = AdamFactorsLaunch::new(beta_1, 1.0 - beta_1, beta_2, 1.0 - beta_2, length, adam.epsilon * root);
        let shape = parameter.meta.shape().clone();
        let found = [(); 3].map(|()| {
            let (client, device) = (parameter.client.clone(), parameter.device.clone());
            empty_device_contiguous_dtype(client, device, shape.clone(), parameter.dtype)
        });
        let (client, cubes, units) = each(&parameter);
        let [parameter, gradient, first, second] =
            [parameter, gradient, first, second].map(|tensor| into_contiguous(tensor).into_buffer_arg());
        let [to, to_first, to_second] = found.clone().map(CubeTensor::into_buffer_arg);
        // SAFETY: units beyond the parameter return; all tensors have its shape.
        unsafe {
            maps::adam::launch_unchecked(
                &client, cubes, units, parameter, gradient, first, second, to, to_first, to_second, factors,
            )
        };
        found.into()
    }

    fn affine_relu(x: FloatTensor<Self>, scale: FloatTensor<Self>, shift: FloatTensor<Self>) -> FloatTensor<Self> {
        if !is_f32(&x) {
            return composed::affine_relu::<Self>(x, scale, shift);
        }
        let [_, channels, height, width] = sides(&x);
        let output = empty::<4>(&x, sides(&x));
        let [x, scale, shift] = [x, scale, shift].map(|tensor| into_contiguous(tensor).into_buffer_arg());
        let (client, cubes, units) = each(&output);
        let (to, pixels) = (output.clone().into_buffer_arg(), (height * width) as u32);
        // SAFETY: units beyond the output return; the others read their own value and their channel's scale and shift.
        unsafe {
            maps::affine_relu::launch_unchecked(&client, cubes, units, x, scale, shift, to, channels as u32, pixels)
        };
        output
    }

    fn sum_pool(x: FloatTensor<Self>, scale: Optional<Self>, shift: Optional<Self>, factor: f32) -> FloatTensor<Self> {
        let [scale, shift] = [scale, shift].map(Optional::get);
        if !is_f32(&x) {
            return composed::sum_pool::<Self>(operations::after_prologue::<Self>(x, scale, shift), factor);
        }
        let [batch, channels, height, width] = sides(&x);
        let output = empty(&x, [batch, channels, height / 2, width / 2]);
        let (planes, prologue) = (planes(&x, &output), scale.is_some());
        let x = into_contiguous(x);
        // Absent tensors are never read.
        let given = |tensor: Option<CubeTensor>| tensor.map_or_else(|| x.clone(), into_contiguous).into_buffer_arg();
        let [scale, shift] = [scale, shift].map(given);
        let (client, cubes, units) = each(&output);
        let [x, to] = [x.clone(), output.clone()].map(CubeTensor::into_buffer_arg);
        // SAFETY: units beyond the output return; a 2x2 window of an output lies within the input.
        unsafe {
            maps::sum_pool::launch_unchecked(&client, cubes, units, x, scale, shift, to, planes, factor, prologue)
        };
        output
    }

    fn add_relu(x: FloatTensor<Self>, y: FloatTensor<Self>) -> FloatTensor<Self> {
        if !is_f32(&x) {
            return composed::add_relu::<Self>(x, y);
        }
        let output = empty::<4>(&x, sides(&x));
        let (client, cubes, units) = each(&output);
        let [x, y] = [x, y].map(|tensor| into_contiguous(tensor).into_buffer_arg());
        // SAFETY: units beyond the output return; both inputs have its shape.
        unsafe { maps::add_relu::launch_unchecked(&client, cubes, units, x, y, output.clone().into_buffer_arg()) };
        output
    }

    fn max_pool(x: FloatTensor<Self>) -> FloatTensor<Self> {
        if !is_f32(&x) {
            return composed::max_pool::<Self>(x);
        }
        let [batch, channels, height, width] = sides(&x);
        let output = empty(&x, [batch, channels, height.div_ceil(2), width.div_ceil(2)]);
        let planes = planes(&x, &output);
        let (client, cubes, units) = each(&output);
        let [x, to] = [into_contiguous(x), output.clone()].map(CubeTensor::into_buffer_arg);
        // SAFETY: units beyond the output return; pixels are clamped to the image.
        unsafe { maps::max_pool::launch_unchecked(&client, cubes, units, x, to, planes) };
        output
    }

    fn max_pool_gradient(x: FloatTensor<Self>, gradient: FloatTensor<Self>) -> FloatTensor<Self> {
        if !is_f32(&x) {
            return composed::max_pool_gradient::<Self>(x, gradient);
        }
        let found = empty::<4>(&x, sides(&x));
        let planes = planes(&x, &gradient);
        let (client, cubes, units) = each(&found);
        let [x, gradient] = [x, gradient].map(|tensor| into_contiguous(tensor).into_buffer_arg());
        let to = found.clone().into_buffer_arg();
        // SAFETY: units beyond the input return; rows and columns outside either map are skipped.
        unsafe { maps::max_pool_gradient::launch_unchecked(&client, cubes, units, x, gradient, to, planes) };
        found
    }

    fn product(x: FloatTensor<Self>, y: FloatTensor<Self>) -> FloatTensor<Self> {
        if !IN_BROWSER || !is_f32(&x) {
            return composed::product::<Self>(x, y);
        }
        let ([rows, _], [_, columns]) = (sides(&x), sides(&y));
        let output = empty(&x, [rows, columns]);
        let (client, cubes, units) = each(&output);
        let [x, y] = [x, y].map(CubeTensor::into_tensor_arg);
        // SAFETY: units beyond the output return; the others read a row and a column of equal length.
        unsafe { maps::product::launch_unchecked(&client, cubes, units, x, y, output.clone().into_buffer_arg()) };
        output
    }

    fn double(x: FloatTensor<Self>, [height, width]: [usize; 2], factor: f32) -> FloatTensor<Self> {
        if !is_f32(&x) {
            return composed::double::<Self>(x, [height, width], factor);
        }
        let [batch, channels, _, _] = sides(&x);
        let output = empty(&x, [batch, channels, height, width]);
        let planes = planes(&x, &output);
        let (client, cubes, units) = each(&output);
        let [x, to] = [into_contiguous(x), output.clone()].map(CubeTensor::into_buffer_arg);
        // SAFETY: units beyond the output return; pixels outside the input are not read.
        unsafe { maps::double::launch_unchecked(&client, cubes, units, x, to, planes, factor) };
        output
    }
}

/// A convolution or input gradient to launch.
struct Sum {
    x: CubeTensor,
    weight: CubeTensor,
    /// Output channels.
    channels: usize,
    /// Output height and width.
    to: [usize; 2],
    convolution: Convolution,
    /// Whether inputs and outputs are swapped in the weight, as in a gradient.
    of_inputs: bool,
}

/// The optional prologue and epilogue.
#[derive(Default)]
struct Parts {
    scale: Option<CubeTensor>,
    shift: Option<CubeTensor>,
    bias: Option<CubeTensor>,
    residual: Option<CubeTensor>,
    relu: bool,
}

impl Sum {
    fn launch(self, parts: Parts) -> CubeTensor {
        let Self { x, weight, channels: outputs, to: [rows, columns], convolution, of_inputs } = self;
        let Parts { scale, shift, bias, residual, relu } = parts;
        let Convolution { kernel, stride, groups, .. } = convolution;
        let [batch, channels, height, width] = sides(&x);
        let output = empty(&x, [batch, outputs, rows, columns]);
        // With stride 1 a transposed convolution is a plain one with a reversed kernel.
        let flipped = convolution.transposed && stride == 1;
        let transposed = convolution.transposed && !flipped;
        let padding = if flipped { kernel - 1 - convolution.padding } else { convolution.padding };
        let most = if transposed { (MAX_SUMS / (POSITIONS * stride * stride)).max(1) } else { MAX_SUMS / COLUMNS };
        let plan = Plan {
            kernel,
            stride,
            padding,
            flipped,
            block: block(outputs / groups, most),
            prologue: scale.is_some(),
            bias: bias.is_some(),
            doubled_residual: residual.as_ref().is_some_and(|residual| residual.meta.shape()[2] != rows),
            residual: residual.is_some(),
            relu,
        };
        let positions = match transposed {
            true => rows.div_ceil(stride) * columns.div_ceil(POSITIONS * stride),
            false => rows * columns.div_ceil(COLUMNS),
        };
        let cubes = CubeCount::Static(positions.div_ceil(UNITS) as u32, (outputs / plan.block) as u32, batch as u32);
        let (inputs, outputs) = (channels / groups, outputs / groups);
        let area = kernel * kernel;
        let (by_output, by_input) = if of_inputs { (area, outputs * area) } else { (inputs * area, area) };
        let sizes = SizesLaunch::new(
            inputs as u32,
            height as u32,
            width as u32,
            outputs as u32,
            groups as u32,
            rows as u32,
            columns as u32,
            by_output as u32,
            by_input as u32,
        );
        let [x, weight] = [x, weight].map(into_contiguous);
        // Absent tensors are never read.
        let given =
            |tensor: Option<CubeTensor>| tensor.map_or_else(|| weight.clone(), into_contiguous).into_buffer_arg();
        let [scale, shift, bias, residual] = [scale, shift, bias, residual].map(given);
        let (client, units) = (output.client.clone(), CubeDim::new_1d(UNITS as u32));
        let [x, weight, to] = [x, weight.clone(), output.clone()].map(CubeTensor::into_buffer_arg);
        let launch = if transposed {
            convolution::convolve_transposed::launch_unchecked
        } else {
            convolution::convolve::launch_unchecked
        };
        // SAFETY: units beyond the output's rows, columns and channels store nothing, and pixels are clamped to the
        // image.
        unsafe { launch(&client, cubes, units, x, weight, scale, shift, bias, residual, to, sizes, plan) };
        output
    }
}

/// The weight gradient of a convolution without upsampling.
fn weight_gradient(x: CubeTensor, gradient: CubeTensor, convolution: Convolution) -> CubeTensor {
    let Convolution { kernel, stride, padding, groups, transposed, .. } = convolution;
    let (inputs, outputs) = (sides::<4>(&x)[1] / groups, sides::<4>(&gradient)[1] / groups);
    let weight = empty(&x, [outputs * groups, inputs, kernel, kernel]);
    let area = kernel * kernel;
    let (by_output, by_input) = (inputs * area, area);
    // A transposed convolution swaps input and output.
    let (seen, slopes, [by_output, by_input]) =
        if transposed { (gradient, x, [by_input, by_output]) } else { (x, gradient, [by_output, by_input]) };
    let ([batch, channels, height, width], [_, outputs, rows, columns]) = (sides(&seen), sides(&slopes));
    let (inputs, own) = (channels / groups, outputs / groups);
    let plan = GradientPlan { kernel, stride, padding, block: block(own, (MAX_SUMS / area).max(1)) };
    let sizes = SizesLaunch::new(
        inputs as u32,
        height as u32,
        width as u32,
        own as u32,
        groups as u32,
        rows as u32,
        columns as u32,
        by_output as u32,
        by_input as u32,
    );
    let cubes = CubeCount::Static((outputs / plan.block) as u32, inputs as u32, 1);
    let (client, units) = (weight.client.clone(), CubeDim::new_1d(UNITS as u32));
    let [seen, slopes] = [seen, slopes].map(|tensor| into_contiguous(tensor).into_buffer_arg());
    let to = weight.clone().into_buffer_arg();
    // SAFETY: each cube writes the weights of its own outputs and input; pixels are clamped to the image.
    unsafe {
        weights::weight_gradient::launch_unchecked(&client, cubes, units, seen, slopes, to, batch as u32, sizes, plan)
    };
    weight
}

/// The transposed convolution that equals a 3x3 convolution of an upsampled map, see [`crate::parities`].
const PARITIES: Convolution =
    Convolution { kernel: 4, stride: 2, padding: 1, groups: 1, doubled: false, transposed: true };

/// Whether an upsampling convolution equals [`PARITIES`].
fn has_parities(convolution: &Convolution) -> bool {
    let Convolution { kernel, padding, groups, .. } = *convolution;
    (kernel, padding, groups) == (3, 1, 1)
}

/// Replaces an upsampling convolution by its transposed equivalent.
fn without_upsampling(weight: CubeTensor, convolution: Convolution) -> (CubeTensor, Convolution) {
    if convolution.doubled { (CubeBackend::parities(weight), PARITIES) } else { (weight, convolution) }
}

/// The largest divisor of `channels` that is at most `most`.
fn block(channels: usize, most: usize) -> usize {
    (1..=most).rev().find(|block| channels.is_multiple_of(*block)).unwrap_or(1)
}

/// Browsers expose no matrix units, and leaving out Burn's kernels shortens the download: all convolutions run here.
const IN_BROWSER: bool = cfg!(target_family = "wasm");

/// Whether the kernels here compute a convolution.
fn has_kernel(x: &CubeTensor, weight: &CubeTensor) -> bool {
    let [outputs, inputs, _, _] = sides(weight);
    is_f32(x) && (IN_BROWSER || outputs * inputs < *WIDE)
}

/// Other types fall back to Burn, except in browsers, where models are f32.
fn is_f32(x: &CubeTensor) -> bool {
    let found = x.dtype == DType::F32;
    assert!(found || !IN_BROWSER, "{:?} tensors are not supported in a browser", x.dtype);
    IN_BROWSER || found
}

fn sides<const D: usize>(tensor: &CubeTensor) -> [usize; D] {
    tensor.meta.shape().dims()
}

fn empty<const D: usize>(like: &CubeTensor, sides: [usize; D]) -> CubeTensor {
    let (client, device) = (like.client.clone(), like.device.clone());
    empty_device_contiguous_dtype(client, device, Shape::new(sides), like.dtype)
}

/// Launch parameters with one cube per channel.
fn each_channel(tensor: &CubeTensor) -> (burn_cubecl::cubecl::client::Client, CubeCount, CubeDim) {
    let [_, channels, _, _] = sides(tensor);
    let units = CubeDim::new_1d(normalisation::UNITS as u32);
    (tensor.client.clone(), CubeCount::Static(channels as u32, 1, 1), units)
}

fn of(map: &CubeTensor) -> ChannelsLaunch {
    let [batch, channels, height, width] = sides(map);
    ChannelsLaunch::new(batch as u32, channels as u32, (height * width) as u32)
}

/// Launch parameters with one unit per value.
fn each(tensor: &CubeTensor) -> (burn_cubecl::cubecl::client::Client, CubeCount, CubeDim) {
    let units = CubeDim::new_1d(UNITS as u32);
    let cubes = burn_cubecl::cubecl::calculate_cube_count_elemwise(&tensor.client, tensor.meta.num_elements(), units);
    (tensor.client.clone(), cubes, units)
}

fn planes(from: &CubeTensor, to: &CubeTensor) -> PlanesLaunch {
    let ([_, channels, height, width], [_, _, rows, columns]) = (sides(from), sides(to));
    PlanesLaunch::new(channels as u32, height as u32, width as u32, rows as u32, columns as u32)
}
