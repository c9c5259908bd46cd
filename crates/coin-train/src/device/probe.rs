//! Checks that a device computes the same results as the CPU.

use burn::module::Module as _;
use burn::tensor::{Device, Distribution, Tensor};
use coin_core::condition::Condition;
use coin_core::networks::{Fuse, InpainterConfig, Upsampling};

use super::name;
use crate::Error;

/// Largest difference from the CPU that rounding can explain, relative to the largest value.
const TOLERANCE: f32 = 1e-2;

/// Compares the output and the input gradient of a small inpainter with the CPU's.
pub(super) fn check(device: &Device) -> Result<(), Error> {
    let cpu = Device::flex().autodiff();
    cpu.seed(1);
    let config = InpainterConfig {
        stem: 4,
        widths: vec![4, 8],
        conditions: 1,
        skips: vec![1],
        upsampling: Upsampling::Nearest,
        fuse: Fuse::SkipTanhMove,
        spectral_norm: false,
        zero_head: false,
    };
    let inpainter = config.init(&cpu);
    let x = Tensor::<4>::random([2, 1, 32, 32], Distribution::Uniform(-1.0, 1.0), &cpu);
    let run = |device: &Device| {
        let device = device.clone().autodiff();
        let x = x.clone().detach().to_device(&device).require_grad();
        let y = inpainter.clone().to_device(&device).forward(x.clone(), &Condition::All(0));
        let gradients = (y.clone() * y.clone()).sum().backward();
        let values = |tensor: Option<Tensor<4>>| tensor.and_then(|tensor| tensor.try_into_vec_as::<f32>().ok());
        (values(Some(y)).unwrap_or_default(), values(x.grad(&gradients)).unwrap_or_default())
    };
    let (expected, found) = (run(&cpu), run(device));
    compare(device, "outputs", &expected.0, &found.0)?;
    compare(device, "gradients", &expected.1, &found.1)
}

fn compare(device: &Device, what: &'static str, expected: &[f32], found: &[f32]) -> Result<(), Error> {
    let largest = expected.iter().fold(f32::MIN_POSITIVE, |largest, value| largest.max(value.abs()));
    let mut differences = expected.iter().zip(found).map(|(a, b)| (a - b).abs() / largest);
    // NaN and missing values count as differences.
    let beyond = differences.find(|difference| difference.is_nan() || *difference > TOLERANCE);
    let difference = match beyond {
        None if expected.len() == found.len() => return Ok(()),
        beyond => beyond.unwrap_or(f32::NAN),
    };
    Err(Error::WrongDevice { device: name(device), what, difference })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cpu_agrees_with_itself() {
        assert_eq!(check(&Device::flex()), Ok(()));
    }

    #[test]
    fn wrong_and_missing_values_are_reported() {
        let compared = |found: &[f32]| compare(&Device::flex(), "outputs", &[1.0, -2.0], found);
        assert_eq!(compared(&[1.0, -2.001]), Ok(()));
        assert!(matches!(compared(&[1.0, -1.9]), Err(Error::WrongDevice { .. })));
        assert!(matches!(compared(&[f32::NAN, -2.0]), Err(Error::WrongDevice { .. })));
        assert!(matches!(compared(&[]), Err(Error::WrongDevice { .. })));
    }
}
