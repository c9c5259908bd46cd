//! Batch normalisation, channel by channel while the planes are in the cache.

use super::band::Map;
use super::buffers::Buffer;
use super::planes::{each_plane, plane, vectorised};
use super::tasks::{self, Output};
use super::tile::relu as apply_relu;

/// Independent partial sums, for vectorisation and precision.
const LANES: usize = 32;

/// `relu(scale * x + shift)`.
pub fn affine_relu(x: &[f32], map: Map, scale: &[f32], shift: &[f32]) -> Buffer {
    vectorised! {
        fn pass(source: &[f32], scale: f32, shift: f32, target: &mut [f32]) {
            for (y, x) in target.iter_mut().zip(source) {
                *y = apply_relu(x * scale + shift);
            }
        }
    }
    each_plane(map, 4 * map.len(), |channel, number, target| {
        let (scale, shift) = (scale[channel], shift[channel]);
        pass(plane(x, map, number), scale, shift, target);
    })
}

/// The normalisation of a channel. Subtracting the mean first keeps precision where the variance is small.
#[derive(Clone, Copy)]
struct Centred {
    mean: f32,
    scale: f32,
    beta: f32,
}

impl Centred {
    fn new(mean: f32, gamma: f32, beta: f32, inverse_deviation: f32) -> Self {
        Self { mean, scale: gamma * inverse_deviation, beta }
    }

    #[inline(always)]
    fn of(self, x: f32) -> f32 {
        (x - self.mean) * self.scale + self.beta
    }
}

/// Returns the output, and the mean and biased variance of each channel.
pub fn normalise(
    x: &[f32],
    map: Map,
    gamma: &[f32],
    beta: &[f32],
    epsilon: f32,
    relu: bool,
) -> (Buffer, Vec<f32>, Vec<f32>) {
    let mut y = Buffer::unspecified(map.len());
    let planes = Output::new(&mut y);
    let (mean, variance) = each_channel(map, |channel| {
        let mut count = 0.0;
        let (mut mean, mut spread) = (0f64, 0f64);
        for number in map.planes(channel) {
            let plane = plane(x, map, number);
            let (sum, squares) = moments(plane);
            // Combine the statistics of two groups (Chan, Golub and LeVeque, 1979).
            let own_count = plane.len() as f64;
            let own_mean = sum / own_count;
            let between = own_mean - mean;
            let all = count + own_count;
            spread += squares + between * between * count * own_count / all;
            mean += between * own_count / all;
            count = all;
        }
        let (mean, variance) = (mean as f32, (spread / count) as f32);
        let centred = Centred::new(mean, gamma[channel], beta[channel], inverse_deviation(variance, epsilon));
        for number in map.planes(channel) {
            // SAFETY: one task per channel, and one plane at a time.
            let target = unsafe { planes.slice(number * map.plane(), map.plane()) };
            normalised_plane(plane(x, map, number), centred, relu, target);
        }
        (mean, variance)
    });
    (y, mean, variance)
}

fn inverse_deviation(variance: f32, epsilon: f32) -> f32 {
    (1.0 / (f64::from(variance) + f64::from(epsilon)).sqrt()) as f32
}

vectorised! {
    /// The sum of the values, and of their squared deviations from the mean.
    fn moments(values: &[f32]) -> (f64, f64) {
        let sum = lane_sums(values, |x| x);
        let mean = (sum / values.len() as f64) as f32;
        (sum, lane_sums(values, |x| (x - mean) * (x - mean)))
    }

    fn normalised_plane(source: &[f32], centred: Centred, relu: bool, target: &mut [f32]) {
        if relu {
            for (y, x) in target.iter_mut().zip(source) {
                *y = apply_relu(centred.of(*x));
            }
        } else {
            for (y, x) in target.iter_mut().zip(source) {
                *y = centred.of(*x);
            }
        }
    }
}

/// The sum of `of` over the values.
#[inline(always)]
fn lane_sums(values: &[f32], of: impl Fn(f32) -> f32) -> f64 {
    let mut sums = [0f32; LANES];
    let mut total = 0.0;
    // Periodic accumulation in f64 keeps precision on large maps.
    for run in values.chunks(64 * LANES) {
        let mut chunks = run.chunks_exact(LANES);
        for chunk in chunks.by_ref() {
            sums.iter_mut().zip(chunk).for_each(|(sum, x)| *sum += of(*x));
        }
        total += chunks.remainder().iter().map(|x| f64::from(of(*x))).sum::<f64>();
        total += sums.iter().map(|sum| f64::from(*sum)).sum::<f64>();
        sums = [0.0; LANES];
    }
    total
}

/// Calls `of` for each channel and collects its two numbers.
fn each_channel(map: Map, of: impl Fn(usize) -> (f32, f32) + Sync + Send) -> (Vec<f32>, Vec<f32>) {
    let mut found = vec![(0.0, 0.0); map.channels];
    let output = Output::new(&mut found);
    tasks::run(map.channels, 8 * map.len(), |channel| {
        // SAFETY: one task per channel.
        unsafe { output.slice(channel, 1) }.fill(of(channel));
    });
    found.into_iter().unzip()
}

/// Inputs and statistics of a normalisation, for its backward pass.
pub struct Normalised<'a> {
    pub x: &'a [f32],
    pub map: Map,
    pub gamma: &'a [f32],
    pub beta: &'a [f32],
    pub mean: &'a [f32],
    pub variance: &'a [f32],
    pub epsilon: f32,
    pub relu: bool,
}

impl Normalised<'_> {
    /// Returns the gradients with respect to gamma and beta, and writes the input gradient to `target`. The output
    /// gradient is `given`, or else already in `target`.
    pub fn gradient(&self, given: Option<&[f32]>, target: &mut [f32]) -> (Vec<f32>, Vec<f32>) {
        let map = self.map;
        let count = (map.batch * map.height * map.width) as f64;
        let planes = Output::new(target);
        each_channel(map, |channel| {
            let inverse = inverse_deviation(self.variance[channel], self.epsilon);
            let centred = Centred::new(self.mean[channel], self.gamma[channel], self.beta[channel], inverse);
            let scale = centred.scale;
            // Sums of the gradient, and of the gradient times the normalised input.
            let [mut sum, mut product] = [0f64; 2];
            for number in map.planes(channel) {
                // SAFETY: one task per channel, and one plane at a time.
                let gradient = unsafe { planes.slice(number * map.plane(), map.plane()) };
                if let Some(given) = given {
                    gradient.copy_from_slice(plane(given, map, number));
                }
                let [own_sum, own_product] = products(plane(self.x, map, number), gradient, centred, self.relu);
                sum += own_sum;
                product += own_product;
            }
            product *= f64::from(inverse);
            // scale (g - mean(g) - x' mean(g x')), with x' the normalised input.
            let slope = -scale * inverse * (product / count) as f32;
            let rest = -scale * (sum / count) as f32;
            for number in map.planes(channel) {
                // SAFETY: as above.
                let gradient = unsafe { planes.slice(number * map.plane(), map.plane()) };
                input_gradient(plane(self.x, map, number), centred, self.relu, [slope, rest], gradient);
            }
            (product as f32, sum as f32)
        })
    }
}

vectorised! {
    /// The sums of the gradient, and of the gradient times the deviation of `x` from the mean.
    fn products(x: &[f32], gradient: &[f32], centred: Centred, relu: bool) -> [f64; 2] {
        let mut total = [0f64; 2];
        let seen = |x: f32, gradient: f32| if relu && centred.of(x) <= 0.0 { 0.0 } else { gradient };
        let mean = centred.mean;
        for (x, gradient) in x.chunks(64 * LANES).zip(gradient.chunks(64 * LANES)) {
            let mut sums = [[0f32; LANES]; 2];
            let (mut xs, mut gradients) = (x.chunks_exact(LANES), gradient.chunks_exact(LANES));
            for (x, gradient) in xs.by_ref().zip(gradients.by_ref()) {
                for lane in 0..LANES {
                    let seen = seen(x[lane], gradient[lane]);
                    sums[0][lane] += seen;
                    sums[1][lane] += seen * (x[lane] - mean);
                }
            }
            for (x, gradient) in xs.remainder().iter().zip(gradients.remainder()) {
                let seen = seen(*x, *gradient);
                total[0] += f64::from(seen);
                total[1] += f64::from(seen * (x - mean));
            }
            for (total, sums) in total.iter_mut().zip(sums) {
                *total += sums.into_iter().map(f64::from).sum::<f64>();
            }
        }
        total
    }

    /// `gradient = slope * (x - mean) + scale * gradient + rest`, with the gradient masked by ReLU.
    fn input_gradient(x: &[f32], centred: Centred, relu: bool, line: [f32; 2], gradient: &mut [f32]) {
        let (Centred { mean, scale, .. }, [slope, rest]) = (centred, line);
        for (gradient, x) in gradient.iter_mut().zip(x) {
            let cut = relu && centred.of(*x) <= 0.0;
            let seen = if cut { 0.0 } else { *gradient };
            *gradient = slope * (x - mean) + scale * seen + rest;
        }
    }
}
