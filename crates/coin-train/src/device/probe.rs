//! Whether a device computes what the processor does.

use burn::module::Module as _;
use burn::tensor::{Device, Distribution, Tensor};
use coin_core::condition::Condition;
use coin_core::networks::{Fuse, InpainterConfig, Upsampling};

use super::name;
use crate::Error;

/// Largest difference from the processor that rounding explains, relative to the largest value.
const TOLERANCE: f32 = 1e-2;

/// Compares a small inpainter's answer and its gradient for the input with the processor's.
pub(super) fn check(device: &Device) -> Result<(), Error> {
    let processor = Device::flex().autodiff();
    processor.seed(1);
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
    let inpainter = config.init(&processor);
    let x = Tensor::<4>::random([2, 1, 32, 32], Distribution::Uniform(-1.0, 1.0), &processor);
    let run = |device: &Device| {
        let device = device.clone().autodiff();
        let x = x.clone().detach().to_device(&device).require_grad();
        let y = inpainter.clone().to_device(&device).forward(x.clone(), &Condition::All(0));
        let gradients = (y.clone() * y.clone()).sum().backward();
        let values = |tensor: Option<Tensor<4>>| tensor.and_then(|tensor| tensor.try_into_vec_as::<f32>().ok());
        (values(Some(y)).unwrap_or_default(), values(x.grad(&gradients)).unwrap_or_default())
    };
    let (expected, found) = (run(&processor), run(device));
    compare(device, "answers", &expected.0, &found.0)?;
    compare(device, "gradients", &expected.1, &found.1)
}

fn compare(device: &Device, what: &'static str, expected: &[f32], found: &[f32]) -> Result<(), Error> {
    let largest = expected.iter().fold(f32::MIN_POSITIVE, |largest, value| largest.max(value.abs()));
    let mut differences = expected.iter().zip(found).map(|(a, b)| (a - b).abs() / largest);
    // Written so that NaN, and a device without an answer, are wrong.
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
    fn the_processor_agrees_with_itself() {
        assert_eq!(check(&Device::flex()), Ok(()));
    }

    #[test]
    fn a_wrong_number_and_no_number_are_told() {
        let told = |found: &[f32]| compare(&Device::flex(), "answers", &[1.0, -2.0], found);
        assert_eq!(told(&[1.0, -2.001]), Ok(()));
        assert!(matches!(told(&[1.0, -1.9]), Err(Error::WrongDevice { .. })));
        assert!(matches!(told(&[f32::NAN, -2.0]), Err(Error::WrongDevice { .. })));
        assert!(matches!(told(&[]), Err(Error::WrongDevice { .. })));
    }
}
