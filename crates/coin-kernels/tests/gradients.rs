//! Compares every operation and its gradients with Burn's operations.

#![cfg(all(feature = "flex", feature = "autodiff"))]
#![allow(clippy::unwrap_used)]

use std::cell::RefCell;

use burn::tensor::activation::relu;
use burn::tensor::ops::{ConvOptions, ConvTransposeOptions, InterpolateMode, InterpolateOptions};
use burn::tensor::{Device, Tensor, TensorData, module};
use coin_kernels::{Convolution, Epilogue, add_relu, average_pool, batch_norm, convolve, double, max_pool, parities};
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

/// Values in [-1, 1], identical in every run: each test runs in its own thread.
fn random<const D: usize>(shape: [usize; D]) -> Tensor<D> {
    thread_local! {
        static RNG: RefCell<ChaCha8Rng> = RefCell::new(ChaCha8Rng::seed_from_u64(1));
    }
    let draw = || RNG.with_borrow_mut(|rng| rng.random_range(-1.0..1.0f32));
    let values: Vec<f32> = std::iter::repeat_with(draw).take(shape.iter().product()).collect();
    Tensor::from_data(TensorData::new(values, shape), &Device::flex().autodiff()).require_grad()
}

fn values<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.try_into_vec_as::<f32>().unwrap()
}

fn assert_close(found: Vec<f32>, expected: Vec<f32>, what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    let largest = expected.iter().fold(1f32, |largest, value| largest.max(value.abs()));
    let worst = found.iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(worst <= 2e-5 * largest, "{what}: off by {worst} of {largest}");
}

fn doubled(x: Tensor<4>) -> Tensor<4> {
    module::interpolate(x, InterpolateOptions::new(InterpolateMode::Nearest).with_scale_factor([2.0, 2.0]))
}

/// Compares two outputs, and the gradients of a randomly weighted sum with respect to every input.
fn compare(what: &str, inputs: &[Tensor<4>], vectors: &[Tensor<1>], ours: Tensor<4>, burns: Tensor<4>) {
    let weights = random(ours.dims()).detach();
    assert_close(values(ours.clone()), values(burns.clone()), what);
    let gradients = [ours, burns].map(|y| (y * weights.clone()).sum().backward());
    for (i, input) in inputs.iter().enumerate() {
        let [ours, burns] = gradients.each_ref().map(|gradients| values(input.grad(gradients).unwrap()));
        assert_close(ours, burns, &format!("{what}, gradient of map {i}"));
    }
    for (i, input) in vectors.iter().enumerate() {
        let [ours, burns] = gradients.each_ref().map(|gradients| values(input.grad(gradients).unwrap()));
        assert_close(ours, burns, &format!("{what}, gradient of vector {i}"));
    }
}

#[test]
fn convolutions_with_all_their_parts() {
    for (convolution, shape, outputs) in [
        (Convolution::same(3), [2, 8, 19, 16], 16),
        (Convolution::same(1), [2, 5, 8, 8], 8),
        (Convolution { stride: 2, ..Convolution::same(7) }, [2, 1, 32, 32], 8),
        (Convolution { stride: 2, ..Convolution::same(3) }, [2, 8, 16, 16], 8),
        (Convolution { groups: 8, ..Convolution::same(3) }, [1, 8, 12, 12], 8),
        (Convolution { doubled: true, ..Convolution::same(3) }, [2, 6, 10, 12], 4),
        (Convolution { stride: 2, padding: 1, transposed: true, ..Convolution::same(4) }, [2, 6, 10, 12], 4),
    ] {
        let Convolution { kernel, stride, padding, groups, doubled: twice, transposed } = convolution;
        let (x, weight) = (random(shape), random([outputs, shape[1] / groups, kernel, kernel]));
        let bias = random([outputs]);
        let [rows, columns] = convolution.output([shape[2], shape[3]]);
        let residual = random([shape[0], outputs, rows, columns]);
        let half = random([shape[0], outputs, rows / 2, columns / 2]);
        let burns = |bias: Option<Tensor<1>>| {
            if transposed {
                let options = ConvTransposeOptions::new([stride; 2], [padding; 2], [0, 0], [1, 1], groups);
                return module::conv_transpose2d(x.clone(), weight.clone().swap_dims(0, 1), bias, options);
            }
            let x = if twice { doubled(x.clone()) } else { x.clone() };
            let options = ConvOptions::new([stride; 2], [padding; 2], [1, 1], groups);
            module::conv2d(x, weight.clone(), bias, options)
        };
        let ours = |epilogue| convolve(x.clone(), weight.clone(), None, epilogue, convolution);
        let what = format!("{convolution:?}");
        compare(&what, &[x.clone(), weight.clone()], &[], ours(Epilogue::default()), burns(None));
        let epilogue = Epilogue { bias: Some(bias.clone()), residual: Some(residual.clone()), relu: true };
        let expected = relu(burns(Some(bias.clone())) + residual.clone());
        compare(&what, &[x.clone(), weight.clone(), residual], std::slice::from_ref(&bias), ours(epilogue), expected);
        if rows % 2 == 0 && columns % 2 == 0 {
            let epilogue = Epilogue { bias: Some(bias.clone()), residual: Some(half.clone()), relu: false };
            let expected = burns(Some(bias.clone())) + doubled(half.clone());
            compare(&what, &[x.clone(), weight.clone(), half], &[bias], ours(epilogue), expected);
        }
    }
}

#[test]
fn batch_normalisation_with_and_without_relu() {
    for (shape, cut) in [([3, 5, 7, 9], false), ([2, 8, 16, 16], true), ([1, 1, 2, 1], false)] {
        // The gradient of a sum goes to both terms: an in-place update for one must not change it for the other.
        for with_its_input in [false, true] {
            let x = random(shape) * 3.0 + 1.0;
            let x = x.detach().require_grad();
            let (gamma, beta) = (random([shape[1]]), random([shape[1]]));
            let ours = batch_norm(x.clone(), gamma.clone(), beta.clone(), 1e-5, cut);
            let burns = module::batch_norm_train(x.clone(), gamma.clone(), beta.clone(), 1e-5);
            assert_close(values(ours.mean), values(burns.mean), "mean");
            assert_close(values(ours.variance), values(burns.variance), "variance");
            let expected = if cut { relu(burns.output) } else { burns.output };
            let [ours, expected] =
                [ours.output, expected].map(|output| if with_its_input { output + x.clone() } else { output });
            compare("batch normalisation", &[x], &[gamma, beta], ours, expected);
        }
    }
}

#[test]
fn pooling_and_doubling_even_and_odd_sides() {
    for shape in [[2, 3, 8, 6], [1, 2, 7, 5], [1, 1, 2, 3], [2, 1, 31, 64]] {
        let x = random(shape);
        let options = burn::tensor::ops::AvgPoolOptions::new([2, 2]).with_stride([2, 2]);
        compare(
            "average pool",
            std::slice::from_ref(&x),
            &[],
            average_pool(x.clone(), None),
            module::avg_pool2d(x.clone(), options),
        );
        let options = burn::tensor::ops::MaxPoolOptions::new([3, 3]).with_stride([2, 2]).with_padding([1, 1]);
        compare(
            "maximum pool",
            std::slice::from_ref(&x),
            &[],
            max_pool(x.clone()),
            module::max_pool2d(x.clone(), options),
        );
        compare("doubling", std::slice::from_ref(&x), &[], double(x.clone()), doubled(x.clone()));
    }
}

#[test]
fn a_sum_cut_off_at_zero() {
    let (x, y) = (random([2, 3, 7, 5]), random([2, 3, 7, 5]));
    compare("add, relu", &[x.clone(), y.clone()], &[], add_relu(x.clone(), y.clone()), relu(x + y));
}

#[test]
fn a_prologue_is_scale_shift_and_relu() {
    let (x, weight) = (random([2, 6, 9, 9]), random([8, 6, 3, 3]));
    let (scale, shift) = (random([6]), random([6]));
    let prologue = Some((scale.clone(), shift.clone()));
    let column = |vector: Tensor<1>| vector.reshape([1, 6, 1, 1]);
    let changed = relu(x.clone() * column(scale.clone()) + column(shift.clone()));
    let ours = convolve(x.clone(), weight.clone(), prologue, Epilogue::default(), Convolution::same(3));
    let burns = module::conv2d(changed, weight.clone(), None, ConvOptions::new([1, 1], [1, 1], [1, 1], 1));
    compare("prologue", &[x, weight], &[scale, shift], ours, burns);
}

#[test]
fn a_convolution_of_the_doubled_map_is_a_transposed_one_with_the_weights_of_each_parity_added_up() {
    let (x, weight) = (random([2, 6, 7, 9]), random([4, 6, 3, 3]));
    let doubled = Convolution { doubled: true, ..Convolution::same(3) };
    let transposed = Convolution { stride: 2, padding: 1, transposed: true, ..Convolution::same(4) };
    let expected = convolve(x.clone(), weight.clone(), None, Epilogue::default(), doubled);
    let found = convolve(x.clone(), parities(weight.clone()), None, Epilogue::default(), transposed);
    compare("parities", &[x, weight], &[], found, expected);
}
