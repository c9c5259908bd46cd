//! The operations on GPUs through CubeCL: convolutions with all that is fused into them ([`convolution`]), and passes over maps
//! ([`maps`]). Gradients, and values that are no f32, are left to Burn.

mod convolution;
mod maps;

use burn::backend::DType;
use burn::backend::tensor::FloatTensor;
use burn::tensor::Shape;
use burn_cubecl::CubeBackend;
use burn_cubecl::cubecl::{CubeCount, CubeDim};
use burn_cubecl::kernel::into_contiguous;
use burn_cubecl::ops::numeric::empty_device_contiguous_dtype;
use burn_cubecl::tensor::CubeTensor;

use crate::operations::{Operations, Optional};
use crate::{Convolution, composed};
use convolution::{COLUMNS, DOUBLED_KERNEL, PLACES, Plan, SizesLaunch};
use maps::PlanesLaunch;

/// Units that run together.
const UNITS: usize = 64;
/// Most output channels that a unit computes; of a doubled map, half as many.
const MOST_BLOCK: usize = 8;
/// Products of input and output channels from which on Burn's matrix multiplications compute a convolution.
const WIDE: usize = 128 * 128;

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
        if !is_own(&x, &weight) {
            return composed::convolve::<Self>(x, weight, scale, shift, bias, residual, relu, convolution);
        }
        let Convolution { kernel, stride, padding, groups, doubled } = convolution;
        if doubled && (kernel, padding) != (DOUBLED_KERNEL, DOUBLED_KERNEL / 2) {
            let [_, _, height, width] = sides(&x);
            let x = Self::double(composed::after_prologue::<Self>(x, scale, shift), [2 * height, 2 * width], 1.0);
            let (absent, bias, residual) = (|| Optional::Absent, Optional::of(bias), Optional::of(residual));
            let convolution = Convolution { doubled: false, ..convolution };
            return Self::convolve(x, weight, absent(), absent(), bias, residual, relu, convolution);
        }
        let [batch, channels, height, width] = sides(&x);
        let [rows, columns] = convolution.output([height, width]);
        let outputs = weight.meta.shape()[0];
        let output = empty(&x, [batch, outputs, rows, columns]);
        let most = if doubled { MOST_BLOCK / 2 } else { MOST_BLOCK };
        let block = (1..=most).rev().find(|block| (outputs / groups).is_multiple_of(*block)).unwrap_or(1);
        let plan = Plan {
            kernel,
            stride,
            padding,
            block,
            prologue: scale.is_some(),
            bias: bias.is_some(),
            doubled_residual: residual.as_ref().is_some_and(|residual| residual.meta.shape()[2] != rows),
            residual: residual.is_some(),
            relu,
        };
        let places = if doubled { height * width.div_ceil(PLACES) } else { rows * columns.div_ceil(COLUMNS) };
        let cubes = CubeCount::Static(places.div_ceil(UNITS) as u32, (outputs / block) as u32, batch as u32);
        let sizes = SizesLaunch::new(
            (channels / groups) as u32,
            height as u32,
            width as u32,
            (outputs / groups) as u32,
            groups as u32,
            rows as u32,
            columns as u32,
        );
        let [x, weight] = [x, weight].map(into_contiguous);
        // What is absent is never read.
        let given =
            |tensor: Option<CubeTensor>| tensor.map_or_else(|| weight.clone(), into_contiguous).into_buffer_arg();
        let [scale, shift, bias, residual] = [scale, shift, bias, residual].map(given);
        let (client, units) = (output.client.clone(), CubeDim::new_1d(UNITS as u32));
        let [x, weight, to] = [x, weight.clone(), output.clone()].map(CubeTensor::into_buffer_arg);
        let launch = if doubled {
            convolution::convolve_doubled::launch_unchecked
        } else {
            convolution::convolve::launch_unchecked
        };
        // SAFETY: units beyond the output's rows, columns and channels store nothing, and pixels are clamped to the image.
        unsafe { launch(&client, cubes, units, x, weight, scale, shift, bias, residual, to, sizes, plan) };
        output
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
        // SAFETY: units beyond the output do nothing; the others read their own value and their channel's.
        unsafe {
            maps::affine_relu::launch_unchecked(&client, cubes, units, x, scale, shift, to, channels as u32, pixels)
        };
        output
    }

    fn halve(x: FloatTensor<Self>, scale: Optional<Self>, shift: Optional<Self>, factor: f32) -> FloatTensor<Self> {
        let [scale, shift] = [scale, shift].map(Optional::get);
        if !is_f32(&x) {
            return composed::halve::<Self>(x, scale, shift, factor);
        }
        let [batch, channels, height, width] = sides(&x);
        let output = empty(&x, [batch, channels, height / 2, width / 2]);
        let (planes, prologue) = (planes(&x, &output), scale.is_some());
        let x = into_contiguous(x);
        // What is absent is never read.
        let given = |tensor: Option<CubeTensor>| tensor.map_or_else(|| x.clone(), into_contiguous).into_buffer_arg();
        let [scale, shift] = [scale, shift].map(given);
        let (client, cubes, units) = each(&output);
        let [x, to] = [x.clone(), output.clone()].map(CubeTensor::into_buffer_arg);
        // SAFETY: units beyond the output do nothing; twice a place of the output, and one more, lies within the input.
        unsafe { maps::halve::launch_unchecked(&client, cubes, units, x, scale, shift, to, planes, factor, prologue) };
        output
    }

    fn add_relu(x: FloatTensor<Self>, y: FloatTensor<Self>) -> FloatTensor<Self> {
        if !is_f32(&x) {
            return composed::add_relu::<Self>(x, y);
        }
        let output = empty::<4>(&x, sides(&x));
        let (client, cubes, units) = each(&output);
        let [x, y] = [x, y].map(|tensor| into_contiguous(tensor).into_buffer_arg());
        // SAFETY: units beyond the output do nothing; both inputs have its shape.
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
        // SAFETY: units beyond the output do nothing; pixels are clamped to the image.
        unsafe { maps::max_pool::launch_unchecked(&client, cubes, units, x, to, planes) };
        output
    }

    fn product(x: FloatTensor<Self>, y: FloatTensor<Self>) -> FloatTensor<Self> {
        if !IN_BROWSER || !is_f32(&x) {
            return composed::product::<Self>(x, y);
        }
        let ([rows, _], [_, columns]) = (sides(&x), sides(&y));
        let output = empty(&x, [rows, columns]);
        let (client, cubes, units) = each(&output);
        let [x, y] = [x, y].map(CubeTensor::into_tensor_arg);
        // SAFETY: units beyond the output do nothing; the others read a row and a column of one length.
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
        // SAFETY: units beyond the output do nothing; places beyond the input are not read.
        unsafe { maps::double::launch_unchecked(&client, cubes, units, x, to, planes, factor) };
        output
    }
}

/// Browsers have no matrix units, and what is not used is not downloaded: there the kernels here compute everything.
const IN_BROWSER: bool = cfg!(target_family = "wasm");

/// Whether a convolution is computed by the kernels here.
fn is_own(x: &CubeTensor, weight: &CubeTensor) -> bool {
    let [outputs, inputs, _, _] = sides(weight);
    is_f32(x) && (IN_BROWSER || outputs * inputs < WIDE)
}

/// What is not is left to Burn, but for browsers, where models are f32.
fn is_f32(x: &CubeTensor) -> bool {
    let found = x.dtype == DType::F32;
    assert!(found || !IN_BROWSER, "{:?} is not computed with in a browser", x.dtype);
    IN_BROWSER || found
}

fn sides<const D: usize>(tensor: &CubeTensor) -> [usize; D] {
    tensor.meta.shape().dims()
}

fn empty<const D: usize>(like: &CubeTensor, sides: [usize; D]) -> CubeTensor {
    let (client, device) = (like.client.clone(), like.device.clone());
    empty_device_contiguous_dtype(client, device, Shape::new(sides), like.dtype)
}

/// A unit for each value of a tensor.
fn each(tensor: &CubeTensor) -> (burn_cubecl::cubecl::client::Client, CubeCount, CubeDim) {
    let units = CubeDim::new_1d(UNITS as u32);
    let cubes = burn_cubecl::cubecl::calculate_cube_count_elemwise(&tensor.client, tensor.meta.num_elements(), units);
    (tensor.client.clone(), cubes, units)
}

fn planes(from: &CubeTensor, to: &CubeTensor) -> PlanesLaunch {
    let ([_, channels, height, width], [_, _, rows, columns]) = (sides(from), sides(to));
    PlanesLaunch::new(channels as u32, height as u32, width as u32, rows as u32, columns as u32)
}
