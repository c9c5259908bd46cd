//! GPU operations compared with the CPU, on any adapter, including a software one.

#![cfg(all(feature = "flex", feature = "gpu", feature = "autodiff"))]
#![allow(clippy::unwrap_used)]

mod adapter;

use std::cell::RefCell;

use adapter::adapter;
use burn::tensor::{Device, Tensor, TensorData};
use coin_kernels::{
    Adam, Convolution, Epilogue, adam, add_relu, affine_relu, average_pool, batch_norm, convolve, double, max_pool,
    parities,
};
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;

/// Values in [-1, 1], identical in every run: each test runs in its own thread.
fn random<const D: usize>(shape: [usize; D]) -> Tensor<D> {
    thread_local! {
        static RNG: RefCell<ChaCha8Rng> = RefCell::new(ChaCha8Rng::seed_from_u64(1));
    }
    let count = shape.iter().product();
    let values = RNG.with_borrow_mut(|rng| (0..count).map(|_| rng.random_range(-1.0..1.0f32)).collect::<Vec<_>>());
    Tensor::from_data(TensorData::new(values, shape), &Device::flex())
}

/// A copy on another device, which may be an autodiff device.
fn there<const D: usize>(tensor: &Tensor<D>, device: &Device) -> Tensor<D> {
    Tensor::from_data(tensor.to_data(), device)
}

/// Tolerance for rounding in a value, and in a gradient, which may be a sum over all pixels.
const VALUE: f32 = 1e-5;
const GRADIENT: f32 = 5e-5;

fn assert_close<const D: usize>(found: Tensor<D>, expected: Tensor<D>, what: &str, tolerance: f32) {
    assert_eq!(found.dims(), expected.dims(), "{what}");
    let [expected, found] = [expected, found].map(|tensor| tensor.try_into_vec_as::<f32>().unwrap());
    let largest = expected.iter().fold(1f32, |largest, value| largest.max(value.abs()));
    let worst = found.iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(worst <= tolerance * largest, "{what}: off by {worst} of {largest}");
}

/// Compares an operation on both devices, without gradients as in inference, and with all gradients as in training.
fn compare(
    what: &str,
    tensors: &[Tensor<4>],
    vectors: &[Tensor<1>],
    device: &Device,
    run: impl Fn(&[Tensor<4>], &[Tensor<1>]) -> Tensor<4>,
) {
    let maps: Vec<Tensor<4>> = tensors.iter().map(|map| there(map, device)).collect();
    let vectors_there: Vec<Tensor<1>> = vectors.iter().map(|vector| there(vector, device)).collect();
    let expected = run(tensors, vectors);
    let slopes = random(expected.dims());
    assert_close(run(&maps, &vectors_there), expected, what, VALUE);
    let [expected, found] = [Device::flex(), device.clone()].map(|device| {
        let device = device.autodiff();
        let maps: Vec<Tensor<4>> = tensors.iter().map(|map| there(map, &device).require_grad()).collect();
        let vectors: Vec<Tensor<1>> = vectors.iter().map(|vector| there(vector, &device).require_grad()).collect();
        let gradients = (run(&maps, &vectors) * there(&slopes, &device)).sum().backward();
        let of_maps: Vec<Tensor<4>> = maps.iter().map(|map| map.grad(&gradients).unwrap()).collect();
        let of_vectors: Vec<Tensor<1>> = vectors.iter().map(|vector| vector.grad(&gradients).unwrap()).collect();
        (of_maps, of_vectors)
    });
    for (i, (found, expected)) in found.0.into_iter().zip(expected.0).enumerate() {
        assert_close(found, expected, &format!("{what}, gradient of map {i}"), GRADIENT);
    }
    for (i, (found, expected)) in found.1.into_iter().zip(expected.1).enumerate() {
        assert_close(found, expected, &format!("{what}, gradient of vector {i}"), GRADIENT);
    }
}

#[test]
fn convolutions_with_and_without_prologue_and_epilogue() {
    let Some(device) = adapter() else { return };
    let doubled = Convolution { doubled: true, ..Convolution::same(3) };
    let transposed = Convolution { stride: 2, padding: 1, transposed: true, ..Convolution::same(4) };
    for (convolution, shape, outputs) in [
        (Convolution::same(3), [1, 1, 1, 1], 1),
        (Convolution::same(3), [2, 3, 7, 13], 5),
        (Convolution::same(3), [1, 16, 32, 31], 24),
        (Convolution::same(1), [2, 5, 9, 8], 7),
        (Convolution { stride: 2, padding: 0, ..Convolution::same(1) }, [1, 4, 9, 9], 8),
        (Convolution { stride: 2, ..Convolution::same(7) }, [1, 1, 33, 20], 8),
        (Convolution { stride: 2, ..Convolution::same(3) }, [2, 8, 16, 17], 16),
        (Convolution { stride: 4, padding: 0, ..Convolution::same(4) }, [1, 1, 16, 16], 6),
        (Convolution { groups: 6, ..Convolution::same(7) }, [1, 6, 12, 11], 6),
        (Convolution { groups: 2, ..Convolution::same(3) }, [1, 6, 5, 5], 8),
        (doubled, [1, 1, 1, 1], 1),
        (doubled, [2, 5, 7, 6], 6),
        (doubled, [1, 16, 16, 17], 8),
        (transposed, [2, 5, 7, 6], 6),
        (Convolution { stride: 3, padding: 0, ..transposed }, [1, 3, 4, 5], 4),
        (Convolution { doubled: true, ..Convolution::same(5) }, [1, 3, 6, 5], 4),
        (Convolution::same(3), [1, 160, 4, 4], 128),
    ] {
        let Convolution { kernel, groups, .. } = convolution;
        let (x, weight) = (random(shape), random([outputs, shape[1] / groups, kernel, kernel]));
        let [rows, columns] = convolution.output([shape[2], shape[3]]);
        let what = format!("{convolution:?} of {shape:?}");
        compare(&what, &[x.clone(), weight.clone()], &[], &device, |maps, _| {
            convolve(maps[0].clone(), maps[1].clone(), None, Epilogue::default(), convolution)
        });
        let all = |maps: &[Tensor<4>], vectors: &[Tensor<1>]| {
            let prologue = Some((vectors[0].clone(), vectors[1].clone()));
            let epilogue = Epilogue { bias: Some(vectors[2].clone()), residual: Some(maps[2].clone()), relu: true };
            convolve(maps[0].clone(), maps[1].clone(), prologue, epilogue, convolution)
        };
        let vectors = [random([shape[1]]), random([shape[1]]), random([outputs])];
        let residual = random([shape[0], outputs, rows, columns]);
        compare(&what, &[x.clone(), weight.clone(), residual], &vectors, &device, all);
        if rows % 2 == 0 && columns % 2 == 0 {
            let half = random([shape[0], outputs, rows / 2, columns / 2]);
            compare(&what, &[x, weight, half], &vectors, &device, all);
        }
    }
}

#[test]
fn a_convolution_of_a_non_contiguous_map() {
    let Some(device) = adapter() else { return };
    compare("transposed", &[random([1, 3, 5, 6]), random([4, 3, 3, 3])], &[], &device, |maps, _| {
        convolve(maps[0].clone().swap_dims(2, 3), maps[1].clone(), None, Epilogue::default(), Convolution::same(3))
    });
}

#[test]
fn pooling_and_elementwise_operations_on_even_and_odd_sizes() {
    let Some(device) = adapter() else { return };
    for shape in [[2, 3, 8, 6], [1, 2, 7, 5], [1, 1, 2, 3], [2, 1, 31, 64]] {
        let maps = [random(shape), random(shape)];
        let vectors = [random([shape[1]]), random([shape[1]])];
        let both = |vectors: &[Tensor<1>]| (vectors[0].clone(), vectors[1].clone());
        compare("affine and ReLU", &maps[..1], &vectors, &device, |maps, vectors| {
            affine_relu(maps[0].clone(), vectors[0].clone(), vectors[1].clone())
        });
        compare("sum and ReLU", &maps, &[], &device, |maps, _| add_relu(maps[0].clone(), maps[1].clone()));
        compare("mean of 2x2", &maps[..1], &[], &device, |maps, _| average_pool(maps[0].clone(), None));
        compare("mean of 2x2 with prologue", &maps[..1], &vectors, &device, |maps, vectors| {
            average_pool(maps[0].clone(), Some(both(vectors)))
        });
        compare("maximum of 3x3", &maps[..1], &[], &device, |maps, _| max_pool(maps[0].clone()));
        compare("doubled", &maps[..1], &[], &device, |maps, _| double(maps[0].clone()));
    }
}

#[test]
fn batch_normalisation_with_statistics_far_from_zero() {
    let Some(device) = adapter() else { return };
    for (shape, relu) in [([3, 5, 7, 9], false), ([2, 8, 16, 16], true), ([1, 1, 2, 1], false), ([4, 3, 31, 33], true)]
    {
        let (x, vectors) = (random(shape) * 3.0 + 40.0, [random([shape[1]]), random([shape[1]])]);
        let run = |maps: &[Tensor<4>], vectors: &[Tensor<1>]| {
            batch_norm(maps[0].clone(), vectors[0].clone(), vectors[1].clone(), 1e-5, relu)
        };
        let found = run(&[there(&x, &device)], &vectors.each_ref().map(|vector| there(vector, &device)));
        let expected = run(std::slice::from_ref(&x), &vectors);
        assert_close(found.mean, expected.mean, "mean", VALUE);
        assert_close(found.variance, expected.variance, "variance", VALUE);
        let x = x - 40.0;
        compare("batch normalisation", &[x], &vectors, &device, |maps, vectors| run(maps, vectors).output);
    }
}

#[test]
fn max_pooling_breaks_ties_towards_the_first_pixel() {
    let Some(device) = adapter() else { return };
    let x = (random([2, 3, 9, 8]) * 1.4).round();
    compare("maximum of few values", &[x], &[], &device, |maps, _| max_pool(maps[0].clone()));
}

#[test]
fn folded_upsampling_kernels() {
    let Some(device) = adapter() else { return };
    compare("parities", &[random([5, 3, 3, 3])], &[], &device, |maps, _| parities(maps[0].clone()));
}

#[test]
fn three_steps_of_the_optimiser() {
    let Some(device) = adapter() else { return };
    let (start, gradients) = (random([7, 3]), [random([7, 3]), random([7, 3]), random([7, 3])]);
    let [expected, found] = [Device::flex(), device].map(|device| {
        let zeros = Tensor::<2>::zeros([7, 3], &device);
        let mut state = (there(&start, &device), [zeros.clone(), zeros]);
        for (time, gradient) in (1..).zip(&gradients) {
            let step = Adam { learning_rate: 1e-2, betas: [0.5, 0.99], epsilon: 1e-8, time };
            state = adam(state.0, there(gradient, &device), state.1, step);
        }
        state
    });
    assert_close(found.0, expected.0, "parameter", VALUE);
    for (found, expected) in found.1.into_iter().zip(expected.1) {
        assert_close(found, expected, "moment", VALUE);
    }
}

#[test]
fn nan_propagates() {
    let Some(device) = adapter() else { return };
    let mut values = random([1, 1, 6, 6]).try_into_vec_as::<f32>().unwrap();
    values[14] = f32::NAN;
    let x = Tensor::<4>::from_data(TensorData::new(values, [1, 1, 6, 6]), &device);
    let holds_nan = |x: Tensor<4>| x.try_into_vec_as::<f32>().unwrap().iter().any(|value| value.is_nan());
    let (one, zero) = (Tensor::ones([1], &device), Tensor::zeros([1], &device));
    assert!(holds_nan(max_pool(x.clone())) && holds_nan(add_relu(x.clone(), x.clone())));
    assert!(holds_nan(affine_relu(x.clone(), one.clone(), zero.clone())));
    let epilogue = Epilogue { relu: true, ..Epilogue::default() };
    assert!(holds_nan(convolve(
        x,
        Tensor::ones([1, 1, 3, 3], &device),
        Some((one, zero)),
        epilogue,
        Convolution::same(3)
    )));
}
