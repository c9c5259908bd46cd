//! 3x3 convolutions with and without gradients: our kernels versus Burn's on the same device, from few channels with many
//! pixels to many channels with few pixels. On GPUs, `COIN_WIDE=1000000` in the environment also runs our kernels for wide
//! convolutions, which shows from which width on Burn's are faster.

#![allow(clippy::print_stdout)]

mod baselines;

use burn::tensor::ops::ConvOptions;
use burn::tensor::{Device, Distribution, Tensor, module};
use clap::Parser;
use coin_kernels::{Convolution, Epilogue, convolve};
use coin_train::device::{self, DeviceChoice};

/// Channels, and side of the feature map.
const ROWS: [(usize, usize); 6] = [(8, 256), (16, 128), (32, 64), (64, 32), (128, 32), (256, 16)];
const BATCH: usize = 8;
const RUNS: usize = 20;

#[derive(Parser)]
struct Arguments {
    #[command(flatten)]
    options: baselines::Options,
    /// Compute device: cpu, vulkan[:N] or cuda[:N].
    #[arg(long, default_value = "cpu")]
    device: DeviceChoice,
}

fn main() -> anyhow::Result<()> {
    let Arguments { options, device } = Arguments::parse();
    options.limit_threads()?;
    let device = device.open()?;
    let name = device::name(&device);
    for (channels, side) in ROWS {
        let what = format!("{channels} channels at {side}x{side}");
        if !options.wants(&what) {
            continue;
        }
        let ours = |x, weight| convolve(x, weight, None, Epilogue::default(), Convolution::same(3));
        let burns = |x, weight| module::conv2d(x, weight, None, ConvOptions::new([1, 1], [1, 1], [1, 1], 1));
        let runs = options.runs(RUNS);
        for (how, trained) in [("alone", false), ("with gradients", true)] {
            let times = |run: &dyn Fn(Tensor<4>, Tensor<4>) -> Tensor<4>| {
                seconds(&device, [channels, side], trained, runs, run)
            };
            let (ours, burns) = (times(&ours)?, times(&burns)?);
            options.compare(&format!("{what}, {how}, on {name}"), "Burn", &ours, Some(&burns));
        }
    }
    Ok(())
}

/// Seconds of each run of a convolution of random feature maps, including its gradients if `trained`.
fn seconds(
    device: &Device,
    [channels, side]: [usize; 2],
    trained: bool,
    runs: usize,
    run: &dyn Fn(Tensor<4>, Tensor<4>) -> Tensor<4>,
) -> anyhow::Result<Vec<f64>> {
    let own = if trained { device.clone().autodiff() } else { device.clone() };
    let random = |shape| Tensor::<4>::random(shape, Distribution::Uniform(-1.0, 1.0), &own);
    let (x, weight) = (random([BATCH, channels, side, side]), random([channels, channels, 3, 3]));
    baselines::seconds(runs, || {
        if trained {
            let (x, weight) = (x.clone().require_grad(), weight.clone().require_grad());
            let gradients = run(x.clone(), weight.clone()).sum().backward();
            drop((x.grad(&gradients), weight.grad(&gradients)));
        } else {
            run(x.clone(), weight.clone());
        }
        Ok(device.sync()?)
    })
}
