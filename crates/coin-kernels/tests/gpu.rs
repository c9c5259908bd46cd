//! The operations on a graphics adapter, which may be a software one, against the same on the CPU.

#![cfg(all(feature = "flex", feature = "gpu"))]
#![allow(clippy::unwrap_used, clippy::print_stderr)]

use burn::tensor::{Device, Distribution, Tensor};
use coin_kernels::{Convolution, Epilogue, add_relu, affine_relu, average_pool, convolve, double, max_pool};

/// The adapter, or `None`, after saying so, where there is none.
fn adapter() -> Option<Device> {
    let found = Device::wgpu_options().init_with_setup();
    if found.is_err() {
        eprintln!("SKIPPED: no graphics adapter (Debian's software one is in mesa-vulkan-drivers)");
    }
    found.ok().map(|(device, _)| device)
}

fn random<const D: usize>(shape: [usize; D]) -> Tensor<D> {
    Tensor::random(shape, Distribution::Uniform(-1.0, 1.0), &Device::flex())
}

/// Runs an operation on both devices.
fn compare(
    what: &str,
    tensors: &[Tensor<4>],
    vectors: &[Tensor<1>],
    device: &Device,
    run: impl Fn(&[Tensor<4>], &[Tensor<1>]) -> Tensor<4>,
) {
    let there: Vec<Tensor<4>> = tensors.iter().map(|tensor| tensor.clone().to_device(device)).collect();
    let vectors_there: Vec<Tensor<1>> = vectors.iter().map(|tensor| tensor.clone().to_device(device)).collect();
    let (expected, found) = (run(tensors, vectors), run(&there, &vectors_there));
    assert_eq!(found.dims(), expected.dims(), "{what}");
    let [expected, found] = [expected, found].map(|tensor| tensor.try_into_vec_as::<f32>().unwrap());
    let largest = expected.iter().fold(1f32, |largest, value| largest.max(value.abs()));
    let worst = found.iter().zip(&expected).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(worst <= 1e-5 * largest, "{what}: off by {worst} of {largest}");
}

#[test]
fn convolutions_with_and_without_all_their_parts() {
    let Some(device) = adapter() else { return };
    let doubled = Convolution { doubled: true, ..Convolution::same(3) };
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
fn a_convolution_of_a_map_that_is_not_contiguous() {
    let Some(device) = adapter() else { return };
    compare("transposed", &[random([1, 3, 5, 6]), random([4, 3, 3, 3])], &[], &device, |maps, _| {
        convolve(maps[0].clone().swap_dims(2, 3), maps[1].clone(), None, Epilogue::default(), Convolution::same(3))
    });
}

#[test]
fn passes_over_maps_of_even_and_odd_sides() {
    let Some(device) = adapter() else { return };
    for shape in [[2, 3, 8, 6], [1, 2, 7, 5], [1, 1, 2, 3], [2, 1, 31, 64]] {
        let maps = [random(shape), random(shape)];
        let vectors = [random([shape[1]]), random([shape[1]])];
        let both = |vectors: &[Tensor<1>]| (vectors[0].clone(), vectors[1].clone());
        compare("affine and ReLU", &maps, &vectors, &device, |maps, vectors| {
            affine_relu(maps[0].clone(), vectors[0].clone(), vectors[1].clone())
        });
        compare("sum and ReLU", &maps, &[], &device, |maps, _| add_relu(maps[0].clone(), maps[1].clone()));
        compare("mean of 2x2", &maps, &[], &device, |maps, _| average_pool(maps[0].clone(), None));
        compare("mean of 2x2 with prologue", &maps, &vectors, &device, |maps, vectors| {
            average_pool(maps[0].clone(), Some(both(vectors)))
        });
        compare("maximum of 3x3", &maps, &[], &device, |maps, _| max_pool(maps[0].clone()));
        compare("doubled", &maps, &[], &device, |maps, _| double(maps[0].clone()));
    }
}
