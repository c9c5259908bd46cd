//! The inner loops, written once for every instruction set.
//!
//! They are plain loops because iterator adapters are not always compiled for the instruction set of the caller.

#![allow(clippy::needless_range_loop)]

use macerator::{Arch, Scalar as _, Simd, Vector};

/// Output channels and values of the largest tile.
pub const MAX_OUTPUTS: usize = 8;
pub const MAX_VALUES: usize = 128;

/// Channels per partial sum; one long sum of small values would lose precision.
const SUMMED: usize = 16;

type F32<S> = Vector<S, f32>;

/// Lanes of a vector.
#[inline(always)]
pub fn lanes<S: Simd>() -> usize {
    S::lanes32()
}

/// Whether there are 32 vector registers rather than 16.
#[inline(always)]
pub fn many_registers<S: Simd>() -> bool {
    lanes::<S>() == 16 || cfg!(target_arch = "aarch64")
}

/// Outputs computed together so that their inputs stay in registers: preferably a divisor of `outputs`.
pub fn outputs_at_once(arch: Arch, outputs: usize) -> usize {
    let most = if has_32_registers(arch) { 8 } else { 4 };
    let even = [8, 4].into_iter().find(|&count| count <= most && outputs.is_multiple_of(count));
    even.unwrap_or_else(|| [most, 4, 2].into_iter().find(|&count| count <= outputs).unwrap_or(1))
}

#[cfg(target_arch = "x86_64")]
fn has_32_registers(arch: Arch) -> bool {
    matches!(arch, Arch::V4)
}

#[cfg(not(target_arch = "x86_64"))]
fn has_32_registers(_: Arch) -> bool {
    cfg!(target_arch = "aarch64")
}

/// Whether vectors have four lanes and no fused multiply-add.
pub fn has_short_vectors(arch: Arch) -> bool {
    #[cfg(target_arch = "x86_64")]
    return matches!(arch, Arch::V2);
    #[cfg(not(target_arch = "x86_64"))]
    return cfg!(target_family = "wasm") && !matches!(arch, Arch::Scalar);
}

/// Values of each output that are stored together: one tile of `width`, or several adjacent tiles where vectors are
/// short and storing dominates.
#[inline(always)]
pub fn stored_at_once<S: Simd>(width: usize) -> usize {
    if lanes::<S>() <= 4 { 64usize.next_multiple_of(width) } else { width }
}

/// Where a tap finds its input and weight, in bytes: the index arithmetic would dominate with short vectors.
#[derive(Clone, Copy, Debug)]
pub struct Reach {
    distance: usize,
    weight: usize,
}

impl Reach {
    /// From distances in values: from a position to its input, and from a kernel's first weight.
    pub fn of(distance: usize, weight: usize) -> Self {
        Self { distance: distance * size_of::<f32>(), weight: weight * size_of::<f32>() }
    }

    /// Values from a position to its input.
    pub fn distance(&self) -> usize {
        self.distance / size_of::<f32>()
    }

    /// Values from a kernel's first weight.
    pub fn weight(&self) -> usize {
        self.weight / size_of::<f32>()
    }
}

/// Strides between kernels, in values.
#[derive(Clone, Copy, Debug)]
pub struct Kernels {
    /// To the next output's kernel.
    pub output: usize,
    /// To the next input channel's kernel.
    pub input: usize,
}

/// Computes `sums[m * line + q]`, the sum over channels `c` and taps `t` of `weights[m * output + c * input +
/// weight(t)] * input[c * channel + distance(t) + q]`.
///
/// # Safety
/// The instruction set of `S` must be available; `input` must be valid for reads of `(channels - 1) * channel + d + V *
/// lanes` values for every distance `d`, `weights` for reads at every index above with `m` below `M`, and `sums` for
/// writes of `(M - 1) * line + V * lanes` values.
#[inline(always)]
#[allow(clippy::too_many_arguments, reason = "all of them vary")]
unsafe fn sum<S: Simd, const M: usize, const V: usize>(
    input: *const f32,
    channels: usize,
    channel: usize,
    taps: &[Reach],
    weights: *const f32,
    kernels: Kernels,
    sums: *mut f32,
    line: usize,
) {
    let (lanes, zero): (usize, F32<S>) = (lanes::<S>(), 0f32.splat());
    let (mut input, mut weights) = (input, weights);
    for first in (0..channels.max(1)).step_by(SUMMED) {
        let mut total = [[zero; V]; M];
        for _ in first..channels.min(first + SUMMED) {
            for tap in taps {
                // SAFETY: the caller guarantees the reads of every channel, tap and tile.
                unsafe {
                    let mut seen = [zero; V];
                    for v in 0..V {
                        seen[v] = f32::vload_unaligned(input.byte_add(tap.distance).add(v * lanes));
                    }
                    let weights = weights.byte_add(tap.weight);
                    for m in 0..M {
                        let weight: F32<S> = (*weights.add(m * kernels.output)).splat();
                        for v in 0..V {
                            total[m][v] = weight.mul_add(seen[v], total[m][v]);
                        }
                    }
                }
            }
            input = input.wrapping_add(channel);
            weights = weights.wrapping_add(kernels.input);
        }
        for m in 0..M {
            for v in 0..V {
                // SAFETY: within `V * lanes` values of line `m`, which the caller guarantees.
                unsafe {
                    let sum = sums.add(m * line + v * lanes);
                    let before = if first == 0 { zero } else { f32::vload_unaligned::<S>(sum) };
                    f32::vstore_unaligned(sum, before + total[m][v]);
                }
            }
        }
    }
}

/// [`sum`] for `count` positions, tile by tile.
///
/// # Safety
/// As for [`sum`], with `count` rounded up to whole tiles.
#[cfg_attr(target_family = "wasm", inline(never))]
#[cfg_attr(not(target_family = "wasm"), inline(always))]
#[allow(clippy::too_many_arguments, reason = "all of them vary")]
pub unsafe fn sums<S: Simd, const M: usize, const V: usize>(
    input: *const f32,
    count: usize,
    channels: usize,
    channel: usize,
    taps: &[Reach],
    weights: *const f32,
    kernels: Kernels,
    sums: *mut f32,
    line: usize,
) {
    for beside in (0..count).step_by(V * lanes::<S>()) {
        // SAFETY: the caller guarantees whole tiles.
        unsafe {
            let (input, sums) = (input.add(beside), sums.add(beside));
            sum::<S, M, V>(input, channels, channel, taps, weights, kernels, sums, line);
        }
    }
}

/// Copies all values inline, because rows are often too short for a call of `memcpy`. WebAssembly has an instruction
/// for it.
#[inline(always)]
pub fn copy<S: Simd>(from: &[f32], to: &mut [f32]) {
    if cfg!(target_family = "wasm") {
        return to.copy_from_slice(from);
    }
    const FEW: usize = 4;
    let (count, lanes) = (to.len(), lanes::<S>());
    assert!(from.len() == count, "every value has a position");
    let (from, to) = (from.as_ptr(), to.as_mut_ptr());
    let mut done = 0;
    // The last vector overlaps the previous one.
    if lanes > FEW && count >= lanes {
        while done < count {
            let position = done.min(count - lanes);
            // SAFETY: `position` and the following `lanes` values are within `count`.
            unsafe { f32::vstore_unaligned::<S>(to.add(position), f32::vload_unaligned(from.add(position))) };
            done += lanes;
        }
    } else if count >= FEW {
        while done < count {
            let position = done.min(count - FEW);
            // SAFETY: `position` and the following `FEW` values are within `count`.
            unsafe { to.add(position).cast::<[f32; FEW]>().write(from.add(position).cast::<[f32; FEW]>().read()) };
            done += FEW;
        }
    } else {
        while done < count {
            // SAFETY: `done` is below `count`.
            unsafe { *to.add(done) = *from.add(done) };
            done += 1;
        }
    }
}

/// Copies every `step`-th value, starting with the first, as far as they go.
#[inline(always)]
pub fn copy_strided(from: &[f32], step: usize, to: &mut [f32]) {
    if step == 2 {
        // Whole pairs, which the compiler vectorises, and an unpaired last value.
        let pairs = from.chunks_exact(2);
        if let (Some(alone), Some(last)) = (pairs.remainder().first(), to.get_mut(pairs.len())) {
            *last = *alone;
        }
        for (to, pair) in to.iter_mut().zip(pairs) {
            *to = pair[0];
        }
    } else {
        for (to, from) in to.iter_mut().zip(from.chunks(step)) {
            *to = from[0];
        }
    }
}

/// Zeroes a few values.
#[inline(always)]
pub fn clear(values: &mut [f32]) {
    if cfg!(target_family = "wasm") {
        return values.fill(0.0);
    }
    let mut position = 0;
    while position < values.len() {
        values[position] = 0.0;
        position += 1;
    }
}

/// The epilogue of a row.
#[derive(Clone, Copy, Debug)]
pub struct Finish {
    pub bias: f32,
    /// Null if absent.
    pub residual: *const f32,
    pub relu: bool,
}

/// `max(x, 0)` that propagates NaN, unlike `f32::max`.
#[inline(always)]
pub fn relu(x: f32) -> f32 {
    if x < 0.0 { 0.0 } else { x }
}

/// `values[i] = relu(scale * values[i] + shift)`.
///
/// # Safety
/// The instruction set of `S` must be available; `values` must be valid for reads and writes of `count` values.
#[inline(always)]
pub unsafe fn affine_relu<S: Simd>(values: *mut f32, count: usize, scale: f32, shift: f32) {
    let lanes = lanes::<S>();
    if lanes == 1 || count < lanes {
        for i in 0..count {
            // SAFETY: `i` is below `count`.
            unsafe { *values.add(i) = relu(*values.add(i) * scale + shift) };
        }
        return;
    }
    let (scale, shift, zero): (F32<S>, F32<S>, F32<S>) = (scale.splat(), shift.splat(), 0f32.splat());
    let changed = |value: F32<S>| {
        let value = value * scale + shift;
        value.lt(zero).select(zero, value)
    };
    // SAFETY: all vectors lie within `count` values. The last one overlaps the previous one and is read before any
    // store.
    unsafe {
        let last = changed(f32::vload_unaligned(values.add(count - lanes)));
        let mut position = 0;
        while position + lanes <= count {
            f32::vstore_unaligned(values.add(position), changed(f32::vload_unaligned(values.add(position))));
            position += lanes;
        }
        f32::vstore_unaligned(values.add(count - lanes), last);
    }
}

/// `to[i] = relu(from[i] + bias + residual[i])`, each part optional.
///
/// # Safety
/// The instruction set of `S` must be available; `from`, and the residual unless it is null, must be valid for reads of
/// `count` values, and `to`, which overlaps neither, for writes.
#[inline(always)]
pub unsafe fn finish<S: Simd>(from: *const f32, count: usize, finish: Finish, to: *mut f32) {
    let Finish { bias, residual, relu: cut } = finish;
    let lanes = lanes::<S>();
    if lanes == 1 || count < lanes {
        for i in 0..count {
            // SAFETY: `i` is below `count`.
            unsafe {
                let value = *from.add(i) + bias;
                let value = if residual.is_null() { value } else { value + *residual.add(i) };
                *to.add(i) = if cut { relu(value) } else { value };
            }
        }
        return;
    }
    let (bias, zero): (F32<S>, F32<S>) = (bias.splat(), 0f32.splat());
    let mut done = 0;
    while done < count {
        // The last vector overlaps the previous one and stores the same values again.
        let position = done.min(count - lanes);
        // SAFETY: `position` and the following `lanes` values are within `count`.
        unsafe {
            let mut value = f32::vload_unaligned::<S>(from.add(position)) + bias;
            if !residual.is_null() {
                value += f32::vload_unaligned::<S>(residual.add(position));
            }
            if cut {
                value = value.lt(zero).select(zero, value);
            }
            f32::vstore_unaligned(to.add(position), value);
        }
        done += lanes;
    }
}

/// `[m][j] = sum over q in 0..count: a[m][q] * b[j][q]`.
///
/// # Safety
/// The instruction set of `S` must be available; all pointers must be valid for reads of `count` values, and `count`
/// must be a multiple of the lanes.
#[inline(always)]
pub unsafe fn correlate<S: Simd, const M: usize, const J: usize>(
    a: [*const f32; M],
    b: [*const f32; J],
    count: usize,
) -> [[f32; J]; M] {
    let zero: F32<S> = 0f32.splat();
    let mut total = [[zero; J]; M];
    let mut q = 0;
    while q < count {
        // SAFETY: `count` is a multiple of the lanes, so `q` and the following lanes are below it.
        unsafe {
            let mut left = [zero; M];
            for m in 0..M {
                left[m] = f32::vload_unaligned(a[m].add(q));
            }
            for j in 0..J {
                let right: F32<S> = f32::vload_unaligned(b[j].add(q));
                for m in 0..M {
                    total[m][j] = left[m].mul_add(right, total[m][j]);
                }
            }
        }
        q += lanes::<S>();
    }
    let mut sums = [[0.0; J]; M];
    for m in 0..M {
        for j in 0..J {
            sums[m][j] = total[m][j].reduce_add();
        }
    }
    sums
}

/// Adds to `sums[m * V * lanes + o]` the sum over lines `l` and columns `c` of `seen[m][lines[l] + c] * gradients[(l *
/// columns + c) * pitch + o]`.
///
/// # Safety
/// The instruction set of `S` must be available; every `seen` must be valid for reads of `columns` values at each of
/// `lines`, `gradients` of `V * lanes` values at each position, and `sums` for reads and writes of `M * V * lanes`.
#[inline(always)]
pub unsafe fn accumulate<S: Simd, const M: usize, const V: usize>(
    seen: [*const f32; M],
    lines: &[usize],
    columns: usize,
    gradients: *const f32,
    pitch: usize,
    sums: *mut f32,
) {
    let (lanes, zero): (usize, F32<S>) = (lanes::<S>(), 0f32.splat());
    let mut total = [[zero; V]; M];
    let mut gradients = gradients;
    for &line in lines {
        // SAFETY: the caller guarantees the reads at every position.
        unsafe {
            let mut seen = seen;
            for m in 0..M {
                seen[m] = seen[m].add(line);
            }
            for column in 0..columns {
                let mut vectors = [zero; V];
                for v in 0..V {
                    vectors[v] = f32::vload_unaligned(gradients.add(v * lanes));
                }
                for m in 0..M {
                    let value: F32<S> = (*seen[m].add(column)).splat();
                    for v in 0..V {
                        total[m][v] = value.mul_add(vectors[v], total[m][v]);
                    }
                }
                gradients = gradients.wrapping_add(pitch);
            }
        }
    }
    for m in 0..M {
        for v in 0..V {
            // SAFETY: the caller guarantees `M * V * lanes` sums.
            unsafe {
                let sum = sums.add((m * V + v) * lanes);
                f32::vstore_unaligned(sum, f32::vload_unaligned::<S>(sum) + total[m][v]);
            }
        }
    }
}
