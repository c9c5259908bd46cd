//! Compares every kernel with a naive f64 sum, on every instruction set of this machine.

#![allow(clippy::unwrap_used)]

use macerator::Arch;
use rand::{RngExt as _, SeedableRng as _};
use rand_chacha::ChaCha8Rng;
#[cfg(target_family = "wasm")]
use wasm_bindgen_test::wasm_bindgen_test as test;

use super::band::{Map, Prologue};
use super::convolution::{Epilogue, Residual, Sum};
#[cfg(feature = "threads")]
use super::normalisation::{Normalised, normalise};
use super::weight_gradient::WeightGradient;
use crate::Convolution;
use crate::stencil::Stencil;

/// The instruction sets that this machine supports.
fn instruction_sets() -> Vec<Arch> {
    #[cfg(target_arch = "x86_64")]
    {
        let mut found = vec![Arch::Scalar, Arch::V2];
        if is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
            found.push(Arch::V3);
        }
        if matches!(Arch::detect(), Arch::V4) {
            found.push(Arch::V4);
        }
        found
    }
    #[cfg(not(target_arch = "x86_64"))]
    vec![Arch::detect()]
}

struct Case {
    convolution: Convolution,
    from: Map,
    to: Map,
    x: Vec<f32>,
    weight: Vec<f32>,
    /// Random values of the output's shape.
    other: Vec<f32>,
}

fn case(rng: &mut ChaCha8Rng, convolution: Convolution, input: [usize; 4], outputs: usize) -> Case {
    let from = Map::of(input);
    let [height, width] = convolution.output([from.height, from.width]);
    let to = Map { batch: from.batch, channels: outputs, height, width };
    let kernel = convolution.kernel * convolution.kernel;
    let mut draw = |count: usize| (0..count).map(|_| rng.random_range(-1.0..1.0f32)).collect::<Vec<f32>>();
    let (x, weight) = (draw(from.len()), draw(outputs * from.channels / convolution.groups * kernel));
    Case { convolution, from, to, x, weight, other: draw(to.len()) }
}

fn cases() -> Vec<Case> {
    let mut rng = ChaCha8Rng::seed_from_u64(1);
    let plain = Convolution::same;
    let doubled = Convolution { doubled: true, ..plain(3) };
    let transposed = Convolution { stride: 2, padding: 1, transposed: true, ..plain(4) };
    let strided = |kernel| Convolution { stride: 2, ..plain(kernel) };
    let grouped = |kernel, groups| Convolution { groups, ..plain(kernel) };
    let mut all = vec![
        (plain(3), [1, 1, 1, 1], 1),
        (plain(3), [2, 3, 7, 13], 5),
        (plain(3), [1, 8, 64, 61], 8),
        (plain(3), [3, 16, 4, 4], 24),
        (plain(1), [2, 7, 5, 3], 9),
        (plain(7), [1, 2, 17, 11], 3),
        (Convolution { stride: 4, padding: 0, ..plain(4) }, [2, 3, 16, 20], 8),
        (Convolution { stride: 2, padding: 0, ..plain(2) }, [1, 4, 9, 10], 8),
        (Convolution { padding: 0, ..plain(5) }, [3, 4, 9, 8], 8),
        (Convolution { padding: 1, ..plain(4) }, [5, 3, 6, 7], 8),
        (Convolution { padding: 0, ..strided(3) }, [3, 2, 9, 12], 4),
        (plain(15), [2, 1, 20, 9], 2),
        (plain(3), [9, 8, 8, 8], 16),
        (plain(3), [2, 5, 17, 23], 12),
        (Convolution { transposed: true, ..plain(3) }, [2, 8, 16, 16], 4),
        (plain(3), [1, 128, 16, 17], 4),
        (strided(7), [2, 1, 31, 33], 16),
        (strided(3), [2, 8, 16, 9], 12),
        (strided(1), [1, 8, 15, 16], 8),
        (doubled, [1, 1, 1, 1], 1),
        (doubled, [2, 5, 3, 7], 3),
        (doubled, [1, 16, 33, 32], 8),
        (transposed, [2, 5, 3, 7], 3),
        (transposed, [1, 16, 33, 32], 8),
        (Convolution { stride: 3, padding: 0, ..transposed }, [1, 3, 5, 4], 6),
        (grouped(3, 6), [2, 6, 11, 5], 6),
        (grouped(3, 2), [1, 8, 13, 13], 12),
        (Convolution { groups: 4, ..strided(3) }, [1, 4, 12, 12], 4),
    ];
    // Wide enough for several bands, and long enough for several runs.
    all.push((plain(3), [2, 40, 70, 90], 16));
    // Weight gradients of wide convolutions: bands and runs, strides, phases, groups.
    all.extend([
        (plain(3), [2, 40, 70, 90], 24),
        (strided(3), [2, 8, 16, 9], 40),
        (Convolution { stride: 4, padding: 0, ..plain(4) }, [2, 3, 16, 20], 24),
        (doubled, [2, 5, 3, 7], 24),
        (transposed, [2, 5, 3, 7], 24),
        (grouped(3, 2), [1, 8, 13, 13], 48),
    ]);
    // More weights than one task holds sums for.
    all.extend([(plain(3), [2, 270, 5, 6], 72), (doubled, [1, 270, 3, 5], 72)]);
    all.into_iter().map(|(convolution, input, outputs)| case(&mut rng, convolution, input, outputs)).collect()
}

/// Calls `each` for every product of the convolution with the indices of output, weight and input.
fn products(case: &Case, mut each: impl FnMut(usize, usize, usize)) {
    let Case { convolution, from, to, .. } = case;
    let Convolution { kernel, stride, padding, groups, doubled, transposed } = *convolution;
    let (inputs, outputs) = (from.channels / groups, to.channels / groups);
    let factor = if doubled { 2 } else { 1 };
    for (image, o) in (0..to.batch).flat_map(|image| (0..to.channels).map(move |o| (image, o))) {
        for (row, column) in (0..to.height).flat_map(|row| (0..to.width).map(move |column| (row, column))) {
            for (i, k) in (0..inputs).flat_map(|i| (0..kernel * kernel).map(move |k| (i, k))) {
                let seen = |position: usize, k: usize| {
                    if transposed {
                        let ahead = (position + padding).checked_sub(k)?;
                        return ahead.is_multiple_of(stride).then_some(ahead / stride);
                    }
                    (position * stride + k).checked_sub(padding).map(|seen| seen / factor)
                };
                let (Some(y), Some(x)) = (seen(row, k / kernel), seen(column, k % kernel)) else { continue };
                if y < from.height && x < from.width {
                    let weight = (o * inputs + i) * kernel * kernel + k;
                    each(to.row(image, o, row) + column, weight, from.row(image, o / outputs * inputs + i, y) + x);
                }
            }
        }
    }
}

fn assert_close(found: &[f32], expected: &[f64], what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    let largest = expected.iter().fold(1.0, |largest: f64, value| largest.max(value.abs()));
    for (i, (found, expected)) in found.iter().zip(expected).enumerate() {
        let error = (f64::from(*found) - expected).abs();
        assert!(error <= 1e-5 * largest, "{what}, value {i}: {found} instead of {expected}");
    }
}

#[test]
fn convolutions_and_both_gradients_are_their_definitions_on_every_instruction_set() {
    for case in cases() {
        let Case { convolution, from, to, x, weight, other } = &case;
        let mut forward = vec![0f64; to.len()];
        let mut by_input = vec![0f64; from.len()];
        let mut by_weight = vec![0f64; weight.len()];
        products(&case, |out, w, seen| {
            forward[out] += f64::from(weight[w]) * f64::from(x[seen]);
            by_input[seen] += f64::from(weight[w]) * f64::from(other[out]);
            by_weight[w] += f64::from(x[seen]) * f64::from(other[out]);
        });
        let kernel = convolution.kernel * convolution.kernel;
        let sum = |stencil, input, from, to, transposed, arch| {
            let (prologue, epilogue) = (Prologue::default(), Epilogue::default());
            let groups = convolution.groups;
            Sum { stencil, groups, input, from, to, weights: weight, kernel, transposed, prologue, epilogue }
                .compute(arch)
        };
        let (forwards, backwards) = (Stencil::forward(convolution), Stencil::backward(convolution));
        for arch in instruction_sets() {
            let what = format!("{convolution:?} of {from:?} on {arch:?}");
            assert_close(&sum(&forwards, x, *from, *to, false, arch), &forward, &what);
            assert_close(&sum(&backwards, other, *to, *from, true, arch), &by_input, &format!("{what}, by input"));
            let gradient = WeightGradient {
                stencil: &forwards,
                groups: convolution.groups,
                input: x,
                from: *from,
                gradient: other,
                to: *to,
                kernel,
            };
            assert_close(&gradient.compute(arch), &by_weight, &format!("{what}, by weight"));
        }
    }
}

#[test]
fn prologue_and_epilogue_are_applied_where_they_belong() {
    for case in cases() {
        let Case { convolution, from, to, x, weight, other } = &case;
        let scale: Vec<f32> = (0..from.channels).map(|i| 0.5 + i as f32 * 0.1).collect();
        let shift: Vec<f32> = (0..from.channels).map(|i| 0.3 - i as f32 * 0.05).collect();
        let bias: Vec<f32> = (0..to.channels).map(|i| i as f32 * 0.2 - 0.5).collect();
        let channel = |position: usize, map: &Map| position / (map.height * map.width) % map.channels;
        let mut sums: Vec<f64> = (0..to.len()).map(|i| f64::from(bias[channel(i, to)])).collect();
        products(&case, |out, w, seen| {
            let c = channel(seen, from);
            sums[out] += f64::from(weight[w]) * f64::from((x[seen] * scale[c] + shift[c]).max(0.0));
        });
        let half = Map { height: to.height.div_ceil(2), width: to.width.div_ceil(2), ..*to };
        for doubled in [false, true] {
            if doubled && (to.height % 2 != 0 || to.width % 2 != 0) {
                continue;
            }
            let map = if doubled { half } else { *to };
            let values = &other[..map.len()];
            let expected: Vec<f64> = (0..to.len())
                .map(|i| {
                    let (row, column) = (i / to.width % to.height, i % to.width);
                    let plane = i / (to.height * to.width);
                    let (row, column) = if doubled { (row / 2, column / 2) } else { (row, column) };
                    (sums[i] + f64::from(values[(plane * map.height + row) * map.width + column])).max(0.0)
                })
                .collect();
            for arch in instruction_sets() {
                let sum = Sum {
                    stencil: &Stencil::forward(convolution),
                    groups: convolution.groups,
                    input: x,
                    from: *from,
                    to: *to,
                    weights: weight,
                    kernel: convolution.kernel * convolution.kernel,
                    transposed: false,
                    prologue: Prologue(Some((&scale, &shift))),
                    epilogue: Epilogue {
                        bias: Some(&bias),
                        residual: Some(Residual { values, map, doubled }),
                        relu: true,
                    },
                };
                assert_close(&sum.compute(arch), &expected, &format!("{convolution:?} of {from:?} on {arch:?}"));
            }
        }
    }
}

#[cfg(feature = "threads")]
#[test]
fn one_thread_and_three_give_the_same_bits() {
    let on = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let all = cases().into_iter().map(|case| {
                let Case { convolution, from, to, x, weight, other } = &case;
                let (stencil, kernel) = (Stencil::forward(convolution), convolution.kernel * convolution.kernel);
                let (input, groups) = (&x[..], convolution.groups);
                let gradient =
                    WeightGradient { stencil: &stencil, groups, input, from: *from, gradient: other, to: *to, kernel };
                let sum = Sum {
                    stencil: &stencil,
                    groups,
                    input,
                    from: *from,
                    to: *to,
                    weights: weight,
                    kernel,
                    transposed: false,
                    prologue: Prologue::default(),
                    epilogue: Epilogue::default(),
                };
                (gradient.compute(Arch::detect()), sum.compute(Arch::detect()))
            });
            all.collect::<Vec<_>>()
        })
    };
    assert_eq!(on(1), on(3));
}

#[cfg(feature = "threads")]
#[test]
fn batch_normalisation_gives_the_same_bits_on_one_thread_and_three_and_in_place() {
    let map = Map::of([3, 5, 61, 67]);
    let mut rng = ChaCha8Rng::seed_from_u64(2);
    let mut draw = |count: usize| (0..count).map(|_| rng.random_range(-1.0..1.0f32)).collect::<Vec<f32>>();
    let (x, gradient, gamma, beta) = (draw(map.len()), draw(map.len()), draw(5), draw(5));
    let on = |threads: usize, in_place: bool| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let (y, mean, variance) = normalise(&x, map, &gamma, &beta, 1e-5, true);
            let (mut by_x, given) =
                if in_place { (gradient.clone(), None) } else { (vec![f32::NAN; map.len()], Some(&gradient[..])) };
            let normalised = Normalised {
                x: &x,
                map,
                gamma: &gamma,
                beta: &beta,
                mean: &mean,
                variance: &variance,
                epsilon: 1e-5,
                relu: true,
            };
            let by_parameters = normalised.gradient(given, &mut by_x);
            (y.to_vec(), by_x, by_parameters)
        })
    };
    assert_eq!(on(1, true), on(3, true));
    assert_eq!(on(1, true), on(1, false));
}
